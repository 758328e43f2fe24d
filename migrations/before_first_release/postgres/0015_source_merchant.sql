-- The merchants that the rows of each source have named: a source that is too old holds the reminders of these. Only added to.

create table source_merchant (
    source   text collate "C" not null,
    merchant text collate "C" not null,
    primary key (source, merchant)
);

-- What sources named before is not on record: each may feed every merchant that the ledger knows.
insert into source_merchant (source, merchant)
select source.name, known.merchant from source cross join (select distinct merchant from borrower) known;
