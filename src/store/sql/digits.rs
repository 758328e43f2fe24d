//! The table `answer_try`.

use sqlx::FromRow;

use super::value::Moment;

/// The row of a subject, put in if it is not there, and held until the transaction ends. Binds: subject, now.
pub(in crate::store) const HOLD: &str = r#"
    insert into answer_try (subject, tries, last_at) values ($1, 0, $2)
    on conflict (subject) do update set tries = answer_try.tries
    returning tries, last_at"#;

/// Sets how many there were. Binds: subject, how many, now.
pub(in crate::store) const COUNT: &str = "update answer_try set tries = $2, last_at = $3 where subject = $1";

/// Takes one back. Binds: subject.
pub(in crate::store) const TAKE_BACK: &str = "update answer_try set tries = tries - 1 where subject = $1 and tries > 0";

/// Takes the row out. Binds: subject.
pub(in crate::store) const FORGET: &str = "delete from answer_try where subject = $1";

/// Takes out what is too old to count. Binds: since when it counts.
pub(in crate::store) const FORGET_OLD: &str = "delete from answer_try where last_at < $1";

#[derive(FromRow)]
pub(in crate::store) struct TriedRow {
    pub(in crate::store) tries: i32,
    pub(in crate::store) last_at: Moment,
}
