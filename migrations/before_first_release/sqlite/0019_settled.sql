-- Since when nothing of an instalment is owed any more: links to what was paid end some time after that. Null while something is owed,
-- and for what was paid before this was on record.
alter table installment add column settled_at text;
