-- The people of the staff who log in to the console, and their sessions (`UserStore` in the code).

create table staff_user (
    name          text primary key,
    role          text        not null,
    merchants     text        not null, -- JSON
    locale        text, -- null: that of the browser
    time_zone     text, -- null: that of the merchant
    password      text, -- Argon2id, as a PHC string
    subject       text unique, -- of the OIDC provider
    device_key    bytea       not null, -- seals the cookies by which devices are known; new with each password
    created_at    timestamptz not null,
    disabled_at   timestamptz,
    logged_in_at  timestamptz,
    failed_logins integer     not null default 0, -- since then
    check ((password is null) <> (subject is null))
);

create table staff_session (
    digest     bytea primary key, -- SHA-256 of the id: 256 random bits cannot be found by trying
    user_name  text        not null references staff_user (name),
    csrf       bytea       not null, -- in each form of the session
    created_at timestamptz not null,
    used_at    timestamptz not null, -- to the minute
    ends_at    timestamptz not null
);
create index staff_session_user on staff_session (user_name);
create index staff_session_ends on staff_session (ends_at);
