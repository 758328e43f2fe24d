-- What the lender's systems deliver by themselves: bodies of webhooks, and files. The same content counts once.
create table delivery (
    id     bigint generated always as identity primary key,
    source text collate "C" not null,
    digest text collate "C" not null, -- of the content; a blind index of it in an encrypted database
    at     timestamptz      not null,
    stage  text             not null, -- waiting or done
    body   text, -- of a webhook, until it is applied; sealed in an encrypted database
    unique (source, digest)
);
create index delivery_waiting on delivery (source, at, id) where stage = 'waiting';
