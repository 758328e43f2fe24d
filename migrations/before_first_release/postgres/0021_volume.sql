-- What scans planned for each merchant on each day, so that a day of far more than usual is noticed. A row per merchant and day.
create table volume (
    merchant        text collate "C" not null,
    day             date    not null, -- in the zone of the schedule
    planned         bigint  not null,
    held            boolean not null default false, -- it was far more than usual: what was planned waits for a person
    approved_by     text,
    approved_reason text,
    approved_at     timestamptz,
    primary key (merchant, day)
);
