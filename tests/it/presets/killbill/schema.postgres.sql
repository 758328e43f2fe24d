-- Kill Bill 0.24 on PostgreSQL, the columns that the preset reads. Facts: killbill/killbill, the files ddl.sql of
-- account,
-- invoice, payment and util (`datetime` is a domain over timestamp), InvoicePaymentSqlDao.sql.stg (updateAttempt
-- writes the
-- outcome into the
-- attempt's row and leaves created_date), InvoiceSqlDao.java (updateStatus is audited), ControlTagType.
create domain datetime as timestamp without time zone;
create table accounts (
  record_id bigserial primary key, id varchar(36) not null unique, external_key varchar(255) not null,
    email varchar(128),
  name varchar(100), is_payment_delegated_to_parent boolean default false, payment_method_id varchar(36),
  time_zone varchar(50) not null, locale varchar(5), phone varchar(25), created_date datetime not null,
  updated_date datetime, tenant_record_id bigint not null default 0);
create table invoices (
  record_id bigserial primary key, id varchar(36) not null unique, account_id varchar(36) not null,
  invoice_date date not null, currency varchar(3) not null, status varchar(15) not null default 'COMMITTED',
  parent_invoice boolean not null default false, created_date datetime not null,
  tenant_record_id bigint not null default 0);
create index invoices_account on invoices (account_id);
create table invoice_history (
  record_id bigserial primary key, id varchar(36) not null, target_record_id bigint not null,
    status varchar(15) not null,
  change_type varchar(6) not null, created_date datetime not null, tenant_record_id bigint not null default 0);
create index invoice_history_target_record_id on invoice_history (target_record_id);
create table invoice_items (
  record_id bigserial primary key, id varchar(36) not null unique, type varchar(24) not null,
  invoice_id varchar(36) not null, amount numeric(15, 9) not null, currency varchar(3) not null,
  created_date datetime not null, tenant_record_id bigint not null default 0);
create index invoice_items_invoice_id on invoice_items (invoice_id);
create table invoice_payments (
  record_id bigserial primary key, id varchar(36) not null unique, type varchar(24) not null,
  invoice_id varchar(36) not null, payment_id varchar(36), payment_date datetime not null,
  amount numeric(15, 9) not null, currency varchar(3) not null, status varchar(50) not null,
  created_date datetime not null, tenant_record_id bigint not null default 0);
create index invoice_payments_invoice_id on invoice_payments (invoice_id);
create index invoice_payments_payment_id on invoice_payments (payment_id);
create table payment_transactions (
  record_id bigserial primary key, id varchar(36) not null unique, transaction_type varchar(32) not null,
  transaction_status varchar(50) not null, payment_id varchar(36) not null, created_date datetime not null,
  updated_date datetime not null, tenant_record_id bigint not null default 0);
create index transactions_payment_id on payment_transactions (payment_id);
create table tags (
  record_id bigserial primary key, id varchar(36) not null unique, tag_definition_id varchar(36) not null,
  object_id varchar(36) not null, object_type varchar(30) not null, is_active boolean default true,
  created_date datetime not null, updated_date datetime not null, tenant_record_id bigint not null default 0);
create index tags_by_object on tags (object_id);
create table audit_log (
  record_id bigserial primary key, id varchar(36) not null, target_record_id bigint not null,
  table_name varchar(50) not null, change_type varchar(6) not null, created_date datetime not null,
  tenant_record_id bigint not null default 0);
create index audit_log_fetch_target_record_id on audit_log (table_name, target_record_id);
