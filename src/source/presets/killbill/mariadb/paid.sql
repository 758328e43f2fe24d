coalesce((select sum(x.amount) from invoice_payments x where x.invoice_id = i.id and x.status = 'SUCCESS'), 0)
