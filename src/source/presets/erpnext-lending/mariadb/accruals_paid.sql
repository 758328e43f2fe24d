coalesce((select sum(a.paid_principal_amount + a.paid_interest_amount) from `tabLoan Interest Accrual` a
    where a.loan = l.name and a.repayment_schedule_name = r.name and a.docstatus = 1), 0)
