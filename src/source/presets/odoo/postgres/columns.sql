concat(m.id, '-', t.n) as installment_id,
  p.id as borrower_id, p.name,
  coalesce(to_jsonb(p) ->> 'phone_sanitized', to_jsonb(p) ->> 'mobile', p.phone) as phone,
  coalesce(to_jsonb(p) ->> 'email_normalized', p.email) as email,
  replace(p.lang, '_', '-') as locale, p.tz as time_zone,
  coalesce(nullif(m.name, '/'), m.id::text) as order_ref, t.n as sequence, t."of", cur.name as currency,
  round(l.amount_currency, cur.decimal_places) as amount,
  round(l.amount_currency - l.amount_residual_currency, cur.decimal_places) as paid_amount,
  l.date_maturity as due_date,
  case
    when m.state <> 'posted' or m.payment_state in ('reversed', 'invoicing_legacy') then 'cancelled'
    when l.reconciled or m.payment_state in ('paid', 'in_payment') then 'paid'
    when m.payment_state = 'blocked' or to_jsonb(l) ->> 'blocked' = 'true' then 'disputed'
    else 'open'
  end as status
