-- What happens between two pulls.
-- The rest of the first instalment of 00100 is paid: its line is matched, and the invoice's residual changes.
update account_move_line set amount_residual_currency = 0, reconciled = true, write_date = '2026-11-22 01:00:00'
  where id = 1000;
update account_move set amount_residual = 600, write_date = '2026-11-22 01:00:00' where id = 100;
-- The payment of 00101 is taken back.
update account_move_line set amount_residual_currency = 100, reconciled = false, write_date = '2026-11-22 01:01:00'
  where id = 1010;
update account_move set payment_state = 'not_paid', amount_residual = 100, write_date = '2026-11-22 01:01:00' where
  id = 101;
-- 00110 is reset to draft, gets one instalment instead of two, and is posted again: its lines are others.
delete from account_move_line where move_id = 110;
insert into account_move_line (id, move_id, currency_id, display_type, date_maturity, amount_currency,
  amount_residual_currency, reconciled, blocked, write_date) values
 (1102, 110, 1, 'payment_term', '2026-12-31', 200, 200, false, false, '2026-11-22 01:02:00');
update account_move set write_date = '2026-11-22 01:02:00' where id = 110;
-- 00107 is reset to draft and stays there.
update account_move set state = 'draft', write_date = '2026-11-22 01:03:00' where id = 107;
-- A partner has a new address.
update res_partner set email_normalized = 'hm@example.de', write_date = '2026-11-22 01:04:00' where id = 10;
