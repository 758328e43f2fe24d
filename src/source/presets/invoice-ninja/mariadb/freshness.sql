-- A primary is as new as the clock. A replica is as new as the last change of an invoice that reached it.
select if(@@global.read_only, (select max(updated_at) from invoices), now(6))
