//! A source of `kind = "sql"`: the lender's own database.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use reqwest::Url;
use secrecy::SecretString;

use super::{Common, cron};
use crate::config::reading::Section;
use crate::config::transport::check_source;
use crate::config::value::{Value, duration, flag, integer, lines, text, time_zone};
use crate::plan::Schedule;
use crate::source::sql::{Dialect, Query, SqlSettings};

/// A source of `kind = "sql"`.
#[derive(Debug, Clone)]
pub struct DatabaseSource {
    /// The database to pull from, and the queries.
    pub settings: SqlSettings,
    /// When to pull.
    pub schedule: Schedule,
    /// How far before the cursor to read again: changes from before the cursor may have been committed since.
    pub overlap: TimeDelta,
}

/// Reads the keys that this kind has beside the common ones.
pub(super) fn read(
    section: &mut Section<'_, '_, '_>,
    common: Option<&Common>,
    cron_zone: Tz,
    folder: &Path,
) -> Option<DatabaseSource> {
    let allow_plaintext = section.or("allow_plaintext", false, flag);
    let url = section.required("url", r#"{ env = "CORE_URL" }"#, |value| {
        let (dialect, url) = url(value, folder)?;
        check_source(dialect, &url, allow_plaintext != Some(false))?;
        Ok((dialect, url))
    });
    // A query is checked even where the URL is mistaken.
    let dialect = url.as_ref().map_or(Dialect::Postgres, |(dialect, _)| *dialect);
    let query = section.required("query", "\"\"\"select …\"\"\"", |value| Query::new(&lines(value)?, dialect));
    let schedule = cron(section, cron_zone);
    let zone = section.optional("time_zone", time_zone);
    let page = section.or("page", 1_000, |value| integer(value, 1..=100_000));
    let overlap = section.or("overlap", Duration::from_secs(5 * 60), duration);
    allow_plaintext?;
    let (dialect, url) = url?;
    let (query, zone, page) = (query?, zone?, page?);
    let (schedule, overlap) = (schedule?, overlap?);
    let Common { name, merchant, amount_unit, .. } = common?.clone();
    Some(DatabaseSource {
        settings: SqlSettings { name, dialect, url, query, merchant, amount_unit, zone, page },
        schedule,
        overlap: TimeDelta::from_std(overlap).unwrap_or(TimeDelta::MAX),
    })
}

// The value is never quoted: it may hold a password.
fn url(value: &Value<'_>, folder: &Path) -> Result<(Dialect, SecretString), String> {
    const FORM: &str =
        r#""postgres://reader@db.example.com/lending", "mysql://reader@db.example.com/lending" or "sqlite:lending.db""#;
    let written = text(value)?;
    let other =
        || format!("is no address of a PostgreSQL, MySQL, MariaDB or SQLite database; write for example {FORM}");
    let dialect = Dialect::of_url(&written).ok_or_else(other)?;
    if let Some(file) = written.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.starts_with(':') || file.contains('?') {
            return Err(format!("names no file after sqlite:; write for example {FORM}"));
        }
        return Ok((dialect, format!("sqlite:{}", folder.join(file).display()).into()));
    }
    if dialect == Dialect::MySql && !cfg!(feature = "mysql") {
        return Err("is of a MySQL, and this dueherald was built without; build it with the feature `mysql`".into());
    }
    Url::parse(&written).map_err(|_| other())?;
    Ok((dialect, written.into()))
}
