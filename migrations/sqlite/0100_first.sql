-- The schema of the first release, as on PostgreSQL, where the comments on tables and columns are. The differences:
-- amounts are text in plain decimal form (a SQLite number would be a float), dates are YYYY-MM-DD, times
-- YYYY-MM-DDTHH:MM:SS.ffffffZ, which sort as text. Strict tables, so that no value is silently converted. One
-- process writes at a time, so there is no table of leases.

create table borrower (
    merchant          text not null,
    borrower_id       text not null,
    name              text,
    phone             text,
    email             text,
    locale            text,
    time_zone         text,
    account_phone     text,
    hold_reason       text, -- on hold while this is not null and hold_until not past
    hold_until        text,
    preferred_channel text,
    preferred_hours   text, -- local, HH:MM-HH:MM
    email_key         text, -- the form of `email` that is compared, whatever the spelling (`AddressKey` in the code)
    verifier          text, -- a keyed hash, with what it is of: the end of an ID, or a birthday
    sealed            text, -- name, phone, e-mail and linked phone, as JSON, encrypted
    primary key (borrower_id, merchant)
) strict, without rowid;
create index borrower_phone on borrower (phone) where phone is not null;
create index borrower_email_key on borrower (email_key) where email_key is not null;
-- Where `dueherald migrate` has still to compute `email_key`: none but right after an upgrade.
create index borrower_without_key on borrower (borrower_id, merchant) where email is not null and email_key is null;

-- No foreign key to the borrower: an import writes both in one transaction, and the check would double the cost.
create table installment (
    merchant       text not null,
    installment_id text not null,
    borrower_id    text not null,
    order_ref      text,
    product        text,
    sequence       integer,
    of             integer,
    currency       text not null, -- of both amounts
    amount         text not null,
    paid_amount    text not null,
    due_date       text not null,
    status         text not null,
    route          text,
    tags           text, -- in order, with semicolons between them
    settled_at     text, -- since when nothing is owed: links end some time after. Null: owed, or not known
    primary key (installment_id, merchant)
) strict, without rowid;
create index installment_of_borrower on installment (borrower_id, merchant, due_date);
create index installment_open on installment (due_date, merchant, borrower_id) where status = 'open';

-- How far each source has been read.
create table source (
    name      text not null primary key,
    read_to   text, -- the latest updated_at among the rows that are in the ledger
    pulled_at text -- when the last complete pull began
) strict;

-- The merchants that the rows of each source have named: a source that is too old holds their reminders.
create table source_merchant (
    source text not null, merchant text not null, primary key (source, merchant)
) strict, without rowid;

-- Contact preferences that people entered by hand. Append-only.
create table preference (
    id          integer primary key autoincrement,
    merchant    text not null,
    borrower_id text not null,
    at          text not null,
    actor       text not null,
    preferences text not null -- in words
) strict;
create index preference_of_borrower on preference (borrower_id, merchant, id);

-- Records that cannot be applied to the ledger: kept until a later record answers for them. They hold the reminders of
-- their instalment, so a claim reads this table.
create table reject (
    id             integer primary key autoincrement,
    installment_id text not null, -- empty: it cannot be read, and so for the merchant
    merchant       text not null,
    source         text not null, -- empty: a file
    digest         text not null, -- of the cells, where instalment or merchant cannot be read; else empty
    kind           text not null, -- row, payment
    waits          integer not null, -- sound in itself: it waits for its instalment
    cells          text not null, -- JSON by column. Personal data: in the database only
    reason         text not null,
    at             text not null
) strict;
create unique index reject_once on reject (installment_id, merchant, source, digest);

-- Records that were dropped by hand, without their cells. Append-only.
create table dropped_reject (
    id             integer not null,
    merchant       text not null,
    installment_id text not null,
    fault          text not null, -- why it could not be applied
    at             text not null,
    actor          text not null,
    reason         text not null
) strict;
create index dropped_reject_at on dropped_reject (at, id);

-- Changes of the ledger within the view of scans. A queue: a scan takes rows out as it plans, so that one whose
-- transaction commits late is seen as well.
create table ledger_change (
    id          integer primary key autoincrement,
    merchant    text not null,
    borrower_id text not null,
    due_date    text not null,
    at          text not null
) strict;

-- == Suppressions and stops ==
create table suppression (
    merchant text, -- null: for every merchant
    channel  text not null,
    address  text not null, -- in the form that is compared
    reason   text not null,
    source   text not null,
    since    text not null,
    until    text, -- null: for good
    sealed   text -- the address, encrypted
) strict;
-- One per address and merchant; "for every merchant" counts as one more merchant.
create unique index suppression_once on suppression (channel, address, coalesce(merchant, ''));

-- Stops that are in force. A handful of rows at most.
create table stop (
    merchant text, -- null: every merchant
    channel  text, -- null: every channel
    actor    text not null,
    reason   text not null,
    since    text not null
) strict;
create unique index stop_once on stop (coalesce(merchant, ''), coalesce(channel, ''));

-- Changes of stops and suppressions by hand: who, when and why. Append-only.
create table suppression_change (
    id        integer primary key autoincrement,
    at        text not null,
    actor     text not null,
    reason    text not null,
    action    text not null, -- stop, lift; add, remove
    merchant  text, -- of a stop or lift; null: every merchant
    channel   text,             -- of a stop or lift; null: every channel
    addresses integer not null -- how many rows it has below; 0 for a stop or lift
) strict;

-- The addresses of an add or remove, in the form that is compared. Personal data: in the database only.
create table suppression_change_address (
    change_id integer not null,
    merchant  text, -- null: for every merchant
    channel   text not null,
    address   text not null,
    sealed    text -- the address, encrypted
) strict;
create index suppression_change_address_of on suppression_change_address (change_id);
create index suppression_change_of_address on suppression_change_address (channel, address, change_id);

-- == The outbox: reminders to be sent, sent ones, and their outcomes ==
create table reminder (
    id          integer primary key autoincrement,
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
create unique index reminder_once on reminder (borrower_id, merchant, due_date, step, channel);
-- For lists of staff, newest first. On expressions, so that no other statement uses them.
create index reminder_of_merchant on reminder (coalesce(merchant, merchant), id);
create index reminder_due on reminder (coalesce(due_date, due_date), id);
create index reminder_of_channel on reminder (coalesce(channel, channel), id);
create index reminder_of_merchant_and_channel
    on reminder (coalesce(merchant, merchant), coalesce(channel, channel), id);

create table queue (
    reminder_id    integer primary key,
    not_before     text not null, -- falling_back: of another channel; unknown: the next look-up; held: expiry
    lease_until    text, -- while sending
    undelivered_at text, -- a receipt of this attempt that preceded the outcome
    attempt        integer not null,
    gateway_index  integer not null, -- of the channel's gateways, from 0
    channel        text not null,
    state          text not null, -- planned, sending, unknown, held; falling_back: another channel follows
    gateway        text, -- of the attempt, while sending or unknown
    hold_cause     text, -- while held, as reason:subject
    -- The state of a row that no claim reads; null while planned or sending.
    idle_state     text
        generated always as (case when state in ('unknown', 'falling_back', 'held') then state end) virtual
) strict;
-- A claim walks it from the head of its lane, and the reaper what is being sent.
create index queue_due on queue (channel, gateway_index, not_before, reminder_id) where state = 'planned';
create index queue_lease on queue (lease_until) where state = 'sending';
create index queue_unknown on queue (channel, reminder_id) where state = 'unknown';
-- Look-ups that are due. Far in the future: never again, a person decides.
create index queue_look on queue (channel, not_before, reminder_id) where idle_state = 'unknown';
create index queue_falling_back on queue (not_before, reminder_id) where state = 'falling_back';
create index queue_held on queue (hold_cause, channel, reminder_id) where state = 'held';
create index queue_held_until on queue (not_before) where state = 'held';

create table event (
    id          integer primary key autoincrement,
    reminder_id integer not null,
    at          text not null,
    attempt     integer not null,
    kind        text not null,
    gateway     text,
    provider_id text,
    detail      text,
    route       text, -- of accepted and unknown: the route of a link that is the same for everybody, if there was one
    merchant    text, -- this and the next two: of the end of a reminder, by the trigger below
    due_date    text,
    channel     text
) strict;
create index event_of_reminder on event (reminder_id, id);
-- For reports that name a message by a number of the provider.
create index event_provider_id on event (provider_id) where provider_id is not null and kind = 'accepted';
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

create trigger event_end after insert on event
when new.kind in ('failed', 'skipped', 'delivered', 'undelivered')
begin
    update event set (merchant, due_date, channel) = (
        select r.merchant, r.due_date, r.channel from reminder r where r.id = new.reminder_id
    ) where id = new.id;
end;

-- The state of each gateway's rate limit: one row, locked and written by every claim through it.
create table rate (
    gateway text primary key,
    next    text not null, -- when the next message would leave if they left evenly
    day     text not null, -- which is counted
    used    integer not null  -- on it
) strict, without rowid;

-- The state of each gateway as each process sees it. Written when a breaker opens or closes, or after errors.
create table gateway_state (
    gateway       text not null,
    holder        text not null, -- the process
    open_since    text, -- of its breaker; null: closed
    last_error text, last_error_at text, -- a code
    at            text not null,
    primary key (gateway, holder)
) strict;

-- == Scans ==
-- How far scans have come with each step of a rule. A handful of rows, read by every import.
create table mark (
    step        text primary key,
    fingerprint text not null, -- of the config that decides about the step
    first text not null, last text not null, -- due dates in view
    passed      text -- through which all was planned
) strict, without rowid;

-- When scans began. One row.
create table scan (start text not null) strict;
create unique index scan_once on scan (true);

-- How many reminders scans planned for each merchant and day, so that a day of far more than usual is noticed.
create table volume (
    merchant        text not null,
    day             text not null, -- in the zone of the schedule
    planned         integer not null,
    held            integer not null default false, -- far more than usual: its reminders wait for a person
    approved_by text, approved_reason text, approved_at text,
    primary key (merchant, day)
) strict, without rowid;

-- The right to do a task alone, for a while.
create table turn (
    task        text primary key,
    holder      text not null,
    lease_until text not null
) strict, without rowid;

-- == Reports of gateways, and replies ==
-- Reports that do not count yet: no message of that number is known yet, or the gateway has to be asked first.
create table kept_report (
    id             integer primary key autoincrement,
    gateway        text not null,
    reminder_id    integer, -- this or the next names the message
    provider_id    text,
    reported_state text not null, -- delivered, undelivered, gone (undelivered for good), complained
    code           text,
    is_hint        integer not null, -- the gateway has to be asked first
    at             text not null,
    received_at    text not null,
    look_at        text not null -- when it is reviewed next
) strict;
create unique index kept_report_once
    on kept_report (gateway, coalesce(provider_id, ''), coalesce(reminder_id, 0), reported_state);
create index kept_report_due on kept_report (look_at);

-- Replies of borrowers. Append-only.
create table reply (
    id          integer primary key autoincrement,
    gateway     text not null,
    provider_id text, -- by which a repeated one is known
    merchant    text, -- null: it is not known to whom it was said
    reminder_id integer, -- of the message that was answered
    channel     text not null,
    address     text not null,
    intent      text not null, -- stop, start, other
    text        text not null,
    at          text not null,
    sealed      text -- address and text, encrypted
) strict;
create unique index reply_once on reply (gateway, provider_id) where provider_id is not null;
create index reply_of_address on reply (channel, address, at);

-- Replies that wait for a person: they contain a word of refusal and are not understood, or nobody is known by their
-- number. Until a person has read it, a reply holds reminders to its address.
create table reply_to_read (
    reply_id integer not null primary key,
    channel  text not null,
    address  text -- in the form that is compared; null: it names nobody, and holds nothing
) strict;
create index reply_to_read_of_address on reply_to_read (channel, address);

-- Who has read them, and as what. Append-only.
create table reply_reading (
    id       integer primary key autoincrement,
    reply_id integer not null,
    at       text not null,
    actor    text not null,
    intent   text not null -- stop, other
) strict;

-- == Routes, and the pages of borrowers ==
-- Changes of routes at run time. Append-only; the newest version of each key counts.
create table route_version (
    id          integer primary key autoincrement,
    route_key   text not null,
    at          text not null,
    actor       text not null,
    reason      text not null,
    merchant    text not null,
    product     text, -- null: for all
    kind        text not null, -- web, app, support
    url         text not null, -- empty: of a support route
    valid_from text, valid_until text,
    closed      integer not null,
    replaced_by text, -- the key of another
    details     text -- stores and steps of an app's route, contacts of a support route: a JSON object; null: none
) strict;
create index route_version_of_key on route_version (route_key, id);

-- The health of each route that was ever probed.
create table route_health (
    route_key  text primary key,
    url        text not null, -- that was probed: if the route has another one now, the row does not count
    degraded   integer not null,
    since      text not null,
    failures integer not null, successes integer not null, -- in a row
    last_fault text, -- in words
    probed_at  text not null
) strict;

-- Which routes borrowers followed from their landing pages. Append-only.
create table click (
    id          integer primary key autoincrement,
    at          text not null,
    reminder_id integer not null,
    route_key   text not null
) strict;
create index click_at on click (at);

-- Wrong answers to the question of a page: by borrower, by client at a borrower, by client (a pseudonym).
create table answer_try (
    subject text primary key,
    tries   integer not null,
    last_at text not null
) strict;
create index answer_try_old on answer_try (last_at);

-- == Notices: one-off messages to selected borrowers ==
create table notice (
    name      text primary key,
    template  text not null,
    selection text not null, -- of borrowers, in words
    state     text not null, -- draft, awaiting_approval, sending, paused, cancelled
    actor     text not null,
    reason    text not null,
    at        text not null
) strict;

-- Who changed the state of a notice. Append-only.
create table notice_change (
    id     integer primary key autoincrement,
    notice text not null,
    state  text not null,
    at     text not null,
    actor  text not null,
    reason text not null
) strict;
create index notice_change_of_notice on notice_change (notice, id);

-- The recipients of a notice: each borrower once.
create table notice_recipient (
    notice      text not null,
    merchant    text not null,
    borrower_id text not null,
    due_date    text not null,
    channel     text not null,
    reminder_id integer, -- null: not in the outbox yet
    primary key (notice, merchant, borrower_id)
) strict;
create index notice_recipient_waiting on notice_recipient (notice, merchant, borrower_id) where reminder_id is null;

-- == Which database this is, and encryption ==
-- Whether anything may be sent from the database. One row. A copy has the same row, and shows as a copy by the server's
-- identifier and timeline, or by its sequences, which have not come as far.
create table incarnation (
    database      text not null, -- random, made once
    generation    text not null, -- random, another one each time that it is armed
    disarm_reason text, -- null while it is armed
    disarmed_by   text, -- the daemon that noticed
    disarmed_at   text
) strict;
create unique index incarnation_once on incarnation (true);
insert into incarnation (database, generation) values (lower(hex(randomblob(16))), lower(hex(randomblob(16))));

-- Who armed it, and who asked for it where two persons are needed. Append-only.
create table arming (
    id         integer primary key autoincrement,
    generation text not null, -- that it ended, or is to end
    at         text not null,
    actor      text not null,
    reason     text not null,
    is_done    integer not null -- false: asked for by one of two persons
) strict;

-- The daemons that have sent from it, each with what it remembers outside.
create table daemon (
    daemon    text primary key,
    beats     integer not null,
    last_at   text not null,
    handed_in text -- the generation for which all that it remembers is in here
) strict, without rowid;

-- One row where personal data is encrypted, by the keys of `[encryption]`; see PostgreSQL. The triggers ensure that a
-- database is encrypted as a whole or not at all.
create table encryption (
    index_check text not null, -- by which another index key is refused
    at text not null
) strict;
create unique index encryption_once on encryption ((true));

create trigger borrower_encryption_insert before insert on borrower
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger borrower_encryption_update before update on borrower
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger suppression_encryption_insert before insert on suppression
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger suppression_encryption_update before update on suppression
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reply_encryption_insert before insert on reply
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reply_encryption_update before update on reply
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reply_to_read_encryption_insert before insert on reply_to_read
when new.address is not null and (new.address like ':%') <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reply_to_read_encryption_update before update on reply_to_read
when new.address is not null and (new.address like ':%') <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger suppression_change_address_encryption_insert before insert on suppression_change_address
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger suppression_change_address_encryption_update before update on suppression_change_address
when (new.sealed is not null) <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reject_encryption_insert before insert on reject
when (new.cells not like '{%') <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
create trigger reject_encryption_update before update on reject
when (new.cells not like '{%') <> exists (select 1 from encryption)
begin select raise(abort, 'encryption'); end;
