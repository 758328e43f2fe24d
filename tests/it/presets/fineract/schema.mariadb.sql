-- Fineract's tenant database, the columns that the preset reads. Facts: apache/fineract, the Liquibase parts of
-- fineract-provider/src/main/resources/db/changelog/tenant: 0001_initial_schema.xml, 0020/0024/0033 (audit, UTC
-- times are
-- DATETIME of whole seconds), LoanRepaymentScheduleInstallment.java at 06310d14. BIT(1) is what old databases have
-- for a
-- boolean, TINYINT(1) what new ones have: both read alike.
create table m_client (
  id bigint not null auto_increment primary key, account_no varchar(20) not null, display_name varchar(160) not null,
  mobile_no varchar(50), email_address varchar(150), created_on_utc datetime, last_modified_on_utc datetime
) engine = innodb default charset = utf8mb4;
create table m_product_loan (
  id bigint not null auto_increment primary key, name varchar(100) not null, currency_code varchar(3) not null,
  currency_digits smallint not null
) engine = innodb default charset = utf8mb4;
create table m_loan (
  id bigint not null auto_increment primary key, account_no varchar(20) not null unique, client_id bigint,
    group_id bigint,
  product_id bigint, loan_status_id smallint not null, currency_code varchar(3) not null,
  currency_digits smallint not null, disbursedon_date date, is_charged_off tinyint(1) not null default 0,
  is_fraud bit(1) not null default b'0', created_on_utc datetime, last_modified_on_utc datetime, key (client_id)
) engine = innodb default charset = utf8mb4;
create table m_loan_repayment_schedule (
  id bigint not null auto_increment primary key, loan_id bigint not null, fromdate date, duedate date not null,
  installment smallint not null, principal_amount decimal(19, 6), principal_completed_derived decimal(19, 6),
  principal_writtenoff_derived decimal(19, 6), interest_amount decimal(19, 6), interest_completed_derived decimal(19,
    6),
  interest_writtenoff_derived decimal(19, 6), interest_waived_derived decimal(19, 6),
  fee_charges_amount decimal(19, 6), fee_charges_completed_derived decimal(19, 6),
  fee_charges_writtenoff_derived decimal(19, 6), fee_charges_waived_derived decimal(19, 6),
  penalty_charges_amount decimal(19, 6), penalty_charges_completed_derived decimal(19, 6),
  penalty_charges_writtenoff_derived decimal(19, 6), penalty_charges_waived_derived decimal(19, 6),
  credits_amount decimal(19, 6), completed_derived bit(1) not null, obligations_met_on_date date,
  created_on_utc datetime, last_modified_on_utc datetime, key (loan_id),
  foreign key (loan_id) references m_loan (id)
) engine = innodb default charset = utf8mb4;
create table m_guarantor (
  id bigint not null auto_increment primary key, loan_id bigint not null, type_enum smallint not null, entity_id bigint,
  firstname varchar(50), lastname varchar(50), mobile_number varchar(20), is_active tinyint(1) not null default 1,
  key (loan_id)
) engine = innodb default charset = utf8mb4;
create table m_account_transfer_details (
  id bigint not null auto_increment primary key, from_savings_account_id bigint, to_loan_account_id bigint,
  transfer_type smallint, key (to_loan_account_id)
) engine = innodb default charset = utf8mb4;
create table m_account_transfer_standing_instructions (
  id bigint not null auto_increment primary key, name varchar(250) not null,
    account_transfer_details_id bigint not null,
  status tinyint not null, instruction_type tinyint not null, key (account_transfer_details_id)
) engine = innodb default charset = utf8mb4;
