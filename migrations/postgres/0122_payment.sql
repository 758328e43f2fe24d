-- Payments that the lender's systems report one by one (`Payment` in the code).
create table payment (
    merchant       text collate "C" not null,
    payment_id     text collate "C" not null,
    installment_id text collate "C" not null,
    currency       text           not null,
    amount         numeric(18, 4) not null, -- of this payment alone
    paid_at        timestamptz, -- when the borrower paid, if that is known
    stage          text           not null,
    at             timestamptz    not null, -- when its present state was reported
    until          timestamptz    not null, -- the end of its hold, or of the time in which the ledger may lag behind it
    primary key (payment_id, merchant)
);
create index payment_of_installment on payment (installment_id, merchant);
create index payment_open on payment (installment_id, merchant) where stage in ('holding', 'waiting', 'counted');
-- Every claim looks here.
create index payment_holding on payment (installment_id, merchant) where stage = 'holding';
create index payment_until on payment (until) where stage in ('holding', 'counted');
