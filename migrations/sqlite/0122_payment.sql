-- Payments that the lender's systems report one by one (`Payment` in the code).
create table payment (
    merchant       text not null,
    payment_id     text not null,
    installment_id text not null,
    currency       text not null,
    amount         text not null, -- of this payment alone
    paid_at        text, -- when the borrower paid, if that is known
    stage          text not null,
    at             text not null, -- when its present state was reported
    until          text not null, -- the end of its hold, or of the time in which the ledger may lag behind it
    primary key (payment_id, merchant)
) strict, without rowid;
create index payment_of_installment on payment (installment_id, merchant);
create index payment_open on payment (installment_id, merchant) where stage in ('holding', 'waiting', 'counted');
-- Every claim looks here.
create index payment_holding on payment (installment_id, merchant) where stage = 'holding';
create index payment_until on payment (until) where stage in ('holding', 'counted');
