-- Payments from elsewhere, refunds and chargebacks: rows that are only added.
select {columns},
  n.record_id as row_key, n.at as updated_at
from (
  select q.record_id, q.created_date::timestamp as at, q.invoice_id
  from invoice_payments q
  where (q.created_date, q.record_id) > (:after, :after_key)
    {only tenants q.tenant_record_id}
  order by q.created_date, q.record_id
  limit :limit
) n
join invoices i on i.id = n.invoice_id
join accounts a on a.id = i.account_id
order by n.at, n.record_id
