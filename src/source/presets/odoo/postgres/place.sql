cross join lateral (
  select count(*) filter (where (x.date_maturity, x.id) <= (l.date_maturity, l.id)) as n, count(*) as "of"
  from account_move_line x
  where x.move_id = l.move_id and x.display_type = 'payment_term' and x.date_maturity is not null
) t
