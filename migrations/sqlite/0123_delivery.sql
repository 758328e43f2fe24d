-- What the lender's systems deliver by themselves: bodies of webhooks, and files. The same content counts once.
create table delivery (
    id     integer primary key,
    source text not null,
    digest text not null, -- of the content; a blind index of it in an encrypted database
    at     text not null,
    stage  text not null, -- waiting or done
    body   text, -- of a webhook, until it is applied; sealed in an encrypted database
    unique (source, digest)
) strict;
create index delivery_waiting on delivery (source, at, id) where stage = 'waiting';
