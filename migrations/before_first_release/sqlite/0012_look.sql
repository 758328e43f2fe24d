-- When an unknown reminder is looked at next stands in its queue row, as `not_before`; see the migration for PostgreSQL.
create index queue_look on queue (channel, not_before, reminder_id) where apart = 'unknown';

-- What staff list: reminders by merchant, by due date, newest first; and reminders that ended. On expressions,
-- so that only listings use them; see the migration for PostgreSQL.
create index reminder_of_merchant on reminder (coalesce(merchant, merchant), id);
create index reminder_due on reminder (coalesce(due_date, due_date), id);
create index event_end on event (kind, reminder_id) where kind in ('failed', 'skipped', 'delivered', 'undelivered');
