-- One-off messages to selected borrowers.
create table notice (
    name      text not null primary key,
    template  text not null,
    selection text not null, -- for whom it was made, in words
    state     text not null, -- draft, awaiting_approval, sending, paused, cancelled
    actor     text not null,
    reason    text not null,
    at        text not null
) strict;

-- Who brought a notice to a state. Only appended.
create table notice_change (
    id     integer primary key autoincrement,
    notice text not null,
    state  text not null,
    at     text not null,
    actor  text not null,
    reason text not null
) strict;

create index notice_change_of_notice on notice_change (notice, id);

-- Whom a notice goes to: each borrower once.
create table notice_recipient (
    notice      text not null,
    merchant    text not null,
    borrower_id text not null,
    due_date    text not null,
    channel     text not null,
    reminder_id integer, -- null: not in the outbox yet
    primary key (notice, merchant, borrower_id)
) strict;

-- Where putting them into the outbox goes on.
create index notice_recipient_waiting on notice_recipient (notice, merchant, borrower_id) where reminder_id is null;

-- Of accepted and unknown: to which route the message led by a link that is the same for everybody. Null where it held none.
alter table event add column route text;
