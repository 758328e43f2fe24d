//! The table `digits_tried`.

use sqlx::FromRow;

use super::value::Moment;

/// The row of a reminder, put in if it is not there, and held until the transaction ends. Binds: reminder, now.
pub(in crate::store) const HOLD: &str = r#"
    insert into digits_tried (reminder_id, tries, last_at) values ($1, 0, $2)
    on conflict (reminder_id) do update set tries = digits_tried.tries
    returning tries, last_at"#;

/// Counts one more. Binds: reminder, now.
pub(in crate::store) const COUNT: &str =
    "update digits_tried set tries = tries + 1, last_at = $2 where reminder_id = $1";

/// Takes the row out. Binds: reminder.
pub(in crate::store) const FORGET: &str = "delete from digits_tried where reminder_id = $1";

#[derive(FromRow)]
pub(in crate::store) struct TriedRow {
    pub(in crate::store) tries: i32,
    pub(in crate::store) last_at: Moment,
}
