//! The section `[dispatch]`: leases, batches, retries, and what daemons remember outside the database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::database::{Database, DatabaseUrl};
use super::reading::Section;
use super::value::{Value, duration, integer, text};
use crate::domain::{Address, Backoff, EmailAddress, Phone};
use crate::plan::{RecipientAllowlist, RetryPolicy};

/// `[dispatch]`: how reminders are handed to gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// How long a process may hold a reminder that it is sending. What is not settled by then counts as unknown.
    pub lease: Duration,
    /// The most reminders that are claimed at once.
    pub batch: u32,
    /// How long to wait before looking again when nothing is due.
    pub idle: Duration,
    /// How often and how soon what failed for the moment is tried again.
    pub retry: RetryPolicy,
    /// Where a daemon keeps what it remembers outside the database.
    pub state_dir: StateDir,
    /// If set, the daemon writes to no other recipients.
    pub only_to: Option<RecipientAllowlist>,
}

/// Where a daemon keeps what it remembers outside the database, so that a database that is restored under it is
/// noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateDir {
    /// Nowhere: it remembers while it runs.
    Off,
    /// In the folder that the config names.
    Folder(PathBuf),
    /// The config names none: beside the SQLite file, or else in the config's folder.
    Default(PathBuf),
}

impl StateDir {
    /// The folder, if there is to be one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::Folder(folder) | Self::Default(folder) => Some(folder),
        }
    }

    /// Whether the config leaves it out.
    #[must_use]
    pub fn is_by_default(&self) -> bool {
        matches!(self, Self::Default(_))
    }

    /// Where it is if the config names none; `folder` is the config's.
    #[must_use]
    pub fn usual(database: Option<&Database>, folder: &Path) -> Self {
        Self::Default(match database.map(|database| &database.url) {
            Some(DatabaseUrl::Sqlite { file }) => {
                let mut name = file.as_os_str().to_owned();
                name.push(".state");
                name.into()
            }
            _ => folder.join("dueherald.state"),
        })
    }
}

pub(super) fn read(mut section: Section<'_, '_, '_>, database: Option<&Database>, folder: &Path) -> Option<Dispatch> {
    let lease = section.or("lease", Duration::from_secs(60), duration);
    let batch = section.or("batch", 64, |value| integer(value, 1..=1000));
    let idle = section.or("idle", Duration::from_secs(1), duration);
    let retry = retry(section.section("retry"));
    let state_dir = section.or("state_dir", StateDir::usual(database, folder), |value| {
        let written = text(value)?;
        match &*written {
            "" => Err(r#"is empty; name a folder, or write "off""#.into()),
            "off" => Ok(StateDir::Off),
            path => Ok(StateDir::Folder(folder.join(path))),
        }
    });
    let only_to = section.list("only_to", address).flatten().map(RecipientAllowlist::new);
    section.finish();
    Some(Dispatch { lease: lease?, batch: batch?, idle: idle?, retry: retry?, state_dir: state_dir?, only_to })
}

// The value is never quoted: it is somebody's.
fn address(value: &Value<'_>) -> Result<Address, String> {
    let written = text(value)?;
    let address = match written.starts_with('+') {
        true => Phone::new(&written).ok().map(Address::Phone),
        false => EmailAddress::new(&written).ok().map(Address::Email),
    };
    address.ok_or_else(|| r#"is neither a phone number as "+8613800138000" nor a mailbox as "me@example.com""#.into())
}

fn retry(mut section: Section<'_, '_, '_>) -> Option<RetryPolicy> {
    let usual = RetryPolicy::default();
    let max_attempts = section.or("max_attempts", usual.max_attempts, |value| integer(value, 1..=100));
    let first_pause = section.or("first_pause", usual.backoff.first, duration);
    let longest_pause = section.or("longest_pause", usual.backoff.longest, duration);
    if let (Some(first), Some(longest)) = (first_pause, longest_pause)
        && first > longest
    {
        section.reading.note_at(&section.key("first_pause"), "is longer than longest_pause; write a shorter one");
    }
    section.finish();
    let backoff = Backoff { first: first_pause?, longest: longest_pause? };
    Some(RetryPolicy { max_attempts: max_attempts?, backoff })
}
