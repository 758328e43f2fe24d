//! Tries of the last digits of a phone number, in memory.

use chrono::{DateTime, Utc};

use super::Tables;
use crate::domain::ReminderId;
use crate::plan::{TryOf, next_try};

impl Tables {
    pub(super) fn try_digits(&mut self, reminder: ReminderId, now: DateTime<Utc>) -> TryOf {
        let (tries, last_at) = self.tries.entry(reminder).or_insert((0, now));
        let answer = next_try(*tries, *last_at, now);
        if matches!(answer, TryOf::Counted { .. }) {
            (*tries, *last_at) = (*tries + 1, now);
        }
        answer
    }
}
