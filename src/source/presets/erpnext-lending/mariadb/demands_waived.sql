coalesce((select sum(a.waived_amount) from `tabLoan Demand` a
    where a.repayment_schedule_detail = r.name and a.docstatus = 1), 0)
