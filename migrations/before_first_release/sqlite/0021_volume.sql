-- What scans planned for each merchant on each day, so that a day of far more than usual is noticed. A row per merchant and day.
create table volume (
    merchant        text    not null,
    day             text    not null, -- in the zone of the schedule
    planned         integer not null,
    held            integer not null default false, -- it was far more than usual: what was planned waits for a person
    approved_by     text,
    approved_reason text,
    approved_at     text,
    primary key (merchant, day)
) strict, without rowid;
