-- The audit log (`AuditStore` in the code): one row for each action of a person or a token, chained by hashes. The chain
-- covers the public fields and a salted hash of the personal values, which are in a table of their own: they may be
-- erased, and the chain stays valid.

create table audit_entry (
    number        bigint      primary key, -- from 1 without a gap
    at            timestamptz not null,
    actor         text        not null,
    door          text        not null,    -- desk, api, command
    signer        text        not null,    -- user of the desk, token, user of the operating system
    place         text        not null,    -- session, request, host
    action        text        not null,
    merchant      text,
    borrower_id   text,
    reminder_id   bigint,
    object        text,
    personal_hash bytea       not null,
    hash          bytea       not null
);
create index audit_entry_borrower on audit_entry (borrower_id, merchant, number) where borrower_id is not null;
create index audit_entry_actor on audit_entry (actor, number);
create index audit_entry_at on audit_entry (at);

create table audit_personal (
    number  bigint primary key,
    salt    bytea  not null,
    content bytea  not null -- JSON, or in an encrypted database: 2, id of the key, sealed JSON
);

-- Changes that append take turns at this row.
create table audit_head (
    is_only boolean primary key default true check (is_only),
    number  bigint  not null,
    hash    bytea   not null
);
insert into audit_head (number, hash) values (0, decode(repeat('00', 32), 'hex'));

-- Heads that were signed with a link key, which is not in the database.
create table audit_checkpoint (
    number    bigint      primary key,
    hash      bytea       not null,
    at        timestamptz not null,
    key_id    smallint    not null,
    signature bytea       not null
);

-- Even the owner has to take these triggers away first.
create function audit_stays() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only appended to' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_stays before update or delete or truncate on audit_entry
    for each statement execute function audit_stays();
create trigger audit_stays before update or delete or truncate on audit_checkpoint
    for each statement execute function audit_stays();
create trigger audit_stays before delete or truncate on audit_head
    for each statement execute function audit_stays();
create trigger audit_goes_on before update on audit_head
    for each row when (new.number <= old.number) execute function audit_stays();
