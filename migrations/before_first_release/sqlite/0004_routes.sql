-- What people made of the ways to repay at run time. Only appended; of each key the newest holds.
create table route_version (
    id          integer primary key autoincrement,
    route_key   text not null,
    at          text not null,
    actor       text not null,
    reason      text not null,
    merchant    text not null,
    product     text, -- null: for all
    kind        text not null, -- web, app
    url         text not null,
    valid_from  text,
    valid_until text,
    closed      integer not null,
    replaced_by text -- the key of another
) strict;

create index route_version_of_key on route_version (route_key, id);
