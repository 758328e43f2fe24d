-- What staff list by channel, newest first. On expressions, as the other indexes of listings: see 0012.
create index reminder_of_channel on reminder (coalesce(channel, channel), id);
create index reminder_of_merchant_and_channel on reminder (coalesce(merchant, merchant), coalesce(channel, channel), id);
-- A merchant may use one channel alone. Without this the planner expects to meet what is asked for soon, and walks through all reminders.
create statistics reminder_listing (mcv) on (coalesce(merchant, merchant)), (coalesce(channel, channel)) from reminder;

-- Reminders that ended, by merchant, due date and channel. These stand with the reminder, so where millions of ends are of another
-- merchant or channel, a listing would read the reminder of each. The event has them as well. The hot path writes no event of these
-- kinds, and pays for the trigger only the comparison. Only listings compare these columns, so no other statement may use the indexes.
alter table event add column merchant text, add column due_date date, add column channel text;
update event e set merchant = r.merchant, due_date = r.due_date, channel = r.channel from reminder r
where r.id = e.reminder_id and e.kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_merchant on event (merchant, kind, reminder_id)
    where merchant is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_due_date on event (due_date, kind, reminder_id)
    where due_date is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_channel on event (channel, kind, reminder_id)
    where channel is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');

create function event_end() returns trigger language plpgsql as $$
begin
    select r.merchant, r.due_date, r.channel into new.merchant, new.due_date, new.channel
    from reminder r where r.id = new.reminder_id;
    return new;
end $$;
create trigger event_end before insert on event for each row
    when (new.kind in ('failed', 'skipped', 'delivered', 'undelivered'))
    execute function event_end();
