-- Instalments whose own journal line changed: a payment that is matched with it, or taken off again.
select {columns},
  l.id as row_key, l.write_date as updated_at
from (
  select q.id
  from account_move_line q
  where (q.write_date, q.id) > (:after, :after_key)
    and q.display_type = 'payment_term' and q.date_maturity is not null
    and exists (select 1 from account_move k
                where k.id = q.move_id and k.move_type = 'out_invoice' and k.company_id = {company})
  order by q.write_date, q.id
  limit :limit
) n
join account_move_line l on l.id = n.id
join account_move m on m.id = l.move_id
join res_partner p on p.id = m.partner_id
join res_currency cur on cur.id = l.currency_id
{place}
order by l.write_date, l.id
