-- Who of the staff has taken what waits for a person (`WorkItem` in the code).
create table staff_work (
    item      text primary key,
    user_name text        not null,
    taken_at  timestamptz not null
);
