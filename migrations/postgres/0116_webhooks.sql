-- Webhooks: how far each endpoint of a lender was told of what is on record (`WebhookStore` in the code).

-- What no other table records as a row of its own. Append-only.
create table occurrence (
    id             bigint generated always as identity primary key,
    at             timestamptz not null,
    kind           text        not null, -- borrower.opted_out, installment.paid_after_click, route.degraded
    merchant       text collate "C" not null,
    borrower_id    text collate "C", -- null: of a route
    reminder_id    bigint,           -- of a payment: the last one of which a link was followed
    installment_id text collate "C", -- of a payment
    channel        text,             -- of an opt-out
    route_key      text collate "C"
);
create index occurrence_of_borrower on occurrence (merchant, borrower_id, id);
-- Each instalment is paid once.
create unique index occurrence_paid on occurrence (installment_id, merchant) where installment_id is not null;

-- Events are read in the order of their numbers. They are appended, so block ranges suffice, and claims and settlements
-- write no further index. Autovacuum summarises each range when the next one begins: without that, all events since the
-- last vacuum would be read each time.
create index event_by_number on event using brin (id) with (autosummarize = on);

create table webhook_endpoint (
    merchant      text collate "C" not null,
    name          text collate "C" not null,
    -- It was told everything up to these numbers, but for borrowers that wait.
    event_id bigint not null, click_id bigint not null, reply_id bigint not null, occurrence_id bigint not null,
    version       bigint  not null default 0, -- goes up when a person changes it
    failures      integer not null default 0, -- in a row
    failing_since timestamptz,
    not_before    timestamptz,
    last_fault    text, -- a code
    disabled_at   timestamptz, -- since it answered 410
    primary key (merchant, name)
);

-- Borrowers whose next event an endpoint did not take: it was told everything of theirs up to these numbers.
create table webhook_waiting (
    merchant    text collate "C" not null,
    name        text collate "C" not null,
    borrower_id text collate "C" not null, -- empty: the routes of the merchant
    event_id bigint not null, click_id bigint not null, reply_id bigint not null, occurrence_id bigint not null,
    failures    integer     not null,
    not_before  timestamptz not null,
    since       timestamptz not null,
    last_fault  text        not null,
    primary key (merchant, name, borrower_id)
);
