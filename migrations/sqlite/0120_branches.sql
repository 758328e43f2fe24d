-- A source with branches has a place in each of them.
create table source_branch (
    source  text not null,
    branch  text not null,
    read_to text not null, -- the latest updated_at among its rows that are in the ledger
    primary key (source, branch)
) strict, without rowid;

-- The newest instant that the lender's data had when the last complete pull began, by the source's own query.
alter table source add column data_at text;
-- When the last complete pull of all rows began.
alter table source add column full_read_at text;

-- The source that yielded the instalment. Null: a file or the API.
alter table installment add column source text;
-- Its source has it no longer, so it is cancelled.
alter table installment add column is_vanished integer not null default 0;

-- The record is an instalment that its source has no longer.
alter table reject add column is_vanished integer not null default 0;
