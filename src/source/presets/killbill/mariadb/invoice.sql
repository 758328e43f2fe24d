-- New invoices.
select {columns},
  n.record_id as row_key, n.at as updated_at
from (
  select q.record_id, q.created_date as at, q.id as invoice_id
  from invoices q
  where q.created_date >= :after and (q.created_date > :after or q.record_id > :after_key)
    {only tenants q.tenant_record_id}
  order by q.created_date, q.record_id
  limit :limit
) n
join invoices i on i.id = n.invoice_id
join accounts a on a.id = i.account_id
order by n.at, n.record_id
