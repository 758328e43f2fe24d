-- Invoice Ninja 5, the columns that the preset reads. Facts: invoiceninja/invoiceninja,
-- database/schema/mysql-schema.sql at
-- 619dfe7a, app/Models/Invoice.php at 00290f48 (the numbers of the statuses).
create table companies (
  id int unsigned not null auto_increment primary key, settings mediumtext not null, updated_at timestamp(6) null
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table currencies (
  id int unsigned not null auto_increment primary key, `precision` varchar(191) not null, code varchar(191) not null
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table languages (
  id int unsigned not null auto_increment primary key, locale varchar(191) not null
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table clients (
  id int unsigned not null auto_increment primary key, company_id int unsigned not null, name varchar(191),
  phone varchar(255), settings mediumtext, is_deleted tinyint(1) not null default 0, created_at timestamp(6) null,
  updated_at timestamp(6) null, deleted_at timestamp(6) null, key clients_company_id_index (company_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table client_contacts (
  id int unsigned not null auto_increment primary key, company_id int unsigned not null,
    client_id int unsigned not null,
  first_name varchar(191), last_name varchar(191), phone varchar(191), email varchar(100),
  is_primary tinyint(1) not null default 0, created_at timestamp(6) null, updated_at timestamp(6) null,
  deleted_at timestamp(6) null, key client_contacts_client_id_index (client_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
create table invoices (
  id int unsigned not null auto_increment primary key, client_id int unsigned not null,
    company_id int unsigned not null,
  status_id int unsigned not null, number varchar(191), due_date datetime, is_deleted tinyint(1) not null default 0,
  amount decimal(20, 6) not null, balance decimal(20, 6) not null, paid_to_date decimal(20, 6) not null default 0,
  partial decimal(20, 6), partial_due_date datetime, auto_bill_enabled tinyint(1) not null default 0,
  created_at timestamp(6) null, updated_at timestamp(6) null, deleted_at timestamp(6) null,
  key invoices_client_id_index (client_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
