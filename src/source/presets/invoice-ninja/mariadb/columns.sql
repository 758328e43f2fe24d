concat(i.id, '-', part.n) as installment_id, c.id as borrower_id,
  coalesce(nullif(c.name, ''), nullif(trim(concat_ws(' ', k.first_name, k.last_name)), '')) as name,
  nullif(coalesce(nullif(k.phone, ''), c.phone), '') as phone, nullif(k.email, '') as email,
  replace(lang.locale, '_', '-') as locale, coalesce(i.number, concat('draft ', i.id)) as order_ref,
  part.n as sequence, cur.code as currency,
  round(if(part.n = 1, i.partial, i.amount - {deposit}), cur.`precision`) as amount,
  round(if(part.n = 1, 0, i.amount - i.balance), cur.`precision`) as paid_amount,
  date(if(part.n = 1, coalesce(i.partial_due_date, i.due_date), i.due_date)) as due_date,
  case
    when i.is_deleted or i.deleted_at is not null or c.is_deleted or c.deleted_at is not null
      or i.status_id in (1, 5, 6) then 'cancelled'
    when i.status_id = 4 or i.balance <= 0 then 'paid'
    else 'open'
  end as status,
  if(i.auto_bill_enabled, 'autopay', 'manual') as tags
