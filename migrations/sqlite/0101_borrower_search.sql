-- Staff search borrowers by name and by the last four digits of the phone number, each in the form in which it is
-- compared (`NameKey`, `PhoneTail` in the code); in an encrypted database these are keyed hashes.

alter table borrower add column name_key text;
alter table borrower add column phone_tail text;

create index borrower_name_key on borrower (name_key, merchant) where name_key is not null;
create index borrower_phone_tail on borrower (phone_tail, merchant) where phone_tail is not null;

-- A process without the keys, or with a fault, leaves neither in the clear.
create trigger borrower_search_insert before insert on borrower
when exists (select 1 from encryption) and (new.name_key not like ':%' or new.phone_tail not like ':%')
begin
    select raise(abort, 'encryption');
end;

create trigger borrower_search_update before update on borrower
when exists (select 1 from encryption) and (new.name_key not like ':%' or new.phone_tail not like ':%')
begin
    select raise(abort, 'encryption');
end;
