//! Commands that work on ledger and outbox alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::borrower::BorrowerSearchPlace;
use super::secret_input::Stdin;
use super::{
    CliError, Command, Exit, blame_schema, check, database, import, origin, rejects, replies, suppress, token, user,
    webhooks,
};
use crate::app::{self, Time};
use crate::clock::{Clock, SystemClock};
use crate::config::{Database, DatabaseUrl, StateDir, StoreConfig};
use crate::domain::{Merchant, MerchantId};
use crate::pipeline::retry_rejects;
use crate::store::{Store, StoreError};

/// Runs it.
pub(super) async fn run(command: Command, config: StoreConfig, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let left_behind = matches!(command, Command::Migrate).then(|| state_of_deleted(&config.database)).flatten();
    let store = app::open_store(&config.database, &Time::Real).await?.signed(origin::command());
    if let Some(folder) = left_behind {
        move_away(&folder, out)?;
    }
    let done = match command {
        Command::Database(args) => {
            database::run(args, &*store, config.database.persons_to_arm, SystemClock.now(), out).await
        }
        command => on_store(command, &*store, &config.merchants, out).await,
    };
    blame_schema(&*store, done).await
}

/// The state folder, at its usual place, of an SQLite file that somebody deleted.
fn state_of_deleted(database: &Database) -> Option<PathBuf> {
    let DatabaseUrl::Sqlite { file } = &database.url else { return None };
    let state = StateDir::usual(Some(database), Path::new(""));
    state.folder().filter(|folder| !file.exists() && folder.exists()).map(Path::to_owned)
}

/// A new database has nothing to do with the previous one, whose record would make daemons hold the sending.
fn move_away(folder: &Path, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let place = |number: u32| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        PathBuf::from(name)
    };
    let free = (1..).map(place).find(|place| !place.exists()).unwrap_or_else(|| place(0));
    std::fs::rename(folder, &free)?;
    writeln!(out, "the database is new; the record of what the previous one handed over is in {}", free.display())?;
    Ok(())
}

async fn on_store(
    command: Command,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut (dyn Write + Send),
) -> Result<Exit, CliError> {
    match command {
        Command::Migrate => {
            match store.migrate().await? {
                0 => writeln!(out, "the schema is up to date")?,
                applied => writeln!(out, "{applied} migrations applied; the schema is up to date")?,
            }
            writeln!(out, "personal data: {}", check::shown_encryption(&store.protection().await?))?;
            Ok(Exit::Done)
        }
        Command::Import(args) => {
            retry_before_import(&args, store, merchants).await?;
            Ok(import::run(&args, store, merchants, out).await?.into())
        }
        Command::Rejects(args) => rejects::run(args, store, merchants, out).await,
        Command::Replies(args) => replies::run(args, store, merchants, SystemClock.now(), out).await,
        Command::Suppress(args) => {
            suppress::run(args, BorrowerSearchPlace { store, links: None, merchants }, &SystemClock, out).await
        }
        Command::Token(args) => token::run(args, store, merchants, &SystemClock, out).await,
        Command::User(args) => user::run(args, store, merchants, &SystemClock, &mut Stdin, out).await,
        Command::Webhooks(args) => webhooks::run(args, store, merchants, &SystemClock, out).await,
        // No other command is handed here.
        _ => Ok(Exit::Done),
    }
}

/// Tries again what was rejected, before what is read now, which is newer.
pub(super) async fn retry_before_import(
    args: &import::ImportArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
) -> Result<(), StoreError> {
    if !args.dry_run {
        retry_rejects(store, merchants, &[]).await?;
    }
    Ok(())
}
