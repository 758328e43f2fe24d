-- What people have changed by hand about stops and suppressions: who, when and why. Only appended.

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

-- The addresses of an add or remove, as addresses are compared. Personal data: in the database only.
create table suppression_change_address (
    change_id bigint not null,
    merchant  text collate "C", -- null: for every merchant
    channel   text   not null,
    address   text   not null
);

create index suppression_change_address_of on suppression_change_address (change_id);

-- What was done to one address.
create index suppression_change_of_address on suppression_change_address (channel, address, change_id);
