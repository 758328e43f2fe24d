-- Which database this is, and whether anything may be sent from it. One row. A copy has the same row, and shows as a copy by the
-- server's identifier and timeline, or by its sequences, which have not come as far.
create table incarnation (
    database     text not null, -- random, made once
    generation   text not null, -- random, another one each time that it is armed
    disarmed_for text, -- why nothing is sent; null while it is armed
    disarmed_by  text, -- the daemon that noticed
    disarmed_at  timestamptz
);

create unique index incarnation_once on incarnation ((true));

insert into incarnation (database, generation) values (gen_random_uuid()::text, gen_random_uuid()::text);

-- Who armed it, and who asked for it where two persons are needed. Only appended.
create table arming (
    id         bigint generated always as identity primary key,
    generation text        not null, -- that it ended, or is to end
    at         timestamptz not null,
    actor      text        not null,
    reason     text        not null,
    is_done    boolean     not null -- false: asked for by one of two persons
);

-- The daemons that have sent from it, each with what it remembers outside.
create table daemon (
    daemon    text collate "C" primary key,
    beats     bigint      not null,
    last_at   timestamptz not null,
    handed_in text -- the generation for which all that it remembers is in here
);
