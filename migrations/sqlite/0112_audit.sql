-- The audit log; see PostgreSQL.

create table audit_entry (
    number        integer primary key,
    at            text    not null,
    actor         text    not null,
    door          text    not null,
    signer        text    not null,
    place         text    not null,
    action        text    not null,
    merchant      text,
    borrower_id   text,
    reminder_id   integer,
    object        text,
    personal_hash blob    not null,
    hash          blob    not null
) strict;
create index audit_entry_borrower on audit_entry (borrower_id, merchant, number) where borrower_id is not null;
create index audit_entry_actor on audit_entry (actor, number);
create index audit_entry_at on audit_entry (at);

create table audit_personal (
    number  integer primary key,
    salt    blob    not null,
    content blob    not null
) strict;

create table audit_head (
    is_only integer primary key default 1 check (is_only = 1),
    number  integer not null,
    hash    blob    not null
) strict;
insert into audit_head (number, hash) values (0, zeroblob(32));

create table audit_checkpoint (
    number    integer primary key,
    hash      blob    not null,
    at        text    not null,
    key_id    integer not null,
    signature blob    not null
) strict;

create trigger audit_entry_is_not_changed before update on audit_entry
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_entry_is_not_replaced before insert on audit_entry
when exists (select 1 from audit_entry where number = new.number)
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_entry_is_not_deleted before delete on audit_entry
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_checkpoint_is_not_changed before update on audit_checkpoint
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_checkpoint_is_not_deleted before delete on audit_checkpoint
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_head_stays before delete on audit_head
begin
    select raise(abort, 'the audit log is only appended to');
end;
create trigger audit_head_goes_on before update on audit_head when new.number <= old.number
begin
    select raise(abort, 'the audit log is only appended to');
end;
