-- What staff list by channel, newest first. On an expression, as the other indexes of listings: see 0012.
create index reminder_of_channel on reminder (coalesce(channel, channel), id);

-- Reminders that ended, by channel. An end is one event among many, and its channel stands with the reminder: where all of
-- millions of ends are of the other channel, a listing would ask the reminder of each. So the event has it as well. The hot path
-- writes no event of these kinds, and pays for the trigger only the comparison. Only listings say that the channel is not null, so no other
-- statement may use the index.
alter table event add column channel text;
update event e set channel = r.channel from reminder r
where r.id = e.reminder_id and e.kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_channel on event (channel, kind, reminder_id)
    where channel is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');

create function event_channel() returns trigger language plpgsql as $$
begin
    select r.channel into new.channel from reminder r where r.id = new.reminder_id;
    return new;
end $$;
create trigger event_channel before insert on event for each row
    when (new.kind in ('failed', 'skipped', 'delivered', 'undelivered'))
    execute function event_channel();
