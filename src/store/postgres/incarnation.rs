//! Reads the state of the server, and puts back lost reminders under their own numbers.

use crate::store::sql::incarnation::state;

/// The sequences before the end of the log: what they gave out by now lies before it, or in the next look's.
pub(super) const STATE: &str = state!(
    "(select last_value from event_id_seq) as events, (select last_value from reminder_id_seq) as reminders, \
     (select system_identifier::text from pg_control_system()) as system, \
     substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline, \
     (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as position, \
     (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint as durable, \
     current_setting('synchronous_standby_names') <> '' as has_standby, \
     (select reset_val <> 'off' from pg_settings where name = 'synchronous_commit') as waits_for_disk"
);

/// New reminders get numbers behind that one. Binds: number.
pub(super) const CONTINUE_BEHIND: &str =
    "select setval('reminder_id_seq', greatest(last_value, $1)) from reminder_id_seq";

/// Puts a reminder in under its own number, if that and its key are free. Binds: number, then the columns.
pub(super) const PUT_BACK: &str = r#"
    insert into reminder (
        id, merchant, borrower_id, due_date, step, channel, origin, actor, reason, planned_at, not_before, expires_at
    )
    overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict do nothing"#;

/// The same under a new number. Binds: the columns.
pub(super) const PUT_IN_ANEW: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, actor, reason, planned_at, not_before, expires_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict do nothing"#;

/// A new generation begins, in which it is armed.
pub(super) const ARM: &str = "update incarnation set generation = gen_random_uuid()::text, \
                              disarm_reason = null, disarmed_by = null, disarmed_at = null";
