-- Whole invoices, each with its deposit while one is asked for: Invoice Ninja empties `partial` when it is paid, and
-- then the row of the deposit is gone.
select {columns},
  i.id * 2 + part.n as row_key, i.updated_at
from (
  select q.id
  from invoices q
  where q.updated_at >= :after
    and (q.updated_at > :after or q.id * 2 + 2 > :after_key) and q.company_id = {company}
    and q.due_date is not null and q.amount > 0
  order by q.updated_at, q.id
  limit :limit
) n
join invoices i on i.id = n.id
join clients c on c.id = i.client_id
{joins}
join (select 1 as n union all select 2) part on part.n = 2 or {deposit} > 0
where i.updated_at > :after or i.id * 2 + part.n > :after_key
order by i.updated_at, row_key
limit :limit
