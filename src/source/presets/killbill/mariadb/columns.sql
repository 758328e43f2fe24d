convert(i.id using utf8mb4) as installment_id, convert(a.external_key using utf8mb4) as borrower_id,
  convert(a.name using utf8mb4) as name, nullif(convert(a.phone using utf8mb4), '') as phone,
  nullif(convert(a.email using utf8mb4), '') as email, replace(convert(a.locale using utf8mb4), '_', '-') as locale,
  if(a.time_zone like '%/%', convert(a.time_zone using utf8mb4), null) as time_zone,
  cast(i.record_id as char) as order_ref, convert(i.currency using utf8mb4) as currency,
  round(greatest({charged}, 0), {digits}) as amount,
  round(greatest({paid}, 0), {digits}) as paid_amount,
  date_add(i.invoice_date, interval {due_days} day) as due_date,
  case
    when i.status <> 'COMMITTED' or i.parent_invoice or coalesce(a.is_payment_delegated_to_parent, false)
      then 'cancelled'
    when {charged} <= {paid} then 'paid'
    when exists (select 1 from tags w where w.object_id = i.id and w.is_active
                 and w.tag_definition_id = '00000000-0000-0000-0000-000000000004') then 'written_off'
    else 'open'
  end as status,
  if(a.payment_method_id is null
     or exists (select 1 from tags o where o.object_id = a.id and o.is_active and o.tag_definition_id in
                ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000005')),
     'manual', 'autopay') as tags
