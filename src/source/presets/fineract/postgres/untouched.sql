-- Loans that nothing has touched since Fineract keeps last_modified_on_utc (version 1.8): it is null in them.
select {columns},
  l.id * 100000 + s.installment as row_key, l.disbursedon_date::timestamp at time zone 'UTC' as updated_at
from m_loan l
join m_client c on c.id = l.client_id
join m_product_loan p on p.id = l.product_id
join m_loan_repayment_schedule s on s.loan_id = l.id
where l.last_modified_on_utc is null
  and (l.disbursedon_date::timestamp at time zone 'UTC', l.id * 100000 + s.installment)
    > (:after, :after_key::bigint)
order by updated_at, row_key
limit :limit
