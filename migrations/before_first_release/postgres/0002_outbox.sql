-- The outbox: what is to be sent, what was, and what became of it.
--
-- A reminder is inserted once and never updated; its queue row exists only while something is to be done; events are only
-- appended. So the wide rows are written once, and what changes is narrow. There are no foreign keys among the three: the check
-- locks the reminder's row, and the lock is written to it at every event.

create table reminder (
    id          bigint generated always as identity primary key,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    due_date    date        not null,
    step        text        not null,
    channel     text        not null,
    origin      text        not null, -- schedule, or manual with who, why and which one is sent again
    actor       text,
    reason      text,
    resend_of   bigint,
    planned_at  timestamptz not null,
    not_before  timestamptz not null,
    expires_at  timestamptz not null
);

-- The key of a reminder. The number comes first: staff look for a borrower without naming the merchant.
create unique index reminder_once on reminder (borrower_id, merchant, due_date, step, channel);

create table queue (
    reminder_id    bigint primary key,
    not_before     timestamptz not null, -- while falling back: of another channel
    lease_until    timestamptz, -- while sending
    undelivered_at timestamptz, -- a receipt of this attempt that was quicker than the answer
    attempt        integer     not null,
    place          smallint    not null, -- of the channel's gateways, from 0
    channel        text        not null,
    state          text        not null, -- planned, sending, unknown; falling_back: ended, and another channel may be tried
    gateway        text -- of the attempt, while sending or unknown
) with (
    -- Rows live for minutes and change twice: room on the page for the next version, and dead ones gone at once, or a claim
    -- would walk over them.
    fillfactor = 60,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

-- What a claim walks, from the head of its lane.
create index queue_due on queue (channel, place, not_before, reminder_id) where state = 'planned';
-- What the reaper walks.
create index queue_lease on queue (lease_until) where state = 'sending';

-- What waits for proof, and what for another channel: few, so the lists are short.
create index queue_unknown on queue (channel, reminder_id) where state = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where state = 'falling_back';

create table event (
    reminder_id bigint      not null,
    id          bigint generated always as identity,
    at          timestamptz not null,
    attempt     integer     not null,
    kind        text        not null,
    gateway     text,
    provider_id text,
    detail      text,
    primary key (reminder_id, id)
);

-- How far scans have come with each step of a rule. A handful of rows, read by every import.
create table mark (
    step        text collate "C" primary key,
    fingerprint text not null, -- of what in the config decides about the step
    first       date not null, -- due dates in view
    last        date not null,
    passed      date -- through which all was planned
);

-- When scans began. One row.
create table scan (
    start timestamptz not null
);

create unique index scan_once on scan ((true));

-- What the ledger changed within the view since it was planned for. A queue: a scan takes rows out as it plans, so that one whose
-- transaction commits late is seen all the same.
create table changed (
    id          bigint generated always as identity primary key,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    due_date    date        not null,
    at          timestamptz not null
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);

-- The right to do a task alone, for a while.
create table turn (
    task        text primary key,
    holder      text        not null,
    lease_until timestamptz not null
);

-- What is kept of each gateway's rate: one row, locked and written by every claim through it.
create table rate (
    gateway text primary key,
    next    timestamptz not null, -- when the next message would leave if they left evenly
    day     date        not null, -- which is counted
    used    bigint      not null  -- on it
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What is stopped. A handful of rows at most.
create table stop (
    merchant text collate "C", -- null: every merchant
    channel  text, -- null: every channel
    actor    text        not null,
    reason   text        not null,
    since    timestamptz not null
);

-- One per scope; "every" counts as one more merchant and channel.
create unique index stop_once on stop (coalesce(merchant, ''), coalesce(channel, ''));
