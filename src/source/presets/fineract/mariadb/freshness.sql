-- A primary is as new as the clock. A replica is as new as the last change of a loan that reached it.
select if(@@global.read_only, (select max(last_modified_on_utc) from m_loan), now(6))
