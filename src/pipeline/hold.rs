//! Parses holds as staff word them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{AuditNote, AuditNoteError};
use crate::domain::Hold;
use crate::plan::{InvalidEnd, end_to_come};

/// Why something is no hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// Its reason cannot be kept on record.
    #[error(transparent)]
    Reason(#[from] AuditNoteError),
    /// Its end is none, or has passed.
    #[error("until {0}")]
    Until(#[from] InvalidEnd),
}

/// A hold as a person words it: `until` is its last day in `zone`, or an instant; without it, it holds until it is
/// released.
///
/// # Errors
/// When the reason is none, or the end does not lie ahead.
pub fn hold(reason: &str, until: Option<&str>, zone: Tz, now: DateTime<Utc>) -> Result<Hold, HoldError> {
    let AuditNote { reason, .. } = AuditNote::new("-", reason)?;
    Ok(Hold { reason, until: until.map(|text| end_to_come(text, zone, now)).transpose()? })
}
