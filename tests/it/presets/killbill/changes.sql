-- What happens between two pulls.
-- The payment of inv-10 settles after three weeks: the attempt's row keeps its created_date.
update invoice_payments set status = 'SUCCESS', payment_date = '2026-11-01 00:00:05' where record_id = 4;
update payment_transactions set transaction_status = 'SUCCESS', updated_date = '2026-11-22 01:00:00' where record_id
  = 3;
-- inv-9 is voided: only history and audit log have a time.
update invoices set status = 'VOID' where record_id = 9;
insert into invoice_history (record_id, id, target_record_id, status, change_type, created_date,
  tenant_record_id) values
 (1, 'h-1', 9, 'VOID', 'UPDATE', '2026-11-01 00:00:01', 1);
insert into audit_log (record_id, id, target_record_id, table_name, change_type, created_date, tenant_record_id) values
 (1, 'au-1', 1, 'INVOICE_HISTORY', 'UPDATE', '2026-11-22 01:01:00', 1);
-- inv-1 is adjusted down by 5.
insert into invoice_items (record_id, id, type, invoice_id, amount, currency, created_date, tenant_record_id) values
 (12, 'it-12', 'ITEM_ADJ', 'inv-1', -5, 'USD', '2026-11-22 01:02:00', 1);
-- inv-5 is no longer written off.
update tags set is_active = false, updated_date = '2026-11-22 01:03:00' where record_id = 1;
-- acc-4 pays by its payment method again.
update tags set is_active = false, updated_date = '2026-11-22 01:04:00' where record_id = 2;
-- acc-2 has lost its payment method.
update accounts set payment_method_id = null, updated_date = '2026-11-22 01:05:00' where record_id = 2;
