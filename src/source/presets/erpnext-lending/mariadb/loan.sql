-- Whole loans: disbursing, closing, writing off and cancelling change tabLoan. Paying does not: see repayment.sql.
select {columns},
  concat(n.parent, ' ', n.name) as row_key, n.modified as updated_at
from (
  select straight_join e.name, o.name as parent, o.modified
  from (
    select q.name, q.name as loan, q.modified
    from tabLoan q
    where q.modified >= :after
      and (q.modified > :after or q.name >= {key_parent})
      and q.is_term_loan = 1 {only companies q.company}
      and (
        select 1
        from tabLoan k
        join `tabLoan Repayment Schedule` t on t.loan = k.name and t.docstatus > 0
        join `tabRepayment Schedule` x on x.parent = t.name and x.parenttype = 'Loan Repayment Schedule'
        where k.name = q.name and k.is_term_loan = 1 {only companies k.company}
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
