-- A primary is as new as the clock. A replica is as new as the last transaction that it has replayed.
select case when pg_is_in_recovery() then pg_last_xact_replay_timestamp() else now() end
