-- Whole invoices: posting, cancelling, resetting to draft and paying change account_move. Odoo may delete the lines of
-- an invoice in draft and make others, so all that is left of it comes with the time of the invoice.
select {columns},
  m.id::bigint * 1000 + t.n as row_key, m.write_date as updated_at
from (
  select q.id
  from account_move q
  where (q.write_date, q.id) >= (:after, :after_key::bigint / 1000)
    and q.move_type = 'out_invoice' and q.company_id = {company}
    and exists (select 1 from account_move_line e
                where e.move_id = q.id and e.display_type = 'payment_term' and e.date_maturity is not null)
  order by q.write_date, q.id
  limit :limit::bigint + 1
) n
join account_move m on m.id = n.id
join account_move_line l on l.move_id = m.id and l.display_type = 'payment_term' and l.date_maturity is not null
join res_partner p on p.id = m.partner_id
join res_currency cur on cur.id = l.currency_id
{place}
where (m.write_date, m.id::bigint * 1000 + t.n) > (:after, :after_key::bigint)
order by m.write_date, row_key
limit :limit
