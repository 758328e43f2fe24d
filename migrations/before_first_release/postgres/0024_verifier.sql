-- The page of a link asks for something that the message does not contain.

-- A keyed hash, with what it is of: the end of an ID, or a birthday.
alter table borrower add column verifier text;

-- How often the question of a page was answered wrongly: by borrower, by client at a borrower, by client. A client is a pseudonym.
create table answer_try (
    subject text collate "C" primary key,
    tries   integer     not null,
    last_at timestamptz not null
);

create index answer_try_old on answer_try (last_at);

-- Tries were counted by message before: whoever had two links had twice as many.
drop table digits_tried;
