-- What gateways report: what does not count yet, and what people answered.

-- By this a report finds its message where the provider names it by a number of its own.
create index event_provider_id on event (provider_id) where provider_id is not null and kind = 'accepted';

-- Reports that do not count yet: no message is known by that number yet, or the gateway is to be asked first.
create table kept_report (
    id          integer primary key autoincrement,
    gateway     text    not null,
    reminder_id integer, -- this or the next says which message
    provider_id text,
    fate        text    not null, -- delivered, undelivered, gone (undelivered for good), complained
    code        text,
    is_hint     integer not null, -- the gateway is to be asked first
    at          text    not null,
    received_at text    not null,
    look_at     text    not null -- when it is looked at again
) strict;

-- The same report twice is kept once.
create unique index kept_report_once on kept_report (gateway, coalesce(provider_id, ''), coalesce(reminder_id, 0), fate);
create index kept_report_due on kept_report (look_at);

-- What people answered. Only appended.
create table reply (
    id          integer primary key autoincrement,
    gateway     text not null,
    provider_id text, -- by which a repeated one is known
    merchant    text, -- null: it is not known to whom it was said
    reminder_id integer, -- of the message that was answered
    channel     text not null,
    address     text not null,
    intent      text not null, -- stop, start, other
    said        text not null,
    at          text not null
) strict;

create unique index reply_once on reply (gateway, provider_id) where provider_id is not null;
-- Whether a later one said otherwise.
create index reply_of_address on reply (channel, address, at);

-- How each process finds each gateway. Written when a breaker opens or closes, and now and then after an error.
create table gateway_state (
    gateway       text not null,
    holder        text not null, -- the process
    open_since    text, -- of its breaker; null: closed
    last_error    text, -- a code
    last_error_at text,
    at            text not null,
    primary key (gateway, holder)
) strict;
