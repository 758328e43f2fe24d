-- The people of the staff who log in to the console, and their sessions; see PostgreSQL.

create table staff_user (
    name          text primary key,
    role          text    not null,
    merchants     text    not null, -- JSON
    locale        text, -- null: that of the browser
    time_zone     text, -- null: that of the merchant
    password      text, -- Argon2id, as a PHC string
    subject       text unique, -- of the OIDC provider
    device_key    blob    not null,
    created_at    text    not null,
    disabled_at   text,
    logged_in_at  text,
    failed_logins integer not null default 0, -- since then
    check ((password is null) <> (subject is null))
) strict, without rowid;

create table staff_session (
    digest     blob primary key,
    user_name  text not null references staff_user (name),
    csrf       blob not null,
    created_at text not null,
    used_at    text not null, -- to the minute
    ends_at    text not null
) strict, without rowid;
create index staff_session_user on staff_session (user_name);
create index staff_session_ends on staff_session (ends_at);
