-- Staff search borrowers by name and by the last four digits of the phone number, each in the form in which it is
-- compared (`NameKey`, `PhoneTail` in the code); in an encrypted database these are keyed hashes.

alter table borrower add column name_key text;
alter table borrower add column phone_tail text;

create index borrower_name_key on borrower (name_key, merchant) where name_key is not null;
create index borrower_phone_tail on borrower (phone_tail, merchant) where phone_tail is not null;
