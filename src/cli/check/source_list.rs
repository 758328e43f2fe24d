//! The sources as `dueherald check` lists them, and how fresh they are.

use std::io::{self, Write};

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use super::without_secrets;
use crate::clock::Clock;
use crate::config::{Config, DatabaseSource, FolderSource, Source, SourceKind};
use crate::domain::duration;
use crate::pipeline::Freshness;
use crate::source::sql::Dialect;
use crate::store::Store;

/// Lists the sources of a config.
pub(super) fn show(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    if config.sources.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nSources")?;
    for source in &config.sources {
        writeln!(out, "  {}: {}", source.name, about_source(source))?;
    }
    Ok(())
}

fn about_source(source: &Source) -> String {
    let words = |span: &TimeDelta| duration::format(span.to_std().unwrap_or_default());
    let limit = match &source.max_ledger_age {
        Some(age) => format!("nothing is sent when it was not pulled for {}", words(age)),
        None => "reminders go out however old it is".to_owned(),
    };
    match &source.kind {
        SourceKind::Sql(database) => {
            let DatabaseSource { settings, schedule, overlap, full_read, .. } = &**database;
            let all = full_read.as_ref().map(|all| format!(", all of it {} in {}", all.expression(), all.zone()));
            let place = match settings.dialect {
                Dialect::Postgres => format!("PostgreSQL {}", without_secrets(settings.url.expose_secret())),
                Dialect::MySql => format!("MySQL {}", without_secrets(settings.url.expose_secret())),
                Dialect::Sqlite => format!("SQLite in {}", settings.url.expose_secret().trim_start_matches("sqlite:")),
            };
            format!(
                "{place}, {} in {}, pages of {}, read again from {} before{}; {limit}",
                schedule.expression(),
                schedule.zone(),
                settings.page,
                words(overlap),
                all.unwrap_or_default(),
            )
        }
        SourceKind::Folder(folder) => {
            let FolderSource { folder, schedule, .. } = &**folder;
            let place = folder.path.display();
            format!("files in {place}, {} in {}; {limit}", schedule.expression(), schedule.zone())
        }
        SourceKind::Hook(hook) => {
            let pulls = hook.then_pull.as_ref().map(|name| format!(", then source {name} is pulled"));
            format!("webhooks at /api/v1/hooks/{}{}", source.name, pulls.unwrap_or_default())
        }
    }
}

/// Whether what a source brought is young enough to remind from, as far as the store knows.
pub(super) async fn fresh(source: &Source, store: Option<&dyn Store>, clock: &dyn Clock) -> Result<(), String> {
    let Some(store) = store else { return Ok(()) };
    let states = store.sources().await.map_err(|error| error.to_string())?;
    let feeds = source.merchant.clone().map(|merchant| (source.name.clone(), merchant));
    let with_data_age = source.asks_data_age().then(|| source.name.clone());
    let freshness = Freshness::new([(source.name.clone(), source.max_ledger_age)]).feeding(feeds);
    let freshness = freshness.with_data_age(with_data_age);
    match freshness.stale(&states, clock.now()).first() {
        None => Ok(()),
        Some(stale) => Err(format!("nothing is sent{}: {stale}", stale.whose())),
    }
}
