//! Audit notes: who changed something by hand, and why.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::ManualChange;

/// The author of a manual change and the reason for it, kept for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// The author.
    pub actor: String,
    /// The reason.
    pub reason: String,
}

/// The field of an audit note that is missing or not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} must be given, in 200 characters at most and without line breaks: it is kept on record")]
pub struct AuditNoteError(&'static str);

impl AuditNote {
    /// Takes both without outer white space.
    ///
    /// # Errors
    /// When one is empty, has more than 200 characters or a control character.
    pub fn new(actor: &str, reason: &str) -> Result<Self, AuditNoteError> {
        Ok(Self { actor: line(actor, "an actor")?, reason: line(reason, "a reason")? })
    }
}

impl AuditNote {
    /// The change that it signs.
    #[must_use]
    pub fn at(self, at: DateTime<Utc>) -> ManualChange {
        ManualChange { actor: self.actor, reason: self.reason, at }
    }
}

impl fmt::Display for AuditNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.actor, self.reason)
    }
}

fn line(text: &str, what: &'static str) -> Result<String, AuditNoteError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(AuditNoteError(what));
    }
    Ok(text.to_owned())
}
