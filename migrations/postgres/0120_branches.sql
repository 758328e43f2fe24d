-- A source with branches has a place in each of them.
create table source_branch (
    source  text collate "C" not null,
    branch  text collate "C" not null,
    read_to timestamptz      not null, -- the latest updated_at among its rows that are in the ledger
    primary key (source, branch)
);

-- The newest instant that the lender's data had when the last complete pull began, by the source's own query.
alter table source add column data_at timestamptz;
-- When the last complete pull of all rows began.
alter table source add column full_read_at timestamptz;

-- The source that yielded the instalment. Null: a file or the API.
alter table installment add column source text collate "C";
-- Its source has it no longer, so it is cancelled.
alter table installment add column is_vanished boolean not null default false;

-- The record is an instalment that its source has no longer.
alter table reject add column is_vanished boolean not null default false;
