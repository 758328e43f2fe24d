-- Whole loans: a payment, charge, foreclosure, reschedule, write-off and the nightly close of business change m_loan.
-- Foreclosure and reschedule delete rows of the schedule, so all that is left of a loan comes with the loan's time.
select {columns},
  n.row_key, n.at as updated_at
from (
  select e.id, q.last_modified_on_utc as at, q.id * 100000 + e.installment as row_key
  from m_loan q
  join m_loan_repayment_schedule e on e.loan_id = q.id
  where (q.last_modified_on_utc, q.id) >= (:after, :after_key::bigint / 100000)
    and (q.last_modified_on_utc, q.id * 100000 + e.installment) > (:after, :after_key::bigint)
    and q.client_id is not null
  order by q.last_modified_on_utc, q.id, e.installment
  limit :limit
) n
join m_loan_repayment_schedule s on s.id = n.id
join m_loan l on l.id = s.loan_id
join m_client c on c.id = l.client_id
join m_product_loan p on p.id = l.product_id
order by n.at, n.row_key
