//! Reads the state of the file, and puts back lost reminders under their own numbers.

use crate::store::sql::incarnation::state;

/// Every commit waits for the disk, so there is no log to compare.
pub(super) const STATE: &str = state!(
    "coalesce((select seq from sqlite_sequence where name = 'event'), 0) as events, \
     coalesce((select seq from sqlite_sequence where name = 'reminder'), 0) as reminders, \
     null as system, null as timeline, 0 as position, 0 as durable, null as has_standby, \
     null as waits_for_disk"
);

/// New reminders get numbers behind that one. Binds: number.
pub(super) const CONTINUE_BEHIND: &str = "update sqlite_sequence set seq = max(seq, $1) where name = 'reminder'";

/// Puts a reminder in under its own number, if that and its key are free. Binds: number, then the columns.
pub(super) const PUT_BACK: &str = r#"
    insert into reminder (
        id, merchant, borrower_id, due_date, step, channel, origin, actor, reason, planned_at, not_before, expires_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict do nothing"#;

/// The same under a new number. Binds: the columns.
pub(super) const PUT_IN_ANEW: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, actor, reason, planned_at, not_before, expires_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict do nothing"#;

/// A new generation begins, in which it is armed.
pub(super) const ARM: &str = "update incarnation set generation = lower(hex(randomblob(16))), \
                              disarm_reason = null, disarmed_by = null, disarmed_at = null";
