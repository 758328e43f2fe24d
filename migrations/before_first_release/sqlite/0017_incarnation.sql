-- Which database this is, and whether anything may be sent from it. One row. A copy has the same row, and shows as a copy by its
-- numbers, which have not come as far.
create table incarnation (
    database     text not null, -- random, made once
    generation   text not null, -- random, another one each time that it is armed
    disarmed_for text, -- why nothing is sent; null while it is armed
    disarmed_by  text, -- the daemon that noticed
    disarmed_at  text
) strict;

create unique index incarnation_once on incarnation (true);

insert into incarnation (database, generation) values (lower(hex(randomblob(16))), lower(hex(randomblob(16))));

-- Who armed it, and who asked for it where two persons are needed. Only appended.
create table arming (
    id         integer primary key autoincrement,
    generation text    not null, -- that it ended, or is to end
    at         text    not null,
    actor      text    not null,
    reason     text    not null,
    is_done    integer not null -- 0: asked for by one of two persons
) strict;

-- The daemons that have sent from it, each with what it remembers outside.
create table daemon (
    daemon    text primary key,
    beats     integer not null,
    last_at   text    not null,
    handed_in text -- the generation for which all that it remembers is in here
) strict, without rowid;
