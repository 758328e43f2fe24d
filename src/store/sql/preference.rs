//! The table `set_preferences`.

use sqlx::FromRow;

use super::value::Moment;
use crate::store::PreferencesRecord;

/// Records what a person put in by hand. Binds: merchant, borrower, at, actor, words.
pub(in crate::store) const APPEND: &str =
    "insert into preference (merchant, borrower_id, at, actor, preferences) values ($1, $2, $3, $4, $5)";

/// Writes what was wished for, and nothing else of the borrower: pages may change no more. Binds: merchant, borrower,
/// language, channel, hours, reason and end of the hold.
pub(in crate::store) const KEEP: &str = "
    update borrower set locale = $3, preferred_channel = $4, preferred_hours = $5, hold_reason = $6, hold_until = $7
    where merchant = $1 and borrower_id = $2";

/// The preferences that people entered for one borrower, oldest first. Binds: merchant, borrower.
pub(in crate::store) const OF_BORROWER: &str =
    "select at, actor, preferences from preference where merchant = $1 and borrower_id = $2 order by id";

#[derive(FromRow)]
pub(in crate::store) struct WishRow {
    at: Moment,
    actor: String,
    preferences: String,
}

impl WishRow {
    pub(in crate::store) fn record(self) -> PreferencesRecord {
        PreferencesRecord { at: self.at.0, actor: self.actor, said: self.preferences }
    }
}
