-- The schema of the first release. `dueherald migrate` brings databases from before it (versions 1 to 25, see
-- migrations/before_first_release) to this schema. The number is above theirs, so that an older daemon refuses to run.
--
-- Keys compare by their bytes (collate "C"), so that pages have the same order on every database. In keys and indexes
-- the number precedes the merchant: staff look for a number without naming the merchant.

-- == The ledger: who owes what, by the lender's records ==
create table borrower (
    merchant          text collate "C" not null,
    borrower_id       text collate "C" not null,
    name              text,
    phone             text,
    email             text,
    locale            text,
    time_zone         text,
    account_phone     text,
    hold_reason       text, -- on hold while this is not null and hold_until not past
    hold_until        timestamptz,
    preferred_channel text,
    preferred_hours   text, -- local, HH:MM-HH:MM
    email_key         text, -- the form of `email` that is compared, whatever the spelling (`AddressKey` in the code)
    verifier          text, -- a keyed hash, with what it is of: the end of an ID, or a birthday
    sealed            text, -- name, phone, e-mail and linked phone, as JSON, encrypted
    primary key (borrower_id, merchant)
);
create index borrower_phone on borrower (phone) where phone is not null;
create index borrower_email_key on borrower (email_key) where email_key is not null;
-- Where `dueherald migrate` has still to compute `email_key`: none but right after an upgrade.
create index borrower_without_key on borrower (borrower_id, merchant) where email is not null and email_key is null;

-- No foreign key to the borrower: an import writes both in one transaction, and the check would double the cost.
create table installment (
    merchant       text collate "C" not null,
    installment_id text collate "C" not null,
    borrower_id    text collate "C" not null,
    order_ref      text,
    product        text,
    sequence       bigint,
    of             bigint,
    currency       text           not null, -- of both amounts
    amount         numeric(18, 4) not null,
    paid_amount    numeric(18, 4) not null,
    due_date       date           not null,
    status         text           not null,
    route          text,
    tags           text, -- in order, with semicolons between them
    settled_at     timestamptz, -- since when nothing is owed: links end some time after. Null: owed, or not known
    primary key (installment_id, merchant)
);
create index installment_of_borrower on installment (borrower_id, merchant, due_date);
create index installment_open on installment (due_date, merchant, borrower_id) where status = 'open';

-- How far each source has been read.
create table source (
    name      text collate "C" not null primary key,
    read_to   timestamptz, -- the latest updated_at among the rows that are in the ledger
    pulled_at timestamptz -- when the last complete pull began
);

-- The merchants that the rows of each source have named: a source that is too old holds their reminders.
create table source_merchant (
    source text collate "C" not null, merchant text collate "C" not null, primary key (source, merchant)
);

-- Contact preferences that people entered by hand. Append-only.
create table preference (
    id          bigint generated always as identity primary key,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    at          timestamptz not null,
    actor       text not null,
    preferences text not null -- in words
);
create index preference_of_borrower on preference (borrower_id, merchant, id);

-- Records that cannot be applied to the ledger: kept until a later record answers for them. They hold the reminders of
-- their instalment, so a claim reads this table.
create table reject (
    id             bigint generated always as identity primary key,
    installment_id text collate "C" not null, -- empty: it cannot be read, and so for the merchant
    merchant       text collate "C" not null,
    source         text        not null, -- empty: a file
    digest         text        not null, -- of the cells, where instalment or merchant cannot be read; else empty
    kind           text        not null, -- row, payment
    waits          boolean     not null, -- sound in itself: it waits for its instalment
    cells          text        not null, -- JSON by column. Personal data: in the database only
    reason         text        not null,
    at             timestamptz not null
);
create unique index reject_once on reject (installment_id, merchant, source, digest);

-- Records that were dropped by hand, without their cells. Append-only.
create table dropped_reject (
    id             bigint      not null,
    merchant       text collate "C" not null,
    installment_id text collate "C" not null,
    fault          text        not null, -- why it could not be applied
    at             timestamptz not null,
    actor          text        not null,
    reason         text        not null
);
create index dropped_reject_at on dropped_reject (at, id);

-- Changes of the ledger within the view of scans. A queue: a scan takes rows out as it plans, so that one whose
-- transaction commits late is seen as well.
create table ledger_change (
    id          bigint generated always as identity primary key,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    due_date    date        not null,
    at          timestamptz not null
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);

-- == Suppressions and stops ==
create table suppression (
    merchant text collate "C", -- null: for every merchant
    channel  text        not null,
    address  text        not null, -- in the form that is compared
    reason   text        not null,
    source   text        not null,
    since    timestamptz not null,
    until    timestamptz, -- null: for good
    sealed   text -- the address, encrypted
);
-- One per address and merchant; "for every merchant" counts as one more merchant.
create unique index suppression_once on suppression (channel, address, coalesce(merchant, ''));

-- Stops that are in force. A handful of rows at most.
create table stop (
    merchant text collate "C", -- null: every merchant
    channel  text, -- null: every channel
    actor    text        not null,
    reason   text        not null,
    since    timestamptz not null
);
create unique index stop_once on stop (coalesce(merchant, ''), coalesce(channel, ''));

-- Changes of stops and suppressions by hand: who, when and why. Append-only.
create table suppression_change (
    id        bigint generated always as identity primary key,
    at        timestamptz not null,
    actor     text        not null,
    reason    text        not null,
    action    text        not null, -- stop, lift; add, remove
    merchant  text collate "C", -- of a stop or lift; null: every merchant
    channel   text,             -- of a stop or lift; null: every channel
    addresses bigint      not null -- how many rows it has below; 0 for a stop or lift
);

-- The addresses of an add or remove, in the form that is compared. Personal data: in the database only.
create table suppression_change_address (
    change_id bigint not null,
    merchant  text collate "C", -- null: for every merchant
    channel   text   not null,
    address   text   not null,
    sealed    text -- the address, encrypted
);
create index suppression_change_address_of on suppression_change_address (change_id);
create index suppression_change_of_address on suppression_change_address (channel, address, change_id);

-- == The outbox: reminders to be sent, sent ones, and their outcomes ==
--
-- A reminder is inserted once and never updated; its queue row exists only while something is to be done; events are
-- append-only. So wide rows are written once, and the rows that change are narrow. There are no foreign keys among the
-- three: the check locks the reminder's row, and the lock is written to it at every event.

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
create unique index reminder_once on reminder (borrower_id, merchant, due_date, step, channel);
-- For lists of staff, newest first. The indexes are on expressions, so that only lists, which name these, use them: a
-- plan made without statistics may take any index for `due_date = $1`, and would search one reminder among all of its
-- day.
create index reminder_of_merchant on reminder (coalesce(merchant, merchant), id);
create index reminder_due on reminder (coalesce(due_date, due_date), id);
create index reminder_of_channel on reminder (coalesce(channel, channel), id);
create index reminder_of_merchant_and_channel
    on reminder (coalesce(merchant, merchant), coalesce(channel, channel), id);
-- A merchant may use one channel alone. Without this the planner expects an early match, and reads all reminders.
create statistics reminder_listing (mcv) on (coalesce(merchant, merchant)), (coalesce(channel, channel)) from reminder;

-- A claim changes no column of an index: neither state nor lease is in one. The new version of the row then is beside
-- the old one, and no index is written (a heap-only tuple), which saves a tenth of a claim and its outcome.
create table queue (
    reminder_id    bigint primary key,
    not_before     timestamptz not null, -- falling_back: of another channel; unknown: the next look-up; held: expiry
    leased_until   timestamptz, -- while sending
    undelivered_at timestamptz, -- a receipt of this attempt that preceded the outcome
    attempt        integer     not null,
    gateway_index  smallint    not null, -- of the channel's gateways, from 0
    channel        text        not null,
    state          text        not null, -- planned, sending, unknown, held; falling_back: another channel follows
    gateway        text, -- of the attempt, while sending or unknown
    hold_cause     text, -- while held, as reason:subject
    -- The state of a row that no claim reads; null while planned or sending.
    idle_state     text
        generated always as (case when state in ('unknown', 'falling_back', 'held') then state end) stored
) with (
    -- Rows live for minutes and change twice: room on the page for the next version, and dead ones removed at once, or
    -- a claim would walk over them.
    fillfactor = 60, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
-- A claim walks it from the head of its lane. It passes over the few that are being sent.
create index queue_due on queue (channel, gateway_index, not_before, reminder_id) where idle_state is null;
create index queue_unknown on queue (reminder_id) where idle_state = 'unknown';
-- Look-ups that are due. Far in the future: never again, a person decides.
create index queue_look on queue (channel, not_before, reminder_id) where idle_state = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where idle_state = 'falling_back';
create index queue_held on queue (hold_cause, channel, reminder_id) where idle_state = 'held';
create index queue_held_until on queue (not_before) where idle_state = 'held';

-- The reaper walks it: one row for each claim, until its lease has run out and none of its reminders is being sent.
create table lease (
    until timestamptz not null,
    reminder_ids bigint[] not null
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);
create index lease_until on lease (until);

create table event (
    reminder_id bigint      not null,
    id          bigint generated always as identity,
    at          timestamptz not null,
    attempt     integer     not null,
    kind        text        not null,
    gateway     text,
    provider_id text,
    detail      text,
    route       text, -- of accepted and unknown: the route of a link that is the same for everybody, if there was one
    merchant    text, -- this and the next two: of the end of a reminder, by the trigger below
    due_date    date,
    channel     text,
    primary key (reminder_id, id)
);
-- For reports that name a message by a number of the provider.
create index event_provider_id on event (provider_id) where provider_id is not null and kind = 'accepted';
-- Events of a span of time. They are appended, so block ranges suffice, which cost next to nothing to keep.
create index event_at on event using brin (at);
-- Reminders that ended, but for accepted ones without a receipt: the hot path writes no event of these kinds.
create index event_end on event (kind, reminder_id) where kind in ('failed', 'skipped', 'delivered', 'undelivered');
-- The same by merchant, due date and channel: a list would have to read the reminder of each. Only lists compare these
-- columns, so no other statement may use the indexes.
create index event_end_of_merchant on event (merchant, kind, reminder_id)
    where merchant is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_due_date on event (due_date, kind, reminder_id)
    where due_date is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');
create index event_end_of_channel on event (channel, kind, reminder_id)
    where channel is not null and kind in ('failed', 'skipped', 'delivered', 'undelivered');

create function event_end() returns trigger language plpgsql as $$
begin
    select r.merchant, r.due_date, r.channel into new.merchant, new.due_date, new.channel
    from reminder r where r.id = new.reminder_id;
    return new;
end $$;
-- The hot path writes no event of these kinds, and pays for the trigger only the comparison.
create trigger event_end before insert on event for each row
    when (new.kind in ('failed', 'skipped', 'delivered', 'undelivered'))
    execute function event_end();

-- The state of each gateway's rate limit: one row, locked and written by every claim through it.
create table rate (
    gateway text primary key,
    next    timestamptz not null, -- when the next message would leave if they left evenly
    day     date        not null, -- which is counted
    used    bigint      not null  -- on it
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- The state of each gateway as each process sees it. Written when a breaker opens or closes, or after errors.
create table gateway_state (
    gateway       text not null,
    holder        text not null, -- the process
    open_since    timestamptz, -- of its breaker; null: closed
    last_error text, last_error_at timestamptz, -- a code
    at            timestamptz not null,
    primary key (gateway, holder)
);

-- == Scans ==
-- How far scans have come with each step of a rule. A handful of rows, read by every import.
create table mark (
    step        text collate "C" primary key,
    fingerprint text not null, -- of the config that decides about the step
    first date not null, last date not null, -- due dates in view
    passed      date -- through which all was planned
);

-- When scans began. One row.
create table scan (start timestamptz not null);
create unique index scan_once on scan ((true));

-- How many reminders scans planned for each merchant and day, so that a day of far more than usual is noticed.
create table volume (
    merchant        text collate "C" not null,
    day             date    not null, -- in the zone of the schedule
    planned         bigint  not null,
    held            boolean not null default false, -- far more than usual: its reminders wait for a person
    approved_by text, approved_reason text, approved_at timestamptz,
    primary key (merchant, day)
);

-- The right to do a task alone, for a while.
create table turn (
    task        text primary key,
    holder      text        not null,
    lease_until timestamptz not null
);

-- == Reports of gateways, and replies ==
-- Reports that do not count yet: no message of that number is known yet, or the gateway has to be asked first.
create table kept_report (
    id             bigint generated always as identity primary key,
    gateway        text        not null,
    reminder_id    bigint, -- this or the next names the message
    provider_id    text,
    reported_state text        not null, -- delivered, undelivered, gone (undelivered for good), complained
    code           text,
    is_hint        boolean     not null, -- the gateway has to be asked first
    at             timestamptz not null,
    received_at    timestamptz not null,
    look_at        timestamptz not null -- when it is reviewed next
);
create unique index kept_report_once
    on kept_report (gateway, coalesce(provider_id, ''), coalesce(reminder_id, 0), reported_state);
create index kept_report_due on kept_report (look_at);

-- Replies of borrowers. Append-only.
create table reply (
    id          bigint generated always as identity primary key,
    gateway     text        not null,
    provider_id text, -- by which a repeated one is known
    merchant    text collate "C", -- null: it is not known to whom it was said
    reminder_id bigint, -- of the message that was answered
    channel     text        not null,
    address     text        not null,
    intent      text        not null, -- stop, start, other
    text        text        not null,
    at          timestamptz not null,
    sealed      text -- address and text, encrypted
);
create unique index reply_once on reply (gateway, provider_id) where provider_id is not null;
create index reply_of_address on reply (channel, address, at);

-- Replies that wait for a person: they contain a word of refusal and are not understood, or nobody is known by their
-- number. Until a person has read it, a reply holds reminders to its address.
create table reply_to_read (
    reply_id bigint not null primary key,
    channel  text   not null,
    address  text -- in the form that is compared; null: it names nobody, and holds nothing
);
create index reply_to_read_of_address on reply_to_read (channel, address);

-- Who has read them, and as what. Append-only.
create table reply_reading (
    id       bigint generated always as identity primary key,
    reply_id bigint      not null,
    at       timestamptz not null,
    actor    text        not null,
    intent   text        not null -- stop, other
);

-- == Routes, and the pages of borrowers ==
-- Changes of routes at run time. Append-only; the newest version of each key counts.
create table route_version (
    id          bigint generated always as identity primary key,
    route_key   text collate "C" not null,
    at          timestamptz not null,
    actor       text        not null,
    reason      text        not null,
    merchant    text        not null,
    product     text, -- null: for all
    kind        text        not null, -- web, app, support
    url         text        not null, -- empty: of a support route
    valid_from timestamptz, valid_until timestamptz,
    closed      boolean     not null,
    replaced_by text, -- the key of another
    details     text -- stores and steps of an app's route, contacts of a support route: a JSON object; null: none
);
create index route_version_of_key on route_version (route_key, id);

-- The health of each route that was ever probed.
create table route_health (
    route_key  text collate "C" primary key,
    url        text        not null, -- that was probed: if the route has another one now, the row does not count
    degraded   boolean     not null,
    since      timestamptz not null,
    failures bigint not null, successes bigint not null, -- in a row
    last_fault text, -- in words
    probed_at  timestamptz not null
);

-- Which routes borrowers followed from their landing pages. Append-only.
create table click (
    id          bigint generated always as identity primary key,
    at          timestamptz not null,
    reminder_id bigint      not null,
    route_key   text collate "C" not null
);
create index click_at on click (at);

-- Wrong answers to the question of a page: by borrower, by client at a borrower, by client (a pseudonym).
create table answer_try (
    subject text collate "C" primary key,
    tries   integer     not null,
    last_at timestamptz not null
);
create index answer_try_old on answer_try (last_at);

-- == Notices: one-off messages to selected borrowers ==
create table notice (
    name      text collate "C" primary key,
    template  text        not null,
    selection text        not null, -- of borrowers, in words
    state     text        not null, -- draft, awaiting_approval, sending, paused, cancelled
    actor     text        not null,
    reason    text        not null,
    at        timestamptz not null
);

-- Who changed the state of a notice. Append-only.
create table notice_change (
    id     bigint generated always as identity primary key,
    notice text collate "C" not null,
    state  text        not null,
    at     timestamptz not null,
    actor  text        not null,
    reason text        not null
);
create index notice_change_of_notice on notice_change (notice, id);

-- The recipients of a notice: each borrower once.
create table notice_recipient (
    notice      text collate "C" not null,
    merchant    text collate "C" not null,
    borrower_id text collate "C" not null,
    due_date    date not null,
    channel     text not null,
    reminder_id bigint, -- null: not in the outbox yet
    primary key (notice, merchant, borrower_id)
);
create index notice_recipient_waiting on notice_recipient (notice, merchant, borrower_id) where reminder_id is null;

-- == Which database this is, and encryption ==
-- Whether anything may be sent from the database. One row. A copy has the same row, and shows as a copy by the server's
-- identifier and timeline, or by its sequences, which have not come as far.
create table incarnation (
    database      text not null, -- random, made once
    generation    text not null, -- random, another one each time that it is armed
    disarm_reason text, -- null while it is armed
    disarmed_by   text, -- the daemon that noticed
    disarmed_at   timestamptz
);
create unique index incarnation_once on incarnation ((true));
insert into incarnation (database, generation) values (gen_random_uuid()::text, gen_random_uuid()::text);

-- Who armed it, and who asked for it where two persons are needed. Append-only.
create table arming (
    id         bigint generated always as identity primary key,
    generation text        not null, -- that it ended, or is to end
    at         timestamptz not null,
    actor      text        not null,
    reason     text        not null,
    is_done    boolean     not null -- false: asked for by one of two persons
);

-- The daemons that have sent from it, each with what it remembers outside.
create table daemon (
    daemon    text collate "C" primary key,
    beats     bigint      not null,
    last_at   timestamptz not null,
    handed_in text -- the generation for which all that it remembers is in here
);

-- One row where personal data is encrypted, by the keys of `[encryption]`. A column that is compared then holds a keyed
-- hash (it begins with a colon, as no address does), and `sealed` the encrypted value. A database is encrypted as a
-- whole or not at all; the constraints ensure both: `dueherald migrate` replaces them when it encrypts.
create table encryption (
    index_check text not null, -- by which another index key is refused
    at timestamptz not null
);
create unique index encryption_once on encryption ((true));

alter table borrower add constraint encryption check (sealed is null);
alter table suppression add constraint encryption check (sealed is null);
alter table reply add constraint encryption check (sealed is null);
alter table reply_to_read add constraint encryption check (address not like ':%');
alter table suppression_change_address add constraint encryption check (sealed is null);
alter table reject add constraint encryption check (cells like '{%');
