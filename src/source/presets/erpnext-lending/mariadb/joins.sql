left join `tabLoan Product` p on p.name = l.loan_product
left join tabCompany co on co.name = l.company
left join tabCustomer c on l.applicant_type = 'Customer' and c.name = l.applicant
left join tabEmployee e on l.applicant_type = 'Employee' and e.name = l.applicant
