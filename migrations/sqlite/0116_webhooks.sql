-- Webhooks; see PostgreSQL.

create table occurrence (
    id             integer primary key autoincrement,
    at             text not null,
    kind           text not null,
    merchant       text not null,
    borrower_id    text,
    reminder_id    integer,
    installment_id text,
    channel        text,
    route_key      text
) strict;
create index occurrence_of_borrower on occurrence (merchant, borrower_id, id);
create unique index occurrence_paid on occurrence (installment_id, merchant) where installment_id is not null;

create table webhook_endpoint (
    merchant      text not null,
    name          text not null,
    event_id integer not null, click_id integer not null, reply_id integer not null, occurrence_id integer not null,
    version       integer not null default 0,
    failures      integer not null default 0,
    failing_since text,
    not_before    text,
    last_fault    text,
    disabled_at   text,
    primary key (merchant, name)
) strict, without rowid;

create table webhook_waiting (
    merchant    text not null,
    name        text not null,
    borrower_id text not null,
    event_id integer not null, click_id integer not null, reply_id integer not null, occurrence_id integer not null,
    failures    integer not null,
    not_before  text    not null,
    since       text    not null,
    last_fault  text    not null,
    primary key (merchant, name, borrower_id)
) strict, without rowid;
