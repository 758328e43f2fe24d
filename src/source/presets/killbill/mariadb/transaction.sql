-- Payments that settle: Kill Bill writes the success into the row of the attempt, whose created_date stays as it was.
select {columns},
  n.record_id as row_key, n.at as updated_at
from (
  select q.record_id, q.updated_date as at, (
    select e.invoice_id from invoice_payments e where e.payment_id = q.payment_id order by e.record_id limit 1
  ) as invoice_id
  from payment_transactions q
  where q.updated_date >= :after and (q.updated_date > :after or q.record_id > :after_key)
    {only tenants q.tenant_record_id}
    and exists (select 1 from invoice_payments e where e.payment_id = q.payment_id)
  order by q.updated_date, q.record_id
  limit :limit
) n
join invoices i on i.id = n.invoice_id
join accounts a on a.id = i.account_id
order by n.at, n.record_id
