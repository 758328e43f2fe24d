-- What an app's route tells of stores and steps, and a support route of whom to ask: a JSON object; null where there is nothing to
-- tell. The address of a support route is empty.
alter table route_version add column details text;

-- Which ways to repay borrowers went from their landing pages. Only appended.
create table click (
    id          bigint generated always as identity primary key,
    at          timestamptz not null,
    reminder_id bigint      not null,
    route_key   text collate "C" not null
);

create index click_at on click (at);

-- How often the last digits of a phone number were tried on the page of a reminder since they were right.
create table digits_tried (
    reminder_id bigint      primary key,
    tries       integer     not null,
    last_at     timestamptz not null
);
