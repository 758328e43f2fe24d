r.name as installment_id, l.applicant as borrower_id, l.applicant_name as name,
  nullif(coalesce(c.mobile_no, e.cell_number), '') as phone,
  nullif(coalesce(c.email_id, e.personal_email), '') as email,
  c.language as locale, l.name as order_ref, p.product_name as product, r.idx as sequence,
  co.default_currency as currency,
  round(r.total_payment - {by ledger waived}, 2) as amount, round({by ledger paid}, 2) as paid_amount,
  r.payment_date as due_date,
  case
    when l.docstatus = 2 or rs.docstatus = 2 or rs.status not in ('Active', 'Closed') then 'cancelled'
    when l.status in ('Closed', 'Settled', 'Loan Closure Requested') then 'paid'
    when {by ledger paid} >= r.total_payment - {by ledger waived} then 'paid'
    when l.status = 'Written Off' or l.written_off_amount > 0 then 'written_off'
    else 'open'
  end as status
