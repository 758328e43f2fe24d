-- Personal data is encrypted where `[encryption]` has keys. A column that is compared then holds a keyed hash (it begins with a colon,
-- as no address does), and `sealed` the value, encrypted. A database is encrypted as a whole or not at all, and the constraints hold
-- both: `dueherald migrate` puts others in their place when it encrypts.

-- One row where the database is encrypted.
create table encryption (
    index_check text        not null, -- by which another index key is refused
    at          timestamptz not null
);

create unique index encryption_once on encryption ((true));

alter table borrower add column sealed text; -- name, phone, e-mail and linked phone, as JSON
alter table suppression add column sealed text;
alter table reply add column sealed text;
alter table suppression_change_address add column sealed text;

alter table borrower add constraint encryption check (sealed is null);
alter table suppression add constraint encryption check (sealed is null);
alter table reply add constraint encryption check (sealed is null);
alter table reply_to_read add constraint encryption check (address not like ':%');
alter table suppression_change_address add constraint encryption check (sealed is null);
alter table reject add constraint encryption check (cells like '{%');
