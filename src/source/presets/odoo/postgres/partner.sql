-- Names and addresses: one instalment of each partner that changed, as they belong to the borrower.
select {columns},
  p.id as row_key, p.write_date as updated_at
from (
  select q.id, (
    select max(e.id)
    from account_move k
    join account_move_line e on e.move_id = k.id and e.display_type = 'payment_term' and e.date_maturity is not null
    where k.partner_id = q.id and k.move_type = 'out_invoice' and k.company_id = {company}) as line_id
  from res_partner q
  where (q.write_date, q.id) > (:after, :after_key)
    and exists (
      select 1
      from account_move k
      join account_move_line e on e.move_id = k.id and e.display_type = 'payment_term' and e.date_maturity is not null
      where k.partner_id = q.id and k.move_type = 'out_invoice' and k.company_id = {company})
  order by q.write_date, q.id
  limit :limit
) n
join res_partner p on p.id = n.id
join account_move_line l on l.id = n.line_id
join account_move m on m.id = l.move_id
join res_currency cur on cur.id = l.currency_id
{place}
order by p.write_date, p.id
