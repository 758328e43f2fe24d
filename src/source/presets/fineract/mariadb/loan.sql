-- Whole loans: a payment, charge, foreclosure, reschedule, write-off and the nightly close of business change m_loan.
-- Foreclosure and reschedule delete rows of the schedule, so all that is left of a loan comes with the loan's time.
select {columns},
  n.row_key, n.at as updated_at
from (
  select e.id, o.at, o.id * 100000 + e.installment as row_key
  from (
    select q.id, q.last_modified_on_utc as at
    from m_loan q
    where q.last_modified_on_utc >= :after
      and (q.last_modified_on_utc > :after or q.id >= :after_key div 100000)
      and q.client_id is not null
      and exists (select 1 from m_loan_repayment_schedule x
                  where x.loan_id = q.id
                    and (q.last_modified_on_utc > :after or q.id * 100000 + x.installment > :after_key))
    order by q.last_modified_on_utc, q.id
    limit :limit
  ) o
  join m_loan_repayment_schedule e on e.loan_id = o.id
  where o.at > :after or o.id * 100000 + e.installment > :after_key
  order by o.at, row_key
  limit :limit
) n
join m_loan_repayment_schedule s on s.id = n.id
join m_loan l on l.id = s.loan_id
join m_client c on c.id = l.client_id
join m_product_loan p on p.id = l.product_id
order by n.at, n.row_key
