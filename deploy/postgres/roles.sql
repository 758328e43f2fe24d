-- Roles for dueherald on PostgreSQL. Run it in dueherald's database as a superuser (or as a role that may create roles
-- and owns the tables), after the first `dueherald migrate` and again after each upgrade: psql --file=roles.sql
-- DATABASE
--
--   dueherald_owner   runs `dueherald migrate` and nothing else. It owns the tables.
--   dueherald_worker runs the daemon and the commands: reads all, writes what the work needs. What is on record
--   (events, clicks,
--                     changes by people, answers) it can add to, and neither change nor delete.
--   dueherald_web runs daemons with the role `web` alone. It reads what pages show, and writes clicks, tries,
--   preferences, opt-outs
--                     and receipts.
--   dueherald_api runs daemons with the role `web` that serve the API too: what dueherald_web may, and the ledger.
--   dueherald_console runs daemons with the role `console` alone. It reads all but tokens, and writes what people do at
--   the desk.
--   dueherald_reader  reads, for reports and support. It sees personal data.
--
-- None of them logs in. Give them to the users that do: grant dueherald_worker to dueherald_app;

do $$
declare wanted text;
begin
    foreach wanted in array array['dueherald_owner', 'dueherald_worker', 'dueherald_web', 'dueherald_api',
        'dueherald_console', 'dueherald_reader'] loop
        begin
            execute format('create role %I nologin', wanted);
        exception when duplicate_object or unique_violation then null;
        end;
    end loop;
    -- The role that applies a migration owns its tables, so later migrations can change them.
    for wanted in
        select format('alter table %s owner to dueherald_owner', c.oid::regclass) from pg_class c
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
    loop
        execute wanted;
    end loop;
end $$;
alter function event_end() owner to dueherald_owner;
alter function analyse_queue() owner to dueherald_owner;
alter function audit_stays() owner to dueherald_owner;
alter statistics reminder_listing owner to dueherald_owner;

-- Whatever was granted before, to anybody.
revoke all on all tables in schema public
    from public, dueherald_worker, dueherald_web, dueherald_api, dueherald_console, dueherald_reader;
revoke all on function analyse_queue()
    from public, dueherald_worker, dueherald_web, dueherald_api, dueherald_console, dueherald_reader;
grant create, usage on schema public to dueherald_owner;
revoke create on schema public
    from public, dueherald_worker, dueherald_web, dueherald_api, dueherald_console, dueherald_reader;
grant usage on schema public to dueherald_worker, dueherald_web, dueherald_api, dueherald_console, dueherald_reader;

grant select on all tables in schema public to dueherald_worker, dueherald_reader;

-- On record for good: a row that is there stays as it is.
grant insert on arming, audit_checkpoint, audit_entry, audit_personal, click, dropped_reject, event, message_form,
    notice_change, occurrence, reply, reply_reading, route_version, suppression_change,
    suppression_change_address to dueherald_worker;

-- The audit log: changes that append to it move its head. Its triggers refuse to move it back.
grant update on audit_head to dueherald_worker;

-- The ledger. Nothing is deleted: an instalment that is gone is cancelled.
grant insert, update on borrower, installment, payment, preference, reminder, volume to dueherald_worker;

-- Which database this is, and the daemons that send from it. A claim compares how far the numbers have come; after a
-- restore, new reminders get numbers behind those that were given out.
grant update on incarnation to dueherald_worker;
grant insert, update on daemon to dueherald_worker;
grant select on sequence event_id_seq, reminder_id_seq to dueherald_worker, dueherald_web, dueherald_reader;
grant update on sequence reminder_id_seq to dueherald_worker;

-- The state of the work.
grant insert, update, delete on answer_try, delivery, gateway_state, kept_report, lease, ledger_change, mark, notice,
    notice_recipient, queue,
    rate, reject, reply_to_read, route_health, scan, source, source_branch, source_merchant, stop, suppression,
    turn to dueherald_worker;

-- The API: its tokens, of which none is deleted, and the requests that count once.
grant insert, update on api_token to dueherald_worker;
grant insert, update, delete on api_request to dueherald_worker;

-- The staff of the console, of whom none is deleted, and their sessions. Reports need neither hashes nor secrets.
grant insert, update on staff_user to dueherald_worker;
grant insert, update, delete on staff_session, staff_work to dueherald_worker;
revoke select on staff_user, staff_session from dueherald_reader;
grant select (name, role, merchants, locale, time_zone, created_at, disabled_at, logged_in_at, failed_logins)
    on staff_user to dueherald_reader;

-- Webhooks: how far each endpoint was told of what is on record.
grant insert, update on webhook_endpoint to dueherald_worker;
grant insert, update, delete on webhook_waiting to dueherald_worker;

-- A scan that fills the queue has it analysed.
grant execute on function analyse_queue() to dueherald_worker;

-- A change of keys encrypts anew what is on record, and changes nothing else of it.
grant update (sealed) on reply, suppression_change_address to dueherald_worker;
grant insert, update on message_key to dueherald_worker;

-- Pages and callbacks. They read what happened to a message, and not what it said.
grant select (reminder_id, id, at, attempt, kind, gateway, provider_id, detail, route, merchant, due_date, channel)
    on event to dueherald_web;
grant select on _sqlx_migrations, answer_try, audit_head, borrower, daemon, encryption, incarnation, installment,
    kept_report, lease, ledger_change,
    mark, message_key, notice, payment, preference, queue, reject, reminder, reply, reply_reading, reply_to_read,
    route_health,
    route_version,
    source, source_branch, source_merchant, stop, suppression, suppression_change, suppression_change_address
    to dueherald_web;
grant insert (reminder_id, at, attempt, kind, gateway, provider_id, detail, route, merchant, due_date, channel)
    on event to dueherald_web;
grant insert on click, ledger_change, occurrence, preference, reminder, reply, reply_to_read,
    suppression_change, suppression_change_address to dueherald_web;
grant insert, update, delete on answer_try, kept_report, queue, suppression to dueherald_web;
grant insert on audit_entry, audit_personal to dueherald_web;
grant update on audit_head to dueherald_web;
grant select on api_token to dueherald_web;
grant update (used_at) on api_token to dueherald_web;
grant select, insert, update, delete on api_request to dueherald_web;
-- Webhooks of the lender's systems come in here, and the worker applies them.
grant select, insert, update on delivery to dueherald_web;
grant update (locale, preferred_channel, preferred_hours, hold_reason, hold_until) on borrower to dueherald_web;

-- The API beside the pages: batches of the ledger, resends, cancellations, settlements, rejected records, approvals.
grant dueherald_web to dueherald_api;
grant select on arming, click, dropped_reject, event, gateway_state, message_form, notice_change, notice_recipient,
    occurrence, rate, scan, volume to dueherald_api;
grant insert on dropped_reject, event, notice_change to dueherald_api;
grant insert, update on borrower, installment, payment, reminder to dueherald_api;
grant update on notice, notice_recipient to dueherald_api;
grant insert, update, delete on ledger_change, reject to dueherald_api;

-- The console. A daemon that serves it alone neither sends nor imports; it applies rejected records again.
grant select on all tables in schema public to dueherald_console;
revoke select on api_token, api_request from dueherald_console;
grant select on sequence event_id_seq, reminder_id_seq to dueherald_console;
grant insert on audit_entry, audit_personal, dropped_reject, event, ledger_change, notice_change, occurrence,
    preference, reply_reading, suppression_change, suppression_change_address to dueherald_console;
grant update on audit_head, notice, notice_recipient to dueherald_console;
grant insert, update on borrower, installment, payment, reminder, staff_user to dueherald_console;
grant insert, update, delete on answer_try, kept_report, queue, reject, reply_to_read, staff_session, staff_work,
    suppression to dueherald_console;
