-- Invented borrowers. "Today" is 2026-11-22. One invoice for each state.
insert into res_currency (id, name, decimal_places) values (1, 'EUR', 2), (2, 'JPY', 0);
insert into res_partner (id, name, lang, tz, email, email_normalized, phone, mobile, phone_sanitized, active,
  write_date) values
 (10, 'Hans Müller', 'de_DE', 'Europe/Berlin', '"H" <hans@example.de>', 'hans@example.de', null, '0151 23456789',
   '+4915123456789', true, '2026-11-01 08:00:00.5'),
 (11, 'Élodie Petit', 'fr_FR', 'Europe/Paris', 'elodie@example.fr, compta@example.fr', 'elodie@example.fr', null,
   '06 12 34 56 78', null, true, '2026-11-01 08:00:00'),
 (12, 'Archived Partner', 'en_US', null, null, null, null, null, null, false, null);
insert into account_move (id, name, state, move_type, payment_state, partner_id, company_id, invoice_date_due,
  amount_residual, write_date) values
 -- three instalments, the first partly paid
 (100, 'INV/2026/00100', 'posted', 'out_invoice', 'partial', 10, 1, '2027-01-24', 700, '2026-11-20 10:00:00.123456'),
 (101, 'INV/2026/00101', 'posted', 'out_invoice', 'paid', 11, 1, '2026-11-28', 0, '2026-11-20 10:00:00'),
 -- a credit note, a cancelled invoice, a draft, a reversed one, one paid but not seen at the bank
 (102, 'RINV/2026/0001', 'posted', 'out_refund', 'not_paid', 11, 1, '2026-11-29', 50, '2026-11-20 10:00:00'),
 (103, 'INV/2026/00103', 'cancel', 'out_invoice', 'not_paid', 11, 1, '2026-11-29', 50, '2026-11-20 10:00:00'),
 (104, '/', 'draft', 'out_invoice', 'not_paid', 11, 1, null, 50, '2026-11-20 10:00:00'),
 (105, 'INV/2026/00105', 'posted', 'out_invoice', 'reversed', 11, 1, '2026-11-29', 0, '2026-11-20 10:00:00'),
 (106, 'INV/2026/00106', 'posted', 'out_invoice', 'in_payment', 11, 1, '2026-11-29', 0, '2026-11-20 10:00:00'),
 -- another currency, and another company
 (107, 'INV/2026/00107', 'posted', 'out_invoice', 'not_paid', 12, 1, '2026-11-29', 5000, '2026-11-20 10:00:00'),
 (108, 'INV/2026/00108', 'posted', 'out_invoice', 'not_paid', 12, 2, '2026-11-29', 70, '2026-11-20 10:00:00'),
 -- kept out of follow-ups by the staff
 (109, 'INV/2026/00109', 'posted', 'out_invoice', 'not_paid', 10, 1, '2026-11-29', 80, '2026-11-20 10:00:00'),
 -- to be reset to draft
 (110, 'INV/2026/00110', 'posted', 'out_invoice', 'not_paid', 10, 1, '2026-12-24', 200, '2026-11-20 10:00:00');
insert into account_move_line (id, move_id, currency_id, display_type, date_maturity, amount_currency,
  amount_residual_currency, reconciled, blocked, write_date) values
 (1000, 100, 1, 'payment_term', '2026-11-24', 300, 100, false, false, '2026-11-20 10:00:00.123456'),
 (1001, 100, 1, 'payment_term', '2026-12-24', 300, 300, false, false, '2026-10-29 10:00:00'),
 (1002, 100, 1, 'payment_term', '2027-01-24', 300, 300, false, false, '2026-10-29 10:00:00'),
 (1003, 100, 1, 'product', null, -900, 0, false, false, '2026-10-29 10:00:00'),
 (1010, 101, 1, 'payment_term', '2026-11-28', 100, 0, true, false, '2026-11-20 10:00:00'),
 (1020, 102, 1, 'payment_term', '2026-11-29', -50, -50, false, false, '2026-11-20 10:00:00'),
 (1030, 103, 1, 'payment_term', '2026-11-29', 50, 50, false, false, '2026-11-20 10:00:00'),
 (1040, 104, 1, 'payment_term', '2026-11-29', 50, 50, false, false, '2026-11-20 10:00:00'),
 (1050, 105, 1, 'payment_term', '2026-11-29', 50, 0, true, false, '2026-11-20 10:00:00'),
 (1060, 106, 1, 'payment_term', '2026-11-29', 60, 0, true, false, '2026-11-20 10:00:00'),
 (1070, 107, 2, 'payment_term', '2026-11-29', 5000, 5000, false, false, '2026-11-20 10:00:00'),
 (1080, 108, 1, 'payment_term', '2026-11-29', 70, 70, false, false, '2026-11-20 10:00:00'),
 (1090, 109, 1, 'payment_term', '2026-11-29', 80, 80, false, true, '2026-11-20 10:00:00'),
 (1100, 110, 1, 'payment_term', '2026-11-24', 100, 100, false, false, '2026-11-20 10:00:00'),
 (1101, 110, 1, 'payment_term', '2026-12-24', 100, 100, false, false, '2026-11-20 10:00:00');
