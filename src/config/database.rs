//! The section `[database]`: which one, and how many connections.

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::encryption::Encryption;
use super::reading::Section;
use super::transport::check_database;
use super::value::{Value, flag, integer, text};

/// `[database]`: where ledger and outbox are kept.
#[derive(Debug, Clone)]
pub struct Database {
    /// Which database.
    pub url: DatabaseUrl,
    /// The most connections that are open at once.
    pub max_connections: u32,
    /// `[encryption]`: what personal data is encrypted with, if it is.
    pub encryption: Option<Encryption>,
    /// How many persons have to order that a database which went back in time is sent from again: 1 or 2.
    pub persons_to_arm: u8,
}

impl Database {
    /// How many of them serve pages, callbacks and the API: a quarter, and one at least. Zero if there is only one: it
    /// serves all.
    #[must_use]
    pub fn public_connections(&self) -> u32 {
        (self.max_connections / 4).max(1).min(self.max_connections - 1)
    }

    /// How many do the work: the others.
    #[must_use]
    pub fn work_connections(&self) -> u32 {
        self.max_connections - self.public_connections()
    }
}

/// One of the two kinds of database.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// `sqlite:FILE`.
    Sqlite {
        /// The database file; relative ones were resolved from the config's folder.
        file: PathBuf,
    },
    /// `postgres://…`, which may hold a password.
    Postgres {
        /// The whole of it.
        url: SecretString,
    },
}

/// Examples of a database URL, for error messages.
const FORM: &str = r#""sqlite:dueherald.db" or "postgres://dueherald@127.0.0.1/dueherald""#;

pub(super) fn read(
    mut section: Section<'_, '_, '_>,
    encryption: Option<Option<Encryption>>,
    folder: &Path,
) -> Option<Database> {
    let allow_plaintext = section.or("allow_plaintext", false, flag);
    let url = section.required("url", r#""sqlite:dueherald.db""#, |value| {
        let url = url(value, folder)?;
        if let DatabaseUrl::Postgres { url } = &url {
            // A permission that is mistaken is a mistake of its own.
            check_database(url, allow_plaintext != Some(false))?;
        }
        Ok(url)
    });
    let max_connections = section.or("max_connections", 8, |value| integer(value, 1..=500));
    let persons_to_arm = section.or("persons_to_arm", 1, |value| integer(value, 1..=2));
    section.finish();
    allow_plaintext?;
    Some(Database {
        url: url?,
        max_connections: max_connections?,
        encryption: encryption?,
        persons_to_arm: persons_to_arm?,
    })
}

/// The same URL with the first of its servers alone: one with several is no URL by the common standard.
fn with_one_server(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find(['/', '?']).map_or(url.len(), |at| begin + at);
    let hosts = url[begin..end].rfind('@').map_or(begin, |at| begin + at + 1);
    let first = url[hosts..end].find(',').map_or(end, |at| hosts + at);
    format!("{}{}", &url[..first], &url[end..])
}

// The value is never quoted: it may hold a password.
fn url(value: &Value<'_>, folder: &Path) -> Result<DatabaseUrl, String> {
    let written = text(value)?;
    if let Some(file) = written.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.starts_with(':') || file.contains('?') {
            return Err(format!("names no file after sqlite:; write for example {FORM}"));
        }
        return Ok(DatabaseUrl::Sqlite { file: folder.join(file) });
    }
    match Url::parse(&with_one_server(&written)) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {
            Ok(DatabaseUrl::Postgres { url: written.into() })
        }
        _ => Err(format!("is neither sqlite: nor postgres://; write for example {FORM}")),
    }
}
