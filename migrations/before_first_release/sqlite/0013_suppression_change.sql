-- What people have changed by hand about stops and suppressions: who, when and why. Only appended.

create table suppression_change (
    id        integer primary key autoincrement,
    at        text    not null,
    actor     text    not null,
    reason    text    not null,
    action    text    not null, -- stop, lift; add, remove
    merchant  text, -- of a stop or lift; null: every merchant
    channel   text, -- of a stop or lift; null: every channel
    addresses integer not null -- how many rows it has below; 0 for a stop or lift
) strict;

-- The addresses of an add or remove, as addresses are compared. Personal data: in the database only.
create table suppression_change_address (
    change_id integer not null,
    merchant  text, -- null: for every merchant
    channel   text    not null,
    address   text    not null
) strict;

create index suppression_change_address_of on suppression_change_address (change_id);

-- What was done to one address.
create index suppression_change_of_address on suppression_change_address (channel, address, change_id);
