-- Invented borrowers. "Today" is 2026-11-22. One invoice for each state.
insert into companies (id, settings, updated_at) values
 (1, '{"currency_id":"1","language_id":"1"}', '2026-01-01 00:00:00'), (2, '{"currency_id":"2"}', '2026-01-01 00:00:00');
insert into currencies (id, `precision`, code) values (1, '2', 'USD'), (2, '0', 'JPY'), (3, '2', 'EUR');
insert into languages (id, locale) values (1, 'en'), (3, 'de'), (4, 'pt_BR');
insert into clients (id, company_id, name, phone, settings, is_deleted, created_at, updated_at, deleted_at) values
 (1, 1, 'Harbor Cafe', '', '{"currency_id":"1"}', 0, '2026-10-01 10:00:00.123456', '2026-11-01 10:00:00.123456', null),
 (2, 1, null, null, '{"currency_id":"3","language_id":"3"}', 0, '2026-10-01 10:00:00', '2026-11-01 10:00:00', null),
 (3, 1, 'Gone Inc', null, '{}', 1, '2026-10-01 10:00:00', '2026-11-02 10:00:00', '2026-11-02 10:00:00'),
 (4, 1, 'Sakura KK', '+81312345678', '{"currency_id":"2"}', 0, '2026-10-01 10:00:00', '2026-11-01 10:00:00', null),
 (5, 2, 'Other Company', null, null, 0, '2026-10-01 10:00:00', '2026-11-01 10:00:00', null);
insert into client_contacts (id, company_id, client_id, first_name, last_name, phone, email, is_primary, updated_at,
  deleted_at) values
 (1, 1, 1, 'Ann', 'Lee', null, 'ann@harbor.example.com', 0, '2026-11-01 10:00:00', null),
 (2, 1, 1, 'Sam', 'Morgan', '(415) 555-2671', 'sam@harbor.example.com', 1, '2026-11-01 10:00:00', null),
 (3, 1, 2, 'Jörg', 'Weiß', '+49 151 23456789', 'joerg@example.de', 1, '2026-11-01 10:00:00', null),
 (4, 1, 3, '', '', '', '', 1, null, null),
 (5, 1, 1, 'Old', 'Contact', null, 'old@harbor.example.com', 1, '2026-11-01 10:00:00', '2026-11-01 10:00:00');
insert into invoices (id, client_id, company_id, status_id, number, due_date, is_deleted, amount, balance, paid_to_date,
  partial, partial_due_date, auto_bill_enabled, created_at, updated_at, deleted_at) values
 -- a deposit of 300 and the rest of 700
 (1, 1, 1, 2, '0001', '2026-12-24 00:00:00', 0, 1000, 1000, 0, 300, '2026-11-24 00:00:00', 0,
   '2026-11-01 10:00:00.000001', '2026-11-20 10:00:00.000001', null),
 -- its deposit is paid
 (2, 1, 1, 3, '0002', '2026-12-28 00:00:00', 0, 1000, 700, 300, 0, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 (3, 1, 1, 4, '0003', '2026-11-29 00:00:00', 0, 500, 0, 500, 0, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 -- another currency, billed automatically
 (4, 2, 1, 2, '0004', '2026-11-28 00:00:00', 0, 99.9, 99.9, 0, null, null, 1, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 -- due on receipt, cancelled, of a deleted client, a credit, a draft, reversed after a chargeback
 (5, 2, 1, 2, '0005', null, 0, 10, 10, 0, null, null, 0, '2026-11-01 10:00:00', '2026-11-19 10:00:00', null),
 (6, 2, 1, 5, '0006', '2026-11-29 00:00:00', 0, 10, 10, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 (7, 3, 1, 2, '0007', '2026-11-29 00:00:00', 0, 10, 10, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-02 10:00:00', null),
 (8, 1, 1, 2, '0008', '2026-11-29 00:00:00', 0, -50, -50, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 (9, 1, 1, 1, '0009', '2026-11-29 00:00:00', 0, 20, 20, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 (10, 1, 1, 6, '0010', '2026-11-29 00:00:00', 0, 20, 20, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 -- of a client that will be deleted; a draft has no number yet; another company
 (11, 4, 1, 2, 'J-1', '2026-11-29 00:00:00', 0, 5000, 5000, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null),
 (12, 2, 1, 1, null, '2026-11-29 00:00:00', 0, 5, 5, 0, null, null, 0, '2026-11-01 10:00:00', '2026-11-19 10:00:00',
   null),
 (13, 5, 2, 2, '0001', '2026-11-29 00:00:00', 0, 6, 6, 0, null, null, 0, '2026-11-01 10:00:00',
   '2026-11-19 10:00:00', null);
