i.id as installment_id, a.external_key as borrower_id, a.name, nullif(a.phone, '') as phone,
  nullif(a.email, '') as email, replace(a.locale, '_', '-') as locale,
  case when a.time_zone like '%/%' then a.time_zone end as time_zone,
  i.record_id::text as order_ref, i.currency,
  round(greatest({charged}, 0), {digits}) as amount,
  round(greatest({paid}, 0), {digits}) as paid_amount,
  i.invoice_date + {due_days} as due_date,
  case
    when i.status <> 'COMMITTED' or i.parent_invoice or coalesce(a.is_payment_delegated_to_parent, false)
      then 'cancelled'
    when {charged} <= {paid} then 'paid'
    when exists (select 1 from tags w where w.object_id = i.id and w.is_active
                 and w.tag_definition_id = '00000000-0000-0000-0000-000000000004') then 'written_off'
    else 'open'
  end as status,
  case when a.payment_method_id is null
     or exists (select 1 from tags o where o.object_id = a.id and o.is_active and o.tag_definition_id in
                ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000005'))
     then 'manual' else 'autopay' end as tags
