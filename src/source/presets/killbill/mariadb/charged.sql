coalesce((select sum(x.amount) from invoice_items x where x.invoice_id = i.id), 0)
