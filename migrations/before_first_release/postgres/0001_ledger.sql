-- The ledger: who owes what, as the lender's books say.
--
-- Keys compare by their bytes (collate "C"), so that pages have the same order on every database. In keys and indexes the
-- number stands before the merchant: staff look for a number without naming the merchant.

create table borrower (
    merchant      text collate "C" not null,
    borrower_id   text collate "C" not null,
    name          text,
    phone         text,
    email         text,
    locale        text,
    time_zone     text,
    account_phone text,
    hold_reason   text, -- on hold while this is not null and hold_until not past
    hold_until    timestamptz,
    preferred_channel text,
    preferred_hours   text, -- local, HH:MM-HH:MM,
    primary key (borrower_id, merchant)
);

-- The same person at several merchants, where frequency caps count that.
create index borrower_phone on borrower (phone) where phone is not null;
create index borrower_email on borrower (email) where email is not null;

-- No foreign key to the borrower: an import writes both in one transaction, borrowers first, and the check would double what an
-- instalment costs.
create table installment (
    merchant       text collate "C" not null,
    installment_id text collate "C" not null,
    borrower_id    text collate "C" not null,
    order_ref      text,
    product        text,
    sequence       bigint,
    of             bigint,
    currency       text           not null, -- of both amounts
    amount         numeric(18, 4) not null,
    paid_amount    numeric(18, 4) not null,
    due_date       date           not null,
    status         text           not null,
    route          text,
    tags           text, -- in order, with semicolons between them
    primary key (installment_id, merchant)
);

-- What a claim reads: all that one borrower has to pay on one day.
create index installment_of_borrower on installment (borrower_id, merchant, due_date);
-- What a scan walks.
create index installment_open on installment (due_date, merchant, borrower_id) where status = 'open';

create table suppression (
    merchant text collate "C", -- null: for every merchant
    channel  text        not null,
    address  text        not null,
    reason   text        not null,
    source   text        not null,
    since    timestamptz not null,
    until    timestamptz -- null: for good
);

-- One per address and merchant; "for every merchant" counts as one more merchant.
create unique index suppression_once on suppression (channel, address, coalesce(merchant, ''));

-- How far each source of `[[sources]]` has been read.
create table source (
    name      text collate "C" not null primary key,
    read_to   timestamptz, -- the latest updated_at among the rows that are in the ledger
    pulled_at timestamptz -- when the last pull began that came to its end
);

-- What people have said by hand about how a borrower is to be contacted. Only appended.
create table wish (
    id          bigint generated always as identity primary key,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    at          timestamptz not null,
    actor       text not null,
    said        text not null
);

create index wish_of_borrower on wish (borrower_id, merchant, id);
