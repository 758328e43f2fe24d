-- What was handed over can be shown again exactly; see PostgreSQL.

alter table event add column message blob;

create table message_form (
    hash blob primary key,
    text blob not null
) strict, without rowid;

create table message_key (
    id     integer primary key,
    sealed text not null
) strict;
