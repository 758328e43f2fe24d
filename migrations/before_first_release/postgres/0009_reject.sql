-- Records of the lender's books that cannot be applied to the ledger: kept until a later record answers for them. They hold the
-- reminders of their instalment, so a claim looks here.

create table reject (
    id             bigint generated always as identity primary key,
    installment_id text collate "C" not null, -- empty: it cannot be read, and so for the merchant
    merchant       text collate "C" not null,
    source         text        not null, -- empty: a file
    digest         text        not null, -- of the cells, where instalment or merchant cannot be read; else empty
    kind           text        not null, -- row, payment
    waits          boolean     not null, -- sound in itself: it waits for its instalment
    cells          text        not null, -- JSON by column. Personal data: in the database only
    reason         text        not null,
    at             timestamptz not null
);

-- Each source keeps one record of an instalment; and what a claim and an import look for.
create unique index reject_once on reject (installment_id, merchant, source, digest);

-- What was taken out by hand, without its cells. Only appended.
create table dropped_reject (
    id             bigint      not null,
    merchant       text collate "C" not null,
    installment_id text collate "C" not null,
    fault          text        not null, -- why it could not be applied
    at             timestamptz not null,
    actor          text        not null,
    reason         text        not null
);

create index dropped_reject_at on dropped_reject (at, id);
