-- What people made of the ways to repay at run time. Only appended; of each key the newest holds.
create table route_version (
    id          bigint generated always as identity primary key,
    route_key   text collate "C" not null,
    at          timestamptz not null,
    actor       text        not null,
    reason      text        not null,
    merchant    text        not null,
    product     text, -- null: for all
    kind        text        not null, -- web, app
    url         text        not null,
    valid_from  timestamptz,
    valid_until timestamptz,
    closed      boolean     not null,
    replaced_by text -- the key of another
);

create index route_version_of_key on route_version (route_key, id);
