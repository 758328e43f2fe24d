//! Work that waits for a person of the staff.

use std::fmt;
use std::str::FromStr;

use super::{NoticeName, ReminderId};

/// One thing in a queue of the staff. As text: its kind, a colon, and its number or name, `unknown:17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkItem {
    /// A reminder whose outcome is unknown.
    Unknown(ReminderId),
    /// A reply to be read.
    Reply(i64),
    /// A rejected record.
    Reject(i64),
    /// A notice to be approved.
    Notice(NoticeName),
}

/// The text names no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no work such as unknown:17")]
pub struct WorkItemError;

impl fmt::Display for WorkItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "unknown:{id}"),
            Self::Reply(id) => write!(f, "reply:{id}"),
            Self::Reject(id) => write!(f, "reject:{id}"),
            Self::Notice(name) => write!(f, "notice:{name}"),
        }
    }
}

impl FromStr for WorkItem {
    type Err = WorkItemError;

    fn from_str(text: &str) -> Result<Self, WorkItemError> {
        let (kind, name) = text.split_once(':').ok_or(WorkItemError)?;
        let number = || name.parse::<i64>().map_err(|_| WorkItemError);
        match kind {
            "unknown" => Ok(Self::Unknown(ReminderId(number()?))),
            "reply" => Ok(Self::Reply(number()?)),
            "reject" => Ok(Self::Reject(number()?)),
            "notice" => name.parse().map(Self::Notice).map_err(|_| WorkItemError),
            _ => Err(WorkItemError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WorkItem;

    #[test]
    fn the_text_of_an_item_is_read_back() {
        for text in ["unknown:17", "reply:1", "reject:9", "notice:entry-moved"] {
            assert_eq!(text.parse::<WorkItem>().map(|item| item.to_string()), Ok(text.to_owned()));
        }
        for text in ["unknown", "unknown:x", "fax:1", ""] {
            assert!(text.parse::<WorkItem>().is_err(), "{text}");
        }
    }
}
