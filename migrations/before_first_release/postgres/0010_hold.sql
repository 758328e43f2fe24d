-- Reminders that are held: they wait until their cause goes away, and no claim looks at them.

alter table queue add column hold text; -- while held: the cause, as reason:subject

-- A generated column cannot be given another expression before PostgreSQL 17.
drop index queue_due;
drop index queue_unknown;
drop index queue_falling_back;
alter table queue drop column apart;

-- The state of a row that no claim looks at; null while planned or sending.
alter table queue add column apart text
    generated always as (case when state in ('unknown', 'falling_back', 'held') then state end) stored;

create index queue_due on queue (channel, place, not_before, reminder_id) where apart is null;
create index queue_unknown on queue (channel, reminder_id) where apart = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where apart = 'falling_back';

-- What a release walks: all that is held for one cause.
create index queue_held on queue (hold, channel, reminder_id) where apart = 'held';
-- While held, not_before is when the reminder expires: then it is decided again.
create index queue_held_until on queue (not_before) where apart = 'held';
