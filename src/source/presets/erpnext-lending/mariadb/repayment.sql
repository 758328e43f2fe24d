-- Payments, and payments that were cancelled: Lending writes them into loans, accruals and demands by SQL that leaves
-- `modified` as it was. So the newest repayment of a loan tells that its rows changed.
select {columns},
  concat(n.parent, ' ', n.name) as row_key, n.modified as updated_at
from (
  select straight_join e.name, o.name as parent, o.modified
  from (
    select q.name, q.against_loan as loan, q.modified
    from `tabLoan Repayment` q
    where q.modified >= :after
      and (q.modified > :after or q.name >= {key_parent})
      and q.docstatus > 0
      and not exists (
        select 1 from `tabLoan Repayment` v
        where v.against_loan = q.against_loan and v.docstatus > 0
          and (v.modified > q.modified or (v.modified = q.modified and v.name > q.name)))
      and (
        select 1
        from tabLoan k
        join `tabLoan Repayment Schedule` t on t.loan = k.name and t.docstatus > 0
        join `tabRepayment Schedule` x on x.parent = t.name and x.parenttype = 'Loan Repayment Schedule'
        where k.name = q.against_loan and k.is_term_loan = 1 {only companies k.company}
          and (q.modified > :after or q.name > {key_parent} or x.name > {key_child})
        limit 1) is not null
    order by q.modified, q.name
    limit :limit
  ) o
  join `tabLoan Repayment Schedule` t on t.loan = o.loan and t.docstatus > 0
  join `tabRepayment Schedule` e on e.parent = t.name and e.parenttype = 'Loan Repayment Schedule'
  where o.modified > :after or o.name > {key_parent} or e.name > {key_child}
  order by o.modified, o.name, e.name
  limit :limit
) n
join `tabRepayment Schedule` r on r.name = n.name
join `tabLoan Repayment Schedule` rs on rs.name = r.parent
join tabLoan l on l.name = rs.loan
{joins}
order by n.modified, n.parent, n.name
