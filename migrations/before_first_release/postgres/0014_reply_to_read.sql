-- Answers that wait for a person: a word of refusal stands in them and they are not understood, or nobody is known by their number.
-- Until somebody has read it, an answer holds what would go to its address.
create table reply_to_read (
    reply_id bigint not null primary key,
    channel  text   not null,
    address  text -- as addresses are compared; null: it names nobody, and holds nothing
);

-- What a claim asks.
create index reply_to_read_of_address on reply_to_read (channel, address);

-- Who has read them, and took them for what. Only appended.
create table reply_reading (
    id       bigint generated always as identity primary key,
    reply_id bigint      not null,
    at       timestamptz not null,
    actor    text        not null,
    intent   text        not null -- stop, other
);
