//! A source of `kind = "sql"`: the lender's own database.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use reqwest::Url;
use rust_decimal::Decimal;
use secrecy::SecretString;

use super::{Common, cron, preset};
use crate::config::reading::Section;
use crate::config::transport::check_source;
use crate::config::value::{Value, duration, flag, integer, lines, share, text, time_zone, word};
use crate::domain::BranchName;
use crate::plan::Schedule;
use crate::source::sql::{Dialect, Query, SqlBranch, SqlSettings, checked_statement};

/// A source of `kind = "sql"`.
#[derive(Debug, Clone)]
pub struct DatabaseSource {
    /// The database to pull from, and the queries.
    pub settings: SqlSettings,
    /// When to pull.
    pub schedule: Schedule,
    /// How far before the cursor to read again: changes from before the cursor may have been committed since.
    pub overlap: TimeDelta,
    /// When all rows are read, to cancel what the source has no longer.
    pub full_read: Option<Schedule>,
    /// The greatest share of its open instalments that may vanish at once.
    pub max_vanishing: Decimal,
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
    let preset = preset::read(section, url.as_ref().map(|(dialect, _)| *dialect));
    let branches = match &preset {
        Some(None) => branches(section, dialect),
        Some(Some(preset)) => Some(preset.branches.clone()),
        None => None,
    };
    let freshness = section.optional("freshness", |value| checked_statement(&lines(value)?, dialect));
    let schedule = cron(section, cron_zone);
    let needs_zone = matches!(&preset, Some(Some(preset)) if preset.zone.is_none());
    let zone = if needs_zone {
        section.required("time_zone", r#""Asia/Kolkata""#, time_zone).map(Some)
    } else {
        section.optional("time_zone", time_zone)
    };
    let page = section.or("page", 1_000, |value| integer(value, 1..=100_000));
    let overlap = section.optional("overlap", duration);
    let statement_timeout = section.or("statement_timeout", Duration::from_secs(60), |value| {
        let limit = duration(value)?;
        let range = Duration::from_millis(100)..=Duration::from_secs(60 * 60);
        if range.contains(&limit) { Ok(limit) } else { Err("is out of range; write 100ms to 1h".to_owned()) }
    });
    let full_read = section.optional("full_read", |value| {
        let zone = zone.flatten().unwrap_or(cron_zone);
        Schedule::new(&text(value)?, zone).map_err(|error| error.to_string())
    });
    let max_vanishing = section.or("max_vanishing", Decimal::new(5, 2), share);
    let pays_elsewhere = section.or("payments", false, |value| word(value, &[("elsewhere", true)]));
    allow_plaintext?;
    let (dialect, url) = url?;
    let (preset, branches, page) = (preset?, branches?, page?);
    let freshness = freshness?.or(preset.as_ref().map(|preset| preset.freshness.clone()));
    let zone = zone?.or(preset.as_ref().and_then(|preset| preset.zone));
    let (statement_timeout, pays_elsewhere) = (statement_timeout?, pays_elsewhere?);
    let schedule = schedule?;
    let overlap = match overlap? {
        Some(overlap) => TimeDelta::from_std(overlap).unwrap_or(TimeDelta::MAX),
        None => preset.map_or(TimeDelta::minutes(5), |preset| preset.overlap),
    };
    let Common { name, merchant, amount_unit, .. } = common?.clone();
    Some(DatabaseSource {
        settings: SqlSettings {
            name,
            dialect,
            url,
            branches,
            freshness,
            merchant,
            amount_unit,
            zone,
            page,
            pays_elsewhere,
            statement_timeout,
        },
        schedule,
        overlap,
        full_read: full_read?,
        max_vanishing: max_vanishing?,
    })
}

/// The queries: `query`, or `[[sources.branches]]`.
fn branches(section: &mut Section<'_, '_, '_>, dialect: Dialect) -> Option<Vec<SqlBranch>> {
    if !section.entries.contains_key("branches") {
        let query = section.required("query", "\"\"\"select …\"\"\"", |value| Query::new(&lines(value)?, dialect));
        let has_whole_orders = complete_per(section);
        return Some(vec![SqlBranch { name: None, query: query?, has_whole_orders: has_whole_orders? }]);
    }
    let query = section.optional("query", lines);
    if query != Some(None) {
        let text = "stands beside branches; write the query of each branch in its [[sources.branches]], or no branches";
        section.reading.note_at(&section.key("query"), text);
    }
    let key = section.key("branches");
    let before = section.reading.count();
    let elements = section.elements("branches");
    if elements.is_empty() && section.reading.count() == before {
        section.reading.note_at(&key, "is empty; begin each branch with a line [[sources.branches]]");
    }
    let mut names = Vec::new();
    let branches: Vec<_> = elements.into_iter().map(|element| branch(element, dialect, &mut names)).collect();
    branches.into_iter().collect::<Option<Vec<_>>>().filter(|branches| !branches.is_empty() && query == Some(None))
}

fn branch(mut section: Section<'_, '_, '_>, dialect: Dialect, taken: &mut Vec<BranchName>) -> Option<SqlBranch> {
    let name = section.required("name", r#""loans""#, |value| {
        let name = BranchName::new(text(value)?).map_err(|problem| format!("{problem}; choose another name"))?;
        if taken.contains(&name) {
            return Err("is the name of another branch too; choose another name".into());
        }
        Ok(name)
    });
    taken.extend(name.clone());
    let query = section.required("query", "\"\"\"select …\"\"\"", |value| Query::new(&lines(value)?, dialect));
    let has_whole_orders = complete_per(&mut section);
    section.finish();
    Some(SqlBranch { name: Some(name?), query: query?, has_whole_orders: has_whole_orders? })
}

/// Whether what the query yields of an order is all that there is of it.
fn complete_per(section: &mut Section<'_, '_, '_>) -> Option<bool> {
    section.or("complete_per", false, |value| word(value, &[("order_ref", true)]))
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
