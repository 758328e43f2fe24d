concat(l.id, '-', s.installment) as installment_id,
  c.id as borrower_id, c.display_name as name, nullif(c.mobile_no, '') as phone, nullif(c.email_address, '') as email,
  l.account_no as order_ref, p.name as product, s.installment as sequence, l.currency_code as currency,
  round(coalesce(s.principal_amount, 0) + coalesce(s.interest_amount, 0) + coalesce(s.fee_charges_amount, 0)
    + coalesce(s.penalty_charges_amount, 0)
    - coalesce(s.interest_waived_derived, 0) - coalesce(s.fee_charges_waived_derived, 0)
    - coalesce(s.penalty_charges_waived_derived, 0)
    - case when l.loan_status_id = 601 then 0 else
        coalesce(s.principal_writtenoff_derived, 0) + coalesce(s.interest_writtenoff_derived, 0)
        + coalesce(s.fee_charges_writtenoff_derived, 0) + coalesce(s.penalty_charges_writtenoff_derived, 0) end,
    l.currency_digits) as amount,
  round(coalesce(s.principal_completed_derived, 0) + coalesce(s.interest_completed_derived, 0)
    + coalesce(s.fee_charges_completed_derived, 0) + coalesce(s.penalty_charges_completed_derived, 0),
    l.currency_digits) as paid_amount,
  s.duedate as due_date,
  case
    when s.completed_derived or l.loan_status_id in (600, 700) then 'paid'
    when l.loan_status_id = 601 then 'written_off'
    when l.loan_status_id not in ({open_statuses}) or l.is_fraud then 'cancelled'
    when l.is_charged_off then '{charged_off}'
    else 'open'
  end as status,
  concat_ws(';',
    if(exists (select 1 from m_account_transfer_details d
               join m_account_transfer_standing_instructions i on i.account_transfer_details_id = d.id and i.status = 1
               where d.to_loan_account_id = l.id), 'autopay', null),
    if(exists (select 1 from m_guarantor g where g.loan_id = l.id and g.is_active), 'guaranteed', null)) as tags
