-- Names, currency and deletion: all invoices of each client that changed.
select {columns},
  n.row_key, n.updated_at
from (
  select straight_join i.id, part.n, o.updated_at, o.id as parent,
    concat(lpad(o.id, 10, '0'), ' ', lpad(i.id * 2 + part.n, 11, '0')) as row_key
  from (
    select q.id, q.updated_at
    from clients q
    where q.updated_at >= :after and (q.updated_at > :after or q.id >= {key_parent})
      and q.company_id = {company}
      and (
        select 1 from invoices x
        where x.client_id = q.id and x.due_date is not null and x.amount > 0
          and (q.updated_at > :after or q.id > {key_parent} or x.id * 2 + 2 > {key_child})
        limit 1) is not null
    order by q.updated_at, q.id
    limit :limit
  ) o
  join invoices i on i.client_id = o.id and i.due_date is not null and i.amount > 0
  join (select 1 as n union all select 2) part on part.n = 2 or {deposit} > 0
  where o.updated_at > :after or o.id > {key_parent} or i.id * 2 + part.n > {key_child}
  order by o.updated_at, o.id, i.id, part.n
  limit :limit
) n
join (select 1 as n union all select 2) part on part.n = n.n
join invoices i on i.id = n.id
join clients c on c.id = i.client_id
{joins}
order by n.updated_at, n.parent, n.id, n.n
