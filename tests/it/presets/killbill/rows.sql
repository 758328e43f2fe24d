-- Invented borrowers. "Today" is 2026-11-22. One invoice for each state; ids are shorter than Kill Bill's UUIDs.
insert into accounts (record_id, id, external_key, email, name, is_payment_delegated_to_parent, payment_method_id,
  time_zone,
  locale, phone, created_date, updated_date, tenant_record_id) values
 (1, 'acc-1', 'Cust-1', 'jo@example.com', 'Jo Young', false, null, 'America/Los_Angeles', 'en_US', '+14155552671',
   '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1),
 (2, 'acc-2', 'cust-1', 'al@example.com', 'Al Adams', false, 'pm-2', 'UTC', null, '', '2026-01-01 00:00:00', null, 1),
 (3, 'acc-3', 'cust-3', null, 'Child Ltd', true, null, 'Europe/Berlin', 'de_DE', null, '2026-01-01 00:00:00',
   '2026-01-01 00:00:00', 1),
 (4, 'acc-4', 'cust-4', 'kei@example.jp', '田中 恵', false, 'pm-4', 'Asia/Tokyo', 'ja_JP', null, '2026-01-01 00:00:00',
   '2026-01-01 00:00:00', 2);
insert into invoices (record_id, id, account_id, invoice_date, currency, status, parent_invoice, created_date,
  tenant_record_id) values
 (1, 'inv-1', 'acc-1', '2026-10-29', 'USD', 'COMMITTED', false, '2026-10-29 00:00:01', 1),
 (2, 'inv-2', 'acc-2', '2026-10-29', 'USD', 'VOID', false, '2026-10-29 00:00:01', 1),
 (3, 'inv-3', 'acc-2', '2026-10-29', 'USD', 'COMMITTED', false, '2026-10-29 00:00:01', 1),
 (4, 'inv-4', 'acc-2', '2026-10-30', 'USD', 'COMMITTED', false, '2026-10-30 00:00:01', 1),
 (5, 'inv-5', 'acc-1', '2026-09-01', 'USD', 'COMMITTED', false, '2026-09-01 00:00:01', 1),
 (6, 'inv-6', 'acc-3', '2026-10-30', 'EUR', 'COMMITTED', false, '2026-10-30 00:00:01', 1),
 (7, 'inv-7', 'acc-4', '2026-10-30', 'JPY', 'COMMITTED', false, '2026-10-30 00:00:01', 2),
 (8, 'inv-8', 'acc-1', '2026-11-20', 'USD', 'DRAFT', false, '2026-11-20 00:00:01', 1),
 (9, 'inv-9', 'acc-1', '2026-11-01', 'USD', 'COMMITTED', false, '2026-11-01 00:00:01', 1),
 (10, 'inv-10', 'acc-2', '2026-11-01', 'USD', 'COMMITTED', false, '2026-11-01 00:00:01', 1);
insert into invoice_items (record_id, id, type, invoice_id, amount, currency, created_date, tenant_record_id) values
 (1, 'it-1', 'RECURRING', 'inv-1', 29.95, 'USD', '2026-10-29 00:00:01', 1),
 (2, 'it-2', 'USAGE', 'inv-1', 0.333333333, 'USD', '2026-10-29 00:00:01', 1),
 (3, 'it-3', 'RECURRING', 'inv-2', 10, 'USD', '2026-10-29 00:00:01', 1),
 (4, 'it-4', 'RECURRING', 'inv-3', 10, 'USD', '2026-10-29 00:00:01', 1),
 (5, 'it-5', 'RECURRING', 'inv-4', 40, 'USD', '2026-10-30 00:00:01', 1),
 (6, 'it-6', 'RECURRING', 'inv-5', 15, 'USD', '2026-09-01 00:00:01', 1),
 (7, 'it-7', 'RECURRING', 'inv-6', 25, 'EUR', '2026-10-30 00:00:01', 1),
 (8, 'it-8', 'RECURRING', 'inv-7', 5000, 'JPY', '2026-10-30 00:00:01', 2),
 (9, 'it-9', 'RECURRING', 'inv-8', 12, 'USD', '2026-11-20 00:00:01', 1),
 (10, 'it-10', 'RECURRING', 'inv-9', 60, 'USD', '2026-11-01 00:00:01', 1),
 (11, 'it-11', 'RECURRING', 'inv-10', 80, 'USD', '2026-11-01 00:00:01', 1);
insert into invoice_payments (record_id, id, type, invoice_id, payment_id, payment_date, amount, currency, status,
  created_date, tenant_record_id) values
 -- charged back
 (1, 'ip-1', 'ATTEMPT', 'inv-3', 'pay-1', '2026-10-29 00:00:02', 10, 'USD', 'SUCCESS', '2026-10-29 00:00:02', 1),
 (2, 'ip-2', 'CHARGED_BACK', 'inv-3', 'pay-1', '2026-11-20 00:00:02', -10, 'USD', 'SUCCESS', '2026-11-20 00:00:02', 1),
 -- partly paid
 (3, 'ip-3', 'ATTEMPT', 'inv-4', 'pay-2', '2026-11-01 00:00:02', 15.5, 'USD', 'SUCCESS', '2026-11-01 00:00:02', 1),
 -- on its way since the beginning of November
 (4, 'ip-4', 'ATTEMPT', 'inv-10', 'pay-3', '2026-11-01 00:00:05', 80, 'USD', 'INIT', '2026-11-01 00:00:05', 1);
insert into payment_transactions (record_id, id, transaction_type, transaction_status, payment_id, created_date,
  updated_date, tenant_record_id) values
 (1, 'tx-1', 'PURCHASE', 'SUCCESS', 'pay-1', '2026-10-29 00:00:02', '2026-10-29 00:00:03', 1),
 (2, 'tx-2', 'PURCHASE', 'SUCCESS', 'pay-2', '2026-11-01 00:00:02', '2026-11-01 00:00:03', 1),
 (3, 'tx-3', 'PURCHASE', 'PENDING', 'pay-3', '2026-11-01 00:00:05', '2026-11-01 00:00:06', 1);
-- inv-5 is written off; the account acc-4 pays by hand although it has a payment method.
insert into tags (record_id, id, tag_definition_id, object_id, object_type, is_active, created_date, updated_date,
  tenant_record_id) values
 (1, 'tag-1', '00000000-0000-0000-0000-000000000004', 'inv-5', 'INVOICE', true, '2026-11-02 00:00:00',
   '2026-11-02 00:00:00', 1),
 (2, 'tag-2', '00000000-0000-0000-0000-000000000005', 'acc-4', 'ACCOUNT', true, '2026-11-02 00:00:00',
   '2026-11-02 00:00:00', 2);
