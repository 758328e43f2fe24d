-- Personal data is encrypted where `[encryption]` has keys. A column that is compared then holds a keyed hash (it begins with a colon,
-- as no address does), and `sealed` the value, encrypted. A database is encrypted as a whole or not at all, and the triggers hold both.

-- One row where the database is encrypted.
create table encryption (
    index_check text not null, -- by which another index key is refused
    at          text not null
) strict;

create unique index encryption_once on encryption ((true));

alter table borrower add column sealed text; -- name, phone, e-mail and linked phone, as JSON
alter table suppression add column sealed text;
alter table reply add column sealed text;
alter table suppression_change_address add column sealed text;

create trigger borrower_encryption_insert before insert on borrower
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger borrower_encryption_update before update on borrower
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger suppression_encryption_insert before insert on suppression
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger suppression_encryption_update before update on suppression
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reply_encryption_insert before insert on reply
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reply_encryption_update before update on reply
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reply_to_read_encryption_insert before insert on reply_to_read
when new.address is not null and (new.address like ':%') <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reply_to_read_encryption_update before update on reply_to_read
when new.address is not null and (new.address like ':%') <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger suppression_change_address_encryption_insert before insert on suppression_change_address
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger suppression_change_address_encryption_update before update on suppression_change_address
when (new.sealed is not null) <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reject_encryption_insert before insert on reject
when (new.cells not like '{%') <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;

create trigger reject_encryption_update before update on reject
when (new.cells not like '{%') <> exists (select 1 from encryption)
begin
    select raise(abort, 'encryption');
end;
