-- Addresses: one instalment for each contact that changed, as they belong to the borrower.
select {columns},
  n.id as row_key, n.updated_at
from (
  select q.id, q.client_id, q.updated_at, (
    select max(x.id) from invoices x
    where x.client_id = q.client_id and x.due_date is not null and x.amount > 0) as invoice_id
  from client_contacts q
  where q.updated_at >= :after and (q.updated_at > :after or q.id > :after_key) and q.company_id = {company}
    and exists (select 1 from invoices x
                where x.client_id = q.client_id and x.due_date is not null and x.amount > 0)
  order by q.updated_at, q.id
  limit :limit
) n
join clients c on c.id = n.client_id
join invoices i on i.id = n.invoice_id
{joins}
join (select 2 as n) part
order by n.updated_at, n.id
