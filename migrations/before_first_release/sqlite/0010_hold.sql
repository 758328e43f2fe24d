-- Reminders that are held: they wait until their cause goes away, and no claim looks at them.
alter table queue add column hold text; -- while held: the cause, as reason:subject

-- The state of a row that no claim looks at; null while planned or sending. PostgreSQL has its indexes by it.
alter table queue drop column apart;
alter table queue add column apart text
    generated always as (case when state in ('unknown', 'falling_back', 'held') then state end) virtual;

-- What a release walks: all that is held for one cause.
create index queue_held on queue (hold, channel, reminder_id) where state = 'held';
-- While held, not_before is when the reminder expires: then it is decided again.
create index queue_held_until on queue (not_before) where state = 'held';
