-- What happens between two pulls, in the site's time.
-- LOAN-1 pays the rest of its second instalment: accruals, demands and the loan change without `modified`.
update `tabLoan Interest Accrual` set paid_principal_amount = 8000 where name = 'LIA-2';
update `tabLoan Demand` set paid_amount = 8000, outstanding_amount = 0 where name = 'LD-3';
insert into `tabLoan Repayment` (name, modified, docstatus, against_loan, posting_date, amount_paid,
  repayment_type) values
 ('LR-4', '2026-11-22 06:30:00', 1, 'LOAN-1', '2026-11-22', 5000, 'Normal Repayment');
-- The payment of LOAN-8 is cancelled.
update `tabLoan Interest Accrual` set paid_principal_amount = 0, paid_interest_amount = 0 where name = 'LIA-8';
update `tabLoan Demand` set paid_amount = 0, outstanding_amount = demand_amount where name in ('LD-8', 'LD-9');
update `tabLoan Repayment` set docstatus = 2, modified = '2026-11-22 06:31:00' where name = 'LR-8';
-- LOAN-6 is closed by a foreclosure.
update tabLoan set status = 'Closed' where name = 'LOAN-6';
insert into `tabLoan Repayment` (name, modified, docstatus, against_loan, posting_date, amount_paid,
  repayment_type) values
 ('LR-6', '2026-11-22 06:32:00', 1, 'LOAN-6', '2026-11-22', 525.5, 'Loan Closure');
-- LOAN-3 is rescheduled once more.
update `tabLoan Repayment Schedule` set status = 'Outdated', modified = '2026-11-22 06:33:00' where name = 'RS-3B';
insert into `tabLoan Repayment Schedule` (name, creation, modified, docstatus, loan, status) values
 ('RS-3C', '2026-11-22', '2026-11-22 06:33:00', 1, 'LOAN-3', 'Active');
insert into `tabRepayment Schedule` (name, modified, docstatus, idx, parent, parenttype, payment_date, principal_amount,
  interest_amount, total_payment) values
 ('3c', '2026-11-22 06:33:00', 1, 1, 'RS-3C', 'Loan Repayment Schedule', '2027-01-01', 4000, 600, 4600);
-- A customer has a new number.
update tabCustomer set mobile_no = '+91 99887 00000', modified = '2026-11-22 06:34:00' where name = 'CUST-2';
