-- What happens between two pulls.
-- L13 is foreclosed on 22 November: all is paid at once, and the rows after it are deleted.
delete from m_loan_repayment_schedule where id in (132, 133);
update m_loan_repayment_schedule set duedate = '2026-11-22', principal_amount = 3000, principal_completed_derived =
  3000,
  interest_amount = 95, interest_completed_derived = 95, completed_derived = true,
  last_modified_on_utc = '2026-11-22 01:00:00' where id = 131;
update m_loan set loan_status_id = 600, last_modified_on_utc = '2026-11-22 01:00:00' where id = 13;
-- L14 is rescheduled: its rows are made anew, two of them, later.
delete from m_loan_repayment_schedule where loan_id = 14;
insert into m_loan_repayment_schedule (id, loan_id, installment, duedate, principal_amount, interest_amount,
  completed_derived, created_on_utc, last_modified_on_utc) values
 (144, 14, 1, '2026-12-31', 1500, 150, false, '2026-11-22 01:01:00', '2026-11-22 01:01:00'),
 (145, 14, 2, '2027-01-31', 1500, 140, false, '2026-11-22 01:01:00', '2026-11-22 01:01:00');
update m_loan set last_modified_on_utc = '2026-11-22 01:01:00' where id = 14;
-- The close of business adds the penalty of the day to L2.
update m_loan_repayment_schedule set penalty_charges_amount = 130.5, last_modified_on_utc = '2026-11-22 01:02:00'
  where id = 21;
update m_loan set last_modified_on_utc = '2026-11-22 01:02:00' where id = 2;
-- A payment settles the second instalment of L1.
update m_loan_repayment_schedule set principal_completed_derived = 4000, completed_derived = true,
  last_modified_on_utc = '2026-11-22 01:03:00' where id = 12;
update m_loan set last_modified_on_utc = '2026-11-22 01:03:00' where id = 1;
-- A holiday moves a due date: the row alone changes.
update m_loan_repayment_schedule set duedate = '2026-12-02', last_modified_on_utc = '2026-11-22 01:04:00' where id =
  151;
-- A client has a new number.
update m_client set mobile_no = '+254733999999', last_modified_on_utc = '2026-11-22 01:05:00' where id = 2;
