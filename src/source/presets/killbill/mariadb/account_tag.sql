-- Accounts that pay by hand, or no longer: a control tag changes all their invoices.
select {columns},
  n.row_key, n.at as updated_at
from (
  select straight_join e.record_id, o.at, o.record_id as parent,
    concat(lpad(o.record_id, 19, '0'), ' ', lpad(e.record_id, 19, '0')) as row_key
  from (
    select q.record_id, q.object_id as account_id, q.updated_date as at
    from tags q
    where q.updated_date >= :after
      and (q.updated_date > :after or q.record_id >= {key_parent})
      and q.object_type = 'ACCOUNT' and q.tag_definition_id in
        ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000005')
      {only tenants q.tenant_record_id}
      and (
        select 1 from invoices x
        where x.account_id = q.object_id
          and (q.updated_date > :after or q.record_id > {key_parent} or x.record_id > {key_child})
        limit 1) is not null
    order by q.updated_date, q.record_id
    limit :limit
  ) o
  join invoices e on e.account_id = o.account_id
  where o.at > :after or o.record_id > {key_parent} or e.record_id > {key_child}
  order by o.at, o.record_id, e.record_id
  limit :limit
) n
join invoices i on i.record_id = n.record_id
join accounts a on a.id = i.account_id
order by n.at, n.parent, n.record_id
