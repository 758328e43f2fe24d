-- Invented borrowers. "Today" is 2026-11-22. One loan for each state.
insert into m_client (id, account_no, display_name, mobile_no, email_address, created_on_utc,
  last_modified_on_utc) values
 (1, '000000001', 'Wanjiku Mwangi', '0712 345678', 'wanjiku@example.com', '2026-01-05 08:00:00', '2026-01-05 08:00:00'),
 (2, '000000002', 'Otieno Odhiambo', '+254733123456', null, '2026-01-05 08:00:00', '2026-01-05 08:00:00'),
 (3, '000000003', 'Jamii Traders Ltd', null, 'pay@jamii.example.com', '2026-01-05 08:00:00', '2026-01-05 08:00:00'),
 (4, '000000004', 'Amina Hassan', '254722000005', '', '2026-01-05 08:00:00', null);
insert into m_product_loan (id, name, currency_code, currency_digits) values
 (1, 'Micro loan', 'KES', 2), (2, 'Dollar loan', 'USD', 2), (3, 'Shilling loan', 'UGX', 0);
insert into m_loan (id, account_no, client_id, group_id, product_id, loan_status_id, currency_code, currency_digits,
  disbursedon_date, is_charged_off, is_fraud, created_on_utc, last_modified_on_utc) values
 -- partly paid, autopay
 (1, 'L1', 1, null, 1, 300, 'KES', 2, '2026-09-28', false, false, '2026-09-28 09:00:00', '2026-11-20 00:05:01'),
 -- penalties of the day, waived interest, a guarantor
 (2, 'L2', 2, null, 1, 300, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-21 22:05:01'),
 -- written off
 (3, 'L3', 3, null, 1, 601, 'KES', 2, '2026-08-01', false, false, '2026-08-01 09:00:00', '2026-11-20 09:00:00'),
 -- approved, not disbursed
 (4, 'L4', 4, null, 1, 200, 'KES', 2, null, false, false, '2026-11-20 09:00:00', '2026-11-20 09:00:00'),
 -- a group's loan: it has no client
 (5, 'L5', null, 7, 1, 300, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 -- overpaid
 (6, 'L6', 4, null, 1, 700, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-19 09:00:00'),
 -- charged back: the payment of the first row was taken back, and its principal is credited again
 (7, 'L7', 4, null, 1, 300, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 -- other currencies
 (8, 'L8', 1, null, 2, 300, 'USD', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 (9, 'L9', 2, null, 3, 300, 'UGX', 0, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 -- charged off, and fraud
 (10, 'L10', 3, null, 1, 300, 'KES', 2, '2026-06-01', true, false, '2026-06-01 09:00:00', '2026-11-20 00:05:01'),
 (11, 'L11', 3, null, 1, 300, 'KES', 2, '2026-06-01', false, true, '2026-06-01 09:00:00', '2026-11-20 00:05:01'),
 -- not touched since before Fineract kept UTC times
 (12, 'L12', 4, null, 1, 300, 'KES', 2, '2021-12-01', false, false, null, null),
 -- to be foreclosed, and to be rescheduled
 (13, 'L13', 1, null, 1, 300, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 (14, 'L14', 2, null, 1, 300, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01'),
 -- on the way to another branch office
 (15, 'L15', 3, null, 1, 303, 'KES', 2, '2026-10-01', false, false, '2026-10-01 09:00:00', '2026-11-20 00:05:01');
insert into m_loan_repayment_schedule (id, loan_id, installment, duedate, principal_amount, principal_completed_derived,
  principal_writtenoff_derived, interest_amount, interest_completed_derived, interest_waived_derived,
  interest_writtenoff_derived, fee_charges_amount, fee_charges_completed_derived, penalty_charges_amount,
  penalty_charges_completed_derived, credits_amount, completed_derived, created_on_utc, last_modified_on_utc) values
 (11, 1, 1, '2026-10-28', 4000, 4000, null, 240, 240, null, null, 50, 50, null, null, null, true,
   '2026-09-28 09:00:00', '2026-10-27 10:00:00'),
 (12, 1, 2, '2026-11-28', 4000, 1000, null, 160.33, 160.33, null, null, 50, 50, null, null, null, false,
   '2026-09-28 09:00:00', '2026-11-19 10:00:00'),
 (13, 1, 3, '2026-12-28', 4000, null, null, 80, null, null, null, 50, null, null, null, null, false,
   '2026-09-28 09:00:00', '2026-09-28 09:00:00'),
 (21, 2, 1, '2026-11-20', 3000, null, null, 200, null, 50, null, null, null, 120.5, null, null, false,
   '2026-10-01 09:00:00', '2026-11-21 22:05:01'),
 (22, 2, 2, '2026-12-20', 3000, null, null, 200, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (31, 3, 1, '2026-09-01', 3000, 3000, null, 200, 200, null, null, null, null, null, null, null, true,
   '2026-08-01 09:00:00', '2026-09-01 09:00:00'),
 (32, 3, 2, '2026-10-01', 3000, null, 3000, 200, null, null, 200, null, null, null, null, null, false,
   '2026-08-01 09:00:00', '2026-11-20 09:00:00'),
 (41, 4, 1, '2026-12-20', 3000, null, null, 200, null, null, null, null, null, null, null, null, false,
   '2026-11-20 09:00:00', '2026-11-20 09:00:00'),
 (51, 5, 1, '2026-11-29', 3000, null, null, 200, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (61, 6, 1, '2026-11-29', 3000, 3000, null, 200, 200, null, null, null, null, null, null, null, true,
   '2026-10-01 09:00:00', '2026-11-19 09:00:00'),
 (71, 7, 1, '2026-11-01', 6000, 3000, null, 200, 200, null, null, null, null, null, null, 3000, false,
   '2026-10-01 09:00:00', '2026-11-19 09:00:00'),
 (81, 8, 1, '2026-12-01', 33.333333, null, null, 0.5, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (91, 9, 1, '2026-12-01', 150000.4, null, null, null, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (101, 10, 1, '2026-07-01', 3000, null, null, 200, null, null, null, null, null, null, null, null, false,
   '2026-06-01 09:00:00', '2026-06-01 09:00:00'),
 (111, 11, 1, '2026-07-01', 3000, null, null, 200, null, null, null, null, null, null, null, null, false,
   '2026-06-01 09:00:00', '2026-06-01 09:00:00'),
 (121, 12, 1, '2022-01-01', 700, 100, null, null, null, null, null, null, null, null, null, null, false, null, null),
 (131, 13, 1, '2026-11-24', 1000, null, null, 100, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (132, 13, 2, '2026-12-24', 1000, null, null, 90, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (133, 13, 3, '2027-01-24', 1000, null, null, 80, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (141, 14, 1, '2026-11-24', 1000, null, null, 100, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (142, 14, 2, '2026-12-24', 1000, null, null, 90, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (143, 14, 3, '2027-01-24', 1000, null, null, 80, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00'),
 (151, 15, 1, '2026-12-01', 500, null, null, null, null, null, null, null, null, null, null, null, false,
   '2026-10-01 09:00:00', '2026-10-01 09:00:00');
insert into m_guarantor (id, loan_id, type_enum, entity_id, firstname, lastname, mobile_number, is_active) values
 (1, 2, 1, 1, null, null, null, true), (2, 1, 3, null, 'Old', 'Friend', '0711000000', false);
insert into m_account_transfer_details (id, from_savings_account_id, to_loan_account_id, transfer_type) values
 (1, 900, 1, 2), (2, 901, 2, 2);
insert into m_account_transfer_standing_instructions (id, name, account_transfer_details_id, status,
  instruction_type) values
 (1, 'dues of L1', 1, 1, 2), (2, 'dues of L2_deleted_2', 2, 3, 2);
