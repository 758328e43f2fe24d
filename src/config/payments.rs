//! `[payments]`: payments that the lender's systems report one by one.

use std::time::Duration;

use chrono::TimeDelta;

use super::reading::Section;
use super::value::duration;

/// `[payments]`: how long a reported payment waits for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payments {
    /// How long a pending payment holds the reminders of its instalment, and the ledger may lag behind a posted one.
    pub pending_for: TimeDelta,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Payments> {
    let pending_for = section.or("pending_for", Duration::from_hours(48), duration);
    section.finish();
    Some(Payments { pending_for: TimeDelta::from_std(pending_for?).unwrap_or(TimeDelta::MAX) })
}
