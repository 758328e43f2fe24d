-- Tokens of the API, made by `dueherald token create`, and the requests that count once (`ApiStore` in the code).

create table api_token (
    id         bigint generated always as identity primary key,
    name       text        not null,
    digest     bytea       not null unique, -- SHA-256 of the token: 256 random bits cannot be found by trying
    merchants  text        not null, -- JSON
    actions    text        not null, -- JSON
    created_at timestamptz not null,
    expires_at timestamptz, -- null: never
    revoked_at timestamptz,
    used_at    timestamptz  -- to the minute
);
create unique index api_token_name on api_token (name) where revoked_at is null;

-- POSTs with an Idempotency-Key and their answers. The answer is written in the transaction of the effect, so that both
-- are there or neither is.
create table api_request (
    token       text        not null, -- whose key it is
    key         text        not null,
    fingerprint bytea       not null, -- of the request, keyed by the token
    attempt     integer     not null, -- who takes over from a process that died has the next number
    at          timestamptz not null,
    lease_until timestamptz not null,
    status      integer, -- null: not ended
    answer      text,
    primary key (token, key)
);
create index api_request_at on api_request (at);
