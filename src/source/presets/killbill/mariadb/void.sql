-- Invoices that are committed or voided: only the audit log has the time of that.
select {columns},
  n.record_id as row_key, n.at as updated_at
from (
  select straight_join q.record_id, q.created_date as at, i.id as invoice_id
  from audit_log q
  join invoice_history h on h.record_id = q.target_record_id
  join invoices i on i.record_id = h.target_record_id
  where q.created_date >= :after and (q.created_date > :after or q.record_id > :after_key)
    {only tenants q.tenant_record_id}
    and q.table_name = 'INVOICE_HISTORY' and q.change_type = 'UPDATE'
  order by q.created_date, q.record_id
  limit :limit
) n
join invoices i on i.id = n.invoice_id
join accounts a on a.id = i.account_id
order by n.at, n.record_id
