-- Tokens of the API, and the requests that count once; see PostgreSQL.

create table api_token (
    id         integer primary key autoincrement,
    name       text not null,
    digest     blob not null unique,
    merchants  text not null, -- JSON
    actions    text not null, -- JSON
    created_at text not null,
    expires_at text, -- null: never
    revoked_at text,
    used_at    text  -- to the minute
) strict;
create unique index api_token_name on api_token (name) where revoked_at is null;

create table api_request (
    token       text    not null,
    key         text    not null,
    fingerprint blob    not null,
    attempt     integer not null,
    at          text    not null,
    lease_until text    not null,
    status      integer, -- null: not ended
    answer      text,
    primary key (token, key)
) strict, without rowid;
create index api_request_at on api_request (at);
