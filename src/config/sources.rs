//! `[[sources]]`: lender databases that are pulled on a schedule.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use reqwest::Url;
use secrecy::SecretString;

use super::reading::Section;
use super::transport::check_source;
use super::value::{Value, duration, flag, integer, lines, text, time_zone, word};
use crate::domain::{MerchantId, SourceName};
use crate::plan::Schedule;
use crate::source::sql::{Dialect, Query, SqlSettings};

/// An entry of `[[sources]]`: the lender's own database, pulled on a schedule.
#[derive(Debug, Clone)]
pub struct Source {
    /// The database to pull from, and the queries.
    pub settings: SqlSettings,
    /// When to pull.
    pub schedule: Schedule,
    /// How far before the cursor to read again: changes from before the cursor may have been committed since.
    pub overlap: TimeDelta,
    /// The greatest age of pulled data with which reminders still go out.
    pub max_ledger_age: Option<TimeDelta>,
}

/// A parsed entry of `[[sources]]`.
pub(super) struct ReadSource {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchant it names.
    pub(super) merchant: Option<MerchantId>,
    /// The whole of it, if it is without mistakes.
    pub(super) source: Option<Source>,
}

/// Reads `[[sources]]`. The schedules are in the zone of `[schedule]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, zone: Option<Tz>, folder: &Path) -> Vec<ReadSource> {
    let mut names = Vec::new();
    let sections = root.elements("sources").into_iter();
    sections.map(|section| source(section, zone.unwrap_or(Tz::UTC), folder, &mut names)).collect()
}

fn source(mut section: Section<'_, '_, '_>, cron_zone: Tz, folder: &Path, taken: &mut Vec<SourceName>) -> ReadSource {
    let path = section.path.clone();
    let kind = section.required("kind", r#""sql""#, |value| word(value, &[("sql", ())]));
    let name = section.required("name", r#""core""#, |value| {
        let name = SourceName::new(text(value)?).map_err(|problem| format!("{problem}; choose another name"))?;
        if taken.contains(&name) {
            Err("is the name of another source too; choose another name".into())
        } else {
            Ok(name)
        }
    });
    taken.extend(name.clone());
    let allow_plaintext = section.or("allow_plaintext", false, flag);
    let url = section.required("url", r#"{ env = "CORE_URL" }"#, |value| {
        let (dialect, url) = url(value, folder)?;
        check_source(dialect, &url, allow_plaintext != Some(false))?;
        Ok((dialect, url))
    });
    // A query is checked even where the URL is mistaken.
    let dialect = url.as_ref().map_or(Dialect::Postgres, |(dialect, _)| *dialect);
    let query = section.required("query", "\"\"\"select …\"\"\"", |value| Query::new(&lines(value)?, dialect));
    let merchant = section.optional("merchant", |value| {
        MerchantId::new(text(value)?).map_err(|problem| format!("{problem}; choose another name"))
    });
    let schedule = section.required("cron", r#""*/5 * * * *""#, |value| {
        Schedule::new(&text(value)?, cron_zone).map_err(|error| error.to_string())
    });
    let zone = section.optional("time_zone", time_zone);
    let page = section.or("page", 1_000, |value| integer(value, 1..=100_000));
    let overlap = section.or("overlap", Duration::from_secs(5 * 60), duration);
    let max_ledger_age = section.optional("max_ledger_age", duration);
    section.finish();
    let named = ReadSource { path, merchant: merchant.clone().flatten(), source: None };
    let span = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    let whole = || {
        kind?;
        allow_plaintext?;
        let (dialect, url) = url?;
        let (name, query, merchant, zone, page) = (name?, query?, merchant?, zone?, page?);
        Some(Source {
            settings: SqlSettings { name, dialect, url, query, merchant, zone, page },
            schedule: schedule?,
            overlap: span(overlap?),
            max_ledger_age: max_ledger_age?.map(span),
        })
    };
    ReadSource { source: whole(), ..named }
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
