-- What was handed over can be shown again exactly. It is kept with the event of the attempt, as its difference from a
-- form: a made-up message of the same template, merchant and language, which is stored once and holds nothing personal.
-- `MessageRecord` and `MessageKey` in the code say what is in these columns.

-- Of accepted and unknown: the message. The statement that wrote the event writes it, and no index knows of it.
alter table event add column message bytea;

create table message_form (
    hash bytea primary key, -- of the text
    text bytea not null
);

-- Of an encrypted database: the keys of messages, each sealed under the first key of `[encryption]`.
create table message_key (
    id     smallint primary key, -- of the key of `[encryption]` that it belongs to
    sealed text not null
);
