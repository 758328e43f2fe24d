//! E-mail as such, whatever carries it: how our messages are written and signed, and how those are read that come back.

mod dkim;
mod frame;
mod maildir;
mod refusal;
mod return_path;
pub mod returned;

pub use dkim::DkimSettings;
pub use maildir::{MailFile, Maildir};

pub(super) use dkim::Dkim;
pub(super) use frame::{Composition, Mail, compose, is_token};
pub(super) use refusal::{RefusalKind, Status, classify};
pub(super) use return_path::{LONGEST_LOCAL_PART, ReturnPath};
