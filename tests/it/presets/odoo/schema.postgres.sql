-- Odoo 17 and 18, the columns that the preset reads. Facts: odoo/odoo, addons/account/models/account_move.py and
-- account_move_line.py, addons/mail (email_normalized), addons/phone_validation (phone_sanitized, an optional module),
-- odoo/models.py (write() sets write_date to the begin of the transaction, in UTC without a zone).
create table res_currency (id serial primary key, name varchar not null, decimal_places integer);
create table res_partner (
  id serial primary key, name varchar, lang varchar, tz varchar, email varchar, email_normalized varchar, phone varchar,
  mobile varchar, phone_sanitized varchar, active boolean, write_date timestamp);
create table account_move (
  id serial primary key, name varchar, state varchar not null, move_type varchar not null, payment_state varchar,
  partner_id integer, company_id integer, invoice_date_due date, amount_residual numeric, write_date timestamp);
create table account_move_line (
  id serial primary key, move_id integer not null references account_move (id) on delete cascade,
    currency_id integer not null,
  display_type varchar not null, date_maturity date, amount_currency numeric, amount_residual_currency numeric,
  reconciled boolean, blocked boolean, write_date timestamp);
create index account_move_line_move_id_index on account_move_line (move_id);
create index account_move_partner_id_index on account_move (partner_id);
