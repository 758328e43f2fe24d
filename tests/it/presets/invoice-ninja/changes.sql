-- What happens between two pulls.
-- The deposit of 0001 is paid: Invoice Ninja empties `partial`.
update invoices set status_id = 3, balance = 700, paid_to_date = 300, partial = 0, partial_due_date = null,
  updated_at = '2026-11-22 01:00:00' where id = 1;
-- 0004 is paid, the payment of 0003 is charged back.
update invoices set status_id = 4, balance = 0, paid_to_date = 99.9, updated_at = '2026-11-22 01:01:00' where id = 4;
update invoices set status_id = 2, balance = 500, paid_to_date = 0, updated_at = '2026-11-22 01:02:00' where id = 3;
-- A client is deleted: its invoices stay as they are.
update clients set is_deleted = 1, deleted_at = '2026-11-22 01:03:00', updated_at = '2026-11-22 01:03:00' where id = 4;
-- A contact has a new address.
update client_contacts set email = 'sm@harbor.example.com', updated_at = '2026-11-22 01:04:00' where id = 2;
