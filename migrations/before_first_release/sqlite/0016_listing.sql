-- What staff list by channel, newest first, and reminders that ended, by merchant, due date and channel; see the migration for PostgreSQL.
create index reminder_of_channel on reminder (coalesce(channel, channel), id);
create index reminder_of_merchant_and_channel on reminder (coalesce(merchant, merchant), coalesce(channel, channel), id);
alter table event add column merchant text;
alter table event add column due_date text;
alter table event add column channel text;
update event set (merchant, due_date, channel) = (
    select r.merchant, r.due_date, r.channel from reminder r where r.id = event.reminder_id
) where kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_merchant on event (merchant, kind, reminder_id)
    where merchant is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_due_date on event (due_date, kind, reminder_id)
    where due_date is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_channel on event (channel, kind, reminder_id)
    where channel is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create trigger event_end after insert on event
when new.kind in ('failed', 'skipped', 'delivered', 'undelivered')
begin
    update event set (merchant, due_date, channel) = (
        select r.merchant, r.due_date, r.channel from reminder r where r.id = new.reminder_id
    ) where id = new.id;
end;
