-- Names and addresses: one instalment of each client that changed, as they belong to the borrower.
select {columns},
  c.id as row_key, c.last_modified_on_utc as updated_at
from (
  select q.id, (select max(t.id) from m_loan k join m_loan_repayment_schedule t on t.loan_id = k.id
                where k.client_id = q.id) as schedule_id
  from m_client q
  where (q.last_modified_on_utc, q.id) > (:after, :after_key)
    and exists (select 1 from m_loan k join m_loan_repayment_schedule t on t.loan_id = k.id where k.client_id = q.id)
  order by q.last_modified_on_utc, q.id
  limit :limit
) n
join m_client c on c.id = n.id
join m_loan_repayment_schedule s on s.id = n.schedule_id
join m_loan l on l.id = s.loan_id
join m_product_loan p on p.id = l.product_id
order by c.last_modified_on_utc, c.id
