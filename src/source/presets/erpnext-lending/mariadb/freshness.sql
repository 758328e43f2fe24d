-- A primary is as new as the clock. A replica is as new as the last loan or repayment that reached it (site's zone).
select if(@@global.read_only,
  (select max(newest) from (select max(modified) as newest from tabLoan
                            union all select max(modified) from `tabLoan Repayment`) x), now(6))
