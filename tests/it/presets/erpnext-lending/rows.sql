-- Invented borrowers; the site is in Asia/Kolkata. "Today" is 2026-11-22. One loan for each state.
insert into tabCompany (name, modified, default_currency) values
 ('Sahara Finance', '2026-01-01', 'INR'), ('Gulf Branch', '2026-01-01', 'AED');
insert into `tabLoan Product` (name, modified, product_name) values ('PL', '2026-01-01', 'Personal Loan');
insert into tabCustomer (name, modified, customer_name, mobile_no, email_id, language) values
 ('CUST-1', '2026-11-01 10:00:00', 'प्रिया शर्मा', '98765 43210', 'priya@example.com', 'hi'),
 ('CUST-2', '2026-11-01 10:00:00', 'Ravi Kumar', '+91-99887 76655', null, null),
 ('CUST-3', '2026-11-01 10:00:00', 'Acme Pvt Ltd', null, 'accounts@acme.example.com', 'en');
insert into tabEmployee (name, modified, employee_name, cell_number, personal_email) values
 ('HR-EMP-1', '2026-11-01 10:00:00', 'Sunita Rao', '9812345678', 'sunita@example.com');
insert into tabLoan (name, creation, modified, docstatus, applicant_type, applicant, applicant_name, loan_product,
  company,
  status, is_term_loan, written_off_amount) values
 -- partly paid
 ('LOAN-1', '2026-09-01', '2026-11-10 12:00:00.000001', 1, 'Customer', 'CUST-1', 'प्रिया शर्मा', 'PL',
   'Sahara Finance', 'Disbursed', 1, 0),
 -- closed
 ('LOAN-2', '2026-09-01', '2026-11-15 12:00:00', 1, 'Customer', 'CUST-2', 'Ravi Kumar', 'PL', 'Sahara Finance',
   'Closed', 1, 0),
 -- rescheduled: an old and a new schedule
 ('LOAN-3', '2026-09-01', '2026-11-12 12:00:00', 1, 'Employee', 'HR-EMP-1', 'Sunita Rao', 'PL', 'Sahara Finance',
   'Disbursed', 1, 0),
 -- cancelled
 ('LOAN-4', '2026-09-01', '2026-11-12 12:00:00', 2, 'Customer', 'CUST-3', 'Acme Pvt Ltd', 'PL', 'Sahara Finance',
   'Sanctioned', 1, 0),
 -- written off
 ('LOAN-5', '2026-01-01', '2026-11-13 12:00:00', 1, 'Customer', 'CUST-3', 'Acme Pvt Ltd', 'PL', 'Sahara Finance',
   'Disbursed', 1, 16000),
 -- another currency
 ('LOAN-6', '2026-09-01', '2026-11-14 12:00:00', 1, 'Customer', 'CUST-2', 'Ravi Kumar', 'PL', 'Gulf Branch',
   'Disbursed', 1, 0),
 -- a demand loan without a schedule of its own
 ('LOAN-7', '2026-09-01', '2026-11-14 12:00:00', 1, 'Customer', 'CUST-2', 'Ravi Kumar', 'PL', 'Sahara Finance',
   'Disbursed', 0, 0),
 -- a payment will be taken back
 ('LOAN-8', '2026-09-01', '2026-11-14 12:00:00', 1, 'Customer', 'CUST-3', 'Acme Pvt Ltd', 'PL', 'Sahara Finance',
   'Disbursed', 1, 0);
insert into `tabLoan Repayment Schedule` (name, creation, modified, docstatus, loan, status) values
 ('RS-1', '2026-09-01', '2026-11-10 12:00:00.1', 1, 'LOAN-1', 'Active'),
 ('RS-2', '2026-09-01', '2026-10-10 12:00:00', 1, 'LOAN-2', 'Active'),
 ('RS-3', '2026-09-01', '2026-11-12 12:00:00', 1, 'LOAN-3', 'Restructured'),
 ('RS-3B', '2026-11-12', '2026-11-12 12:00:00', 1, 'LOAN-3', 'Active'),
 ('RS-4', '2026-09-01', '2026-11-12 12:00:00', 2, 'LOAN-4', 'Cancelled'),
 ('RS-5', '2026-01-01', '2026-01-01 12:00:00', 1, 'LOAN-5', 'Active'),
 ('RS-6', '2026-09-01', '2026-09-01 12:00:00', 1, 'LOAN-6', 'Active'),
 ('RS-6D', '2026-11-14', '2026-11-14 12:00:00', 0, 'LOAN-6', 'Draft'),
 ('RS-8', '2026-09-01', '2026-09-01 12:00:00', 1, 'LOAN-8', 'Active');
insert into `tabRepayment Schedule` (name, modified, docstatus, idx, parent, parenttype, payment_date, principal_amount,
  interest_amount, total_payment) values
 ('1a', '2026-11-10 12:00:00', 1, 1, 'RS-1', 'Loan Repayment Schedule', '2026-10-24', 8000, 1100, 9100),
 ('1b', '2026-11-10 12:00:00', 1, 2, 'RS-1', 'Loan Repayment Schedule', '2026-11-20', 8000, 1000.004, 9000.004),
 ('1c', '2026-11-10 12:00:00', 1, 3, 'RS-1', 'Loan Repayment Schedule', '2026-12-24', 8000, 900, 8900),
 ('2a', '2026-10-10 12:00:00', 1, 1, 'RS-2', 'Loan Repayment Schedule', '2026-11-29', 8000, 1000, 9000),
 ('3a', '2026-11-12 12:00:00', 1, 1, 'RS-3', 'Loan Repayment Schedule', '2026-11-29', 8000, 1000, 9000),
 ('3b', '2026-11-12 12:00:00', 1, 1, 'RS-3B', 'Loan Repayment Schedule', '2026-12-01', 4000, 500, 4500),
 ('4a', '2026-11-12 12:00:00', 2, 1, 'RS-4', 'Loan Repayment Schedule', '2026-11-29', 8000, 1000, 9000),
 ('5a', '2026-01-01 12:00:00', 1, 1, 'RS-5', 'Loan Repayment Schedule', '2026-02-01', 16000, 1000, 17000),
 ('6a', '2026-09-01 12:00:00', 1, 1, 'RS-6', 'Loan Repayment Schedule', '2026-12-05', 500, 25.5, 525.5),
 ('6d', '2026-11-14 12:00:00', 0, 1, 'RS-6D', 'Loan Repayment Schedule', '2027-01-05', 500, 25.5, 525.5),
 ('8a', '2026-09-01 12:00:00', 1, 1, 'RS-8', 'Loan Repayment Schedule', '2026-11-18', 700, 70, 770),
 ('8b', '2026-09-01 12:00:00', 1, 2, 'RS-8', 'Loan Repayment Schedule', '2026-12-18', 700, 60, 760);
-- What was paid, as versions that keep it in accruals have it, and as versions that keep it in demands do.
insert into `tabLoan Interest Accrual` (name, modified, docstatus, loan, repayment_schedule_name, interest_amount,
  payable_principal_amount, paid_principal_amount, paid_interest_amount) values
 ('LIA-1', '2026-10-24 18:00:00', 1, 'LOAN-1', '1a', 1100, 8000, 8000, 1100),
 ('LIA-2', '2026-11-20 18:00:00', 1, 'LOAN-1', '1b', 1000.004, 8000, 3000, 1000.004),
 ('LIA-3', '2026-11-20 18:00:00', 2, 'LOAN-1', '1b', 1000.004, 8000, 8000, 1000.004),
 ('LIA-8', '2026-11-18 18:00:00', 1, 'LOAN-8', '8a', 70, 700, 700, 70);
insert into `tabLoan Demand` (name, modified, docstatus, loan, repayment_schedule_detail, demand_type, demand_subtype,
  demand_amount, paid_amount, waived_amount, outstanding_amount) values
 ('LD-1', '2026-10-24 18:00:00', 1, 'LOAN-1', '1a', 'EMI', 'Principal', 8000, 8000, 0, 0),
 ('LD-2', '2026-10-24 18:00:00', 1, 'LOAN-1', '1a', 'EMI', 'Interest', 1100, 1100, 0, 0),
 ('LD-3', '2026-11-20 18:00:00', 1, 'LOAN-1', '1b', 'EMI', 'Principal', 8000, 3000, 0, 5000),
 ('LD-4', '2026-11-20 18:00:00', 1, 'LOAN-1', '1b', 'EMI', 'Interest', 1000.004, 1000.004, 0, 0),
 ('LD-5', '2026-11-20 18:00:00', 2, 'LOAN-1', '1b', 'EMI', 'Principal', 8000, 8000, 0, 0),
 ('LD-8', '2026-11-18 18:00:00', 1, 'LOAN-8', '8a', 'EMI', 'Principal', 700, 700, 0, 0),
 ('LD-9', '2026-11-18 18:00:00', 1, 'LOAN-8', '8a', 'EMI', 'Interest', 70, 70, 0, 0);
insert into `tabLoan Repayment` (name, modified, docstatus, against_loan, posting_date, amount_paid,
  repayment_type) values
 ('LR-1', '2026-10-24 19:00:00', 1, 'LOAN-1', '2026-10-24', 9100, 'Normal Repayment'),
 ('LR-2', '2026-11-20 19:00:00', 1, 'LOAN-1', '2026-11-20', 4000.004, 'Normal Repayment'),
 ('LR-3', '2026-11-15 12:00:00', 1, 'LOAN-2', '2026-11-15', 9000, 'Loan Closure'),
 ('LR-8', '2026-11-18 19:00:00', 1, 'LOAN-8', '2026-11-18', 770, 'Normal Repayment');
