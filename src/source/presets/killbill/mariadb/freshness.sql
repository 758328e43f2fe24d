-- A primary is as new as the clock. A replica is as new as the last change of a payment or invoice that reached it.
select if(@@global.read_only, (select max(created_date) from audit_log), now(6))
