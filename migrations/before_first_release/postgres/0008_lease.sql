-- A claim changes nothing that an index holds: neither the state nor the end of the lease stands in one. The new version of the row
-- then lies beside the old one, and no index is written (a heap-only tuple), which takes a tenth off a claim and its outcome.

-- An older daemon that still runs would claim without noting its lease below, and nobody would find what it leaves behind. By the old
-- name of this column it cannot claim any more; what it has under way it still records.
alter table queue rename column lease_until to leased_until;

-- The state of a row that no claim looks at; null while planned or sending.
alter table queue add column apart text
    generated always as (case when state in ('unknown', 'falling_back') then state end) stored;

drop index queue_due;
drop index queue_lease;
drop index queue_unknown;
drop index queue_falling_back;

-- What a claim walks, from the head of its lane. It passes over the few that are being sent.
create index queue_due on queue (channel, place, not_before, reminder_id) where apart is null;

-- What waits for proof, and what for another channel: few, so the lists are short.
create index queue_unknown on queue (channel, reminder_id) where apart = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where apart = 'falling_back';

-- What the reaper walks: one row for each claim, until its lease has run out and none of its reminders is being sent under it.
create table lease (
    until        timestamptz not null,
    reminder_ids bigint[]    not null
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);

create index lease_until on lease (until);

insert into lease (until, reminder_ids)
select leased_until, array_agg(reminder_id) from queue where state = 'sending' group by leased_until;
