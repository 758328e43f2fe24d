-- What staff list by channel, newest first, and reminders that ended, by channel; see the migration for PostgreSQL.
create index reminder_of_channel on reminder (coalesce(channel, channel), id);
alter table event add column channel text;
update event set channel = (select r.channel from reminder r where r.id = event.reminder_id)
where kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_channel on event (channel, kind, reminder_id)
    where channel is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create trigger event_channel after insert on event
when new.kind in ('failed', 'skipped', 'delivered', 'undelivered')
begin
    update event set channel = (select r.channel from reminder r where r.id = new.reminder_id)
    where reminder_id = new.reminder_id and id = new.id;
end;
