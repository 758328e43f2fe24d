-- Invoices that are written off, or no longer: a control tag.
select {columns},
  n.record_id as row_key, n.at as updated_at
from (
  select q.record_id, q.updated_date as at, q.object_id as invoice_id
  from tags q
  where q.updated_date >= :after and (q.updated_date > :after or q.record_id > :after_key)
    {only tenants q.tenant_record_id}
    and q.object_type = 'INVOICE' and q.tag_definition_id = '00000000-0000-0000-0000-000000000004'
  order by q.updated_date, q.record_id
  limit :limit
) n
join invoices i on i.id = n.invoice_id
join accounts a on a.id = i.account_id
order by n.at, n.record_id
