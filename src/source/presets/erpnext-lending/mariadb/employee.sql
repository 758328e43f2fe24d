-- Names and addresses: one instalment of each employee that changed, as they belong to the borrower.
select {columns},
  n.name as row_key, n.modified as updated_at
from (
  select q.name, q.modified, (
    select max(x.name) from tabLoan k
    join `tabLoan Repayment Schedule` s on s.loan = k.name and s.docstatus > 0
    join `tabRepayment Schedule` x on x.parent = s.name and x.parenttype = 'Loan Repayment Schedule'
    where k.applicant = q.name and k.applicant_type = 'Employee' and k.is_term_loan = 1 {only companies k.company}
  ) as row_name
  from tabEmployee q
  where q.modified >= :after and (q.modified > :after or q.name > :after_key)
    and exists (
      select 1 from tabLoan k
      join `tabLoan Repayment Schedule` s on s.loan = k.name and s.docstatus > 0
      join `tabRepayment Schedule` x on x.parent = s.name and x.parenttype = 'Loan Repayment Schedule'
      where k.applicant = q.name and k.applicant_type = 'Employee' and k.is_term_loan = 1 {only companies k.company})
  order by q.modified, q.name
  limit :limit
) n
join `tabRepayment Schedule` r on r.name = n.row_name
join `tabLoan Repayment Schedule` rs on rs.name = r.parent
join tabLoan l on l.name = rs.loan
{joins}
order by n.modified, n.name
