-- The ledger: who owes what, as the lender's books say. As on PostgreSQL, but: amounts are text in plain decimal form (a SQLite
-- number would be a float), dates are YYYY-MM-DD, times YYYY-MM-DDTHH:MM:SS.ffffffZ, which sort as text. Strict tables, so
-- that no value is turned into another type without a word.

create table borrower (
    merchant      text not null,
    borrower_id   text not null,
    name          text,
    phone         text,
    email         text,
    locale        text,
    time_zone     text,
    account_phone text,
    hold_reason   text, -- on hold while this is not null and hold_until not past
    hold_until    text,
    preferred_channel text,
    preferred_hours   text, -- local, HH:MM-HH:MM,
    primary key (borrower_id, merchant)
) strict, without rowid;

-- The same person at several merchants, where frequency caps count that.
create index borrower_phone on borrower (phone) where phone is not null;
create index borrower_email on borrower (email) where email is not null;

-- No foreign key to the borrower, as on PostgreSQL: an import writes both in one transaction.
create table installment (
    merchant       text not null,
    installment_id text not null,
    borrower_id    text not null,
    order_ref      text,
    product        text,
    sequence       integer,
    of             integer,
    currency       text not null, -- of both amounts
    amount         text not null,
    paid_amount    text not null,
    due_date       text not null,
    status         text not null,
    route          text,
    tags           text, -- in order, with semicolons between them
    primary key (installment_id, merchant)
) strict, without rowid;

-- What a claim reads: all that one borrower has to pay on one day.
create index installment_of_borrower on installment (borrower_id, merchant, due_date);
-- What a scan walks.
create index installment_open on installment (due_date, merchant, borrower_id) where status = 'open';

create table suppression (
    merchant text, -- null: for every merchant
    channel  text not null,
    address  text not null,
    reason   text not null,
    source   text not null,
    since    text not null,
    until    text -- null: for good
) strict;

-- One per address and merchant; "for every merchant" counts as one more merchant.
create unique index suppression_once on suppression (channel, address, coalesce(merchant, ''));

-- How far each source of `[[sources]]` has been read.
create table source (
    name      text not null primary key,
    read_to   text, -- the latest updated_at among the rows that are in the ledger
    pulled_at text -- when the last pull began that came to its end
) strict;

-- What people have said by hand about how a borrower is to be contacted. Only appended.
create table wish (
    id          integer primary key autoincrement,
    merchant    text not null,
    borrower_id text not null,
    at          text not null,
    actor       text not null,
    said        text not null
) strict;

create index wish_of_borrower on wish (borrower_id, merchant, id);
