-- Rows that change without their loan, such as due dates that a holiday moves.
select {columns},
  s.id as row_key, s.last_modified_on_utc as updated_at
from (
  select q.id
  from m_loan_repayment_schedule q
  where (q.last_modified_on_utc, q.id) > (:after, :after_key)
    and (select k.client_id from m_loan k where k.id = q.loan_id) is not null
  order by q.last_modified_on_utc, q.id
  limit :limit
) n
join m_loan_repayment_schedule s on s.id = n.id
join m_loan l on l.id = s.loan_id
join m_client c on c.id = l.client_id
join m_product_loan p on p.id = l.product_id
order by s.last_modified_on_utc, s.id
