-- Addresses are compared in one form, whatever the spelling (`AddressKey` in the code): `email_key` is that form of `email`, and
-- `suppression.address` holds nothing else. SQL lowers ASCII the same way everywhere; `dueherald migrate` works out the form of
-- other addresses right after this.
alter table borrower add column email_key text;

update borrower set email_key = lower(email collate "C") where octet_length(email) = char_length(email);

drop index borrower_email;
-- The same person at several merchants, where frequency caps count that.
create index borrower_email_key on borrower (email_key) where email_key is not null;
-- What `dueherald migrate` has still to work out: empty but for the moment after an upgrade.
create index borrower_without_key on borrower (borrower_id, merchant) where email is not null and email_key is null;

-- Of spellings of one address the strictest suppression stays: one without an end, then the one that ends last, then an opt-out.
delete from suppression s using (
    select ctid as place, row_number() over (
        partition by channel, lower(address collate "C"), coalesce(merchant, '')
        order by until desc nulls first,
            case reason when 'opted_out' then 0 when 'manual' then 1 when 'complained' then 2 else 3 end, since
    ) as rank
    from suppression where channel = 'email' and octet_length(address) = char_length(address)
) o
where s.ctid = o.place and o.rank > 1;

update suppression set address = lower(address collate "C")
where channel = 'email' and octet_length(address) = char_length(address) and address <> lower(address collate "C");
