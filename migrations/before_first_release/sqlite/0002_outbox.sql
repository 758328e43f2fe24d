-- The outbox: what is to be sent, what was, and what became of it. Built as on PostgreSQL: a reminder is inserted once and never
-- updated; its queue row exists only while something is to be done; events are only appended.

create table reminder (
    id          integer primary key autoincrement, -- never used again, even when the newest is deleted
    merchant    text not null,
    borrower_id text not null,
    due_date    text not null,
    step        text not null,
    channel     text not null,
    origin      text not null, -- schedule, or manual with who, why and which one is sent again
    actor       text,
    reason      text,
    resend_of   integer,
    planned_at  text not null,
    not_before  text not null,
    expires_at  text not null
) strict;

-- The key of a reminder. The number comes first: staff look for a borrower without naming the merchant.
create unique index reminder_once on reminder (borrower_id, merchant, due_date, step, channel);

create table queue (
    reminder_id    integer primary key,
    not_before     text    not null, -- while falling back: of another channel
    lease_until    text, -- while sending
    undelivered_at text, -- a receipt of this attempt that was quicker than the answer
    attempt        integer not null,
    place          integer not null, -- of the channel's gateways, from 0
    channel        text    not null,
    state          text    not null, -- planned, sending, unknown; falling_back: ended, and another channel may be tried
    gateway        text -- of the attempt, while sending or unknown
) strict;

-- What a claim walks, from the head of its lane.
create index queue_due on queue (channel, place, not_before, reminder_id) where state = 'planned';
-- What the reaper walks.
create index queue_lease on queue (lease_until) where state = 'sending';

-- What waits for proof, and what for another channel: few, so the lists are short.
create index queue_unknown on queue (channel, reminder_id) where state = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where state = 'falling_back';

create table event (
    id          integer primary key autoincrement,
    reminder_id integer not null,
    at          text    not null,
    attempt     integer not null,
    kind        text    not null,
    gateway     text,
    provider_id text,
    detail      text
) strict;

create index event_of_reminder on event (reminder_id, id);

-- How far scans have come with each step of a rule. A handful of rows, read by every import.
create table mark (
    step        text primary key,
    fingerprint text not null, -- of what in the config decides about the step
    first       text not null, -- due dates in view
    last        text not null,
    passed      text -- through which all was planned
) strict, without rowid;

-- When scans began. One row.
create table scan (
    start text not null
) strict;

create unique index scan_once on scan (true);

-- What the ledger changed within the view since it was planned for. A scan takes rows out as it plans.
create table changed (
    id          integer primary key autoincrement,
    merchant    text not null,
    borrower_id text not null,
    due_date    text not null,
    at          text not null
) strict;

-- The right to do a task alone, for a while.
create table turn (
    task        text primary key,
    holder      text not null,
    lease_until text not null
) strict, without rowid;

-- What is kept of each gateway's rate: one row, written by every claim through it.
create table rate (
    gateway text primary key,
    next    text    not null, -- when the next message would leave if they left evenly
    day     text    not null, -- which is counted
    used    integer not null  -- on it
) strict, without rowid;

-- What is stopped. A handful of rows at most.
create table stop (
    merchant text, -- null: every merchant
    channel  text, -- null: every channel
    actor    text not null,
    reason   text not null,
    since    text not null
) strict;

-- One per scope; "every" counts as one more merchant and channel.
create unique index stop_once on stop (coalesce(merchant, ''), coalesce(channel, ''));
