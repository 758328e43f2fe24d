-- When an unknown reminder is looked at next stands in its queue row, as `not_before`: a round reads what is due to be looked at and
-- nothing else. Far in the future: never again, it is a person's.
drop index queue_unknown;
create index queue_unknown on queue (reminder_id) where apart = 'unknown';
create index queue_look on queue (channel, not_before, reminder_id) where apart = 'unknown';

-- What staff list: reminders by merchant, by due date, newest first. They are on expressions, so that only listings, which name these, use
-- them: a plan made without statistics may take any index for `due_date = $1`, and would find one reminder among all of its day.
create index reminder_of_merchant on reminder (coalesce(merchant, merchant), id);
create index reminder_due on reminder (coalesce(due_date, due_date), id);

-- Reminders that ended, but for those that were accepted and not heard of again: the hot path writes no event of these kinds.
create index event_end on event (kind, reminder_id) where kind in ('failed', 'skipped', 'delivered', 'undelivered');
