-- Frappe Lending on MariaDB, the columns that the preset reads. Facts: frappe/lending, the doctypes loan.json at
-- fa57aac4,
-- loan_repayment_schedule.json at 01dfdce3, loan_interest_accrual.json and loan_repayment.py at c177b1fc (accruals),
-- loan_demand.json at 027b13c1 and loan_repayment.py at 000aa9cd (demands). Frappe makes Currency decimal(21, 9), Check
-- tinyint, Link, Select and Data varchar(140), and keeps times in the site's zone.
create table tabLoan (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  applicant_type varchar(140), applicant varchar(140), applicant_name varchar(140), loan_product varchar(140),
  company varchar(140), status varchar(140), is_term_loan tinyint not null default 0,
  written_off_amount decimal(21, 9) not null default 0, key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabLoan Repayment Schedule` (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  loan varchar(140), status varchar(140), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabRepayment Schedule` (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  idx int not null default 0, parent varchar(140), parenttype varchar(140), payment_date date,
  principal_amount decimal(21, 9) not null default 0, interest_amount decimal(21, 9) not null default 0,
  total_payment decimal(21, 9) not null default 0, key parent (parent)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabLoan Interest Accrual` (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  loan varchar(140), repayment_schedule_name varchar(140), interest_amount decimal(21, 9) not null default 0,
  payable_principal_amount decimal(21, 9) not null default 0, paid_principal_amount decimal(21, 9) not null default 0,
  paid_interest_amount decimal(21, 9) not null default 0, key loan (loan), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabLoan Demand` (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  loan varchar(140), repayment_schedule_detail varchar(140), demand_type varchar(140), demand_subtype varchar(140),
  demand_amount decimal(21, 9) not null default 0, paid_amount decimal(21, 9) not null default 0,
  waived_amount decimal(21, 9) not null default 0, outstanding_amount decimal(21, 9) not null default 0,
  key repayment_schedule_detail (repayment_schedule_detail), key loan (loan), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabLoan Repayment` (
  name varchar(140) not null primary key, creation datetime(6), modified datetime(6),
    docstatus tinyint not null default 0,
  against_loan varchar(140), posting_date datetime(6), amount_paid decimal(21, 9) not null default 0,
  repayment_type varchar(140), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table `tabLoan Product` (
  name varchar(140) not null primary key, modified datetime(6), product_name varchar(140)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table tabCompany (
  name varchar(140) not null primary key, modified datetime(6), default_currency varchar(140)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table tabCustomer (
  name varchar(140) not null primary key, modified datetime(6), customer_name varchar(140), mobile_no text,
    email_id text,
  language varchar(140), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table tabEmployee (
  name varchar(140) not null primary key, modified datetime(6), employee_name varchar(140), cell_number varchar(140),
  personal_email varchar(140), key modified (modified)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
