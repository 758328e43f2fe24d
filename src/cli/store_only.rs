//! Commands that work on ledger and outbox alone.

use std::collections::BTreeMap;
use std::io::Write;

use super::{CliError, Command, Exit, blame_schema, database, import, rejects, replies, suppress};
use crate::app::{self, Time};
use crate::clock::{Clock, SystemClock};
use crate::config::StoreConfig;
use crate::domain::{Merchant, MerchantId};
use crate::pipeline::retry_rejects;
use crate::store::{Store, StoreError};

/// Runs it.
pub(super) async fn run(command: Command, config: StoreConfig, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let store = app::open_store(&config.database, &Time::Real).await?;
    let done = match command {
        Command::Database(args) => {
            database::run(args, &*store, config.database.persons_to_arm, SystemClock.now(), out).await
        }
        command => on_store(command, &*store, &config.merchants, out).await,
    };
    blame_schema(&*store, done).await
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
            Ok(Exit::Done)
        }
        Command::Import(args) => {
            retry_before_import(&args, store, merchants).await?;
            Ok(import::run(&args, store, merchants, out).await?.into())
        }
        Command::Rejects(args) => rejects::run(args, store, merchants, out).await,
        Command::Replies(args) => replies::run(args, store, SystemClock.now(), out).await,
        Command::Suppress(args) => suppress::run(args, store, merchants, &SystemClock, out).await,
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
