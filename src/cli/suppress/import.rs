//! `dueherald suppress import`: addresses from a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use super::super::{CliError, Exit};
use super::{known, signed};
use crate::domain::{ManualChange, Merchant, MerchantId, Suppression};
use crate::source::{Defaults, Encoding, LastLine, SourceError, SuppressionLines, TextInput, TextOptions};
use crate::store::{Store, StoreError};

/// How many suppressions one operation writes.
const BATCH: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A CSV with a column address, and merchant, reason, source, since and until as you like; - reads the standard
    /// input
    file: PathBuf,
    /// Merchant of lines that name none [default: every merchant]
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Source of lines that name none
    #[arg(long, default_value = "import")]
    source: String,
    /// Its encoding, such as gb18030 or utf-16 [default: UTF-8, or UTF-16 if it is that]
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    /// Refuse a file whose last line has no line end, as it may be cut off
    #[arg(long)]
    strict: bool,
    /// Reason they are added (recorded) [default: the name of the file]
    #[arg(long)]
    reason: Option<String>,
    /// Person who adds them (recorded) [default: the logged-in user]
    #[arg(long)]
    actor: Option<String>,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Show at most so many rejected lines
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_shown: usize,
}

/// The name of the user who is logged in, for a job that signs nothing.
fn login() -> String {
    let set = |name: &&str| std::env::var(name).ok().filter(|user| !user.trim().is_empty());
    ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(set).unwrap_or_else(|| "unknown".to_owned())
}

pub(super) async fn import(
    args: ImportArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    if let Some(name) = &args.merchant {
        known(merchants, name)?;
    }
    let change = if args.dry_run {
        None
    } else {
        let actor = args.actor.clone().unwrap_or_else(login);
        let name = args.file.file_name().unwrap_or_default().to_string_lossy();
        Some(signed(&actor, &args.reason.clone().unwrap_or_else(|| format!("import of {name}")), now)?)
    };
    let defaults = Defaults { merchant: args.merchant, source: args.source, since: now };
    let refused = |error: &dyn std::fmt::Display| CliError::Use(format!("{}: {error}", args.file.display()));
    let options = TextOptions { encoding: args.encoding, strict: args.strict };
    let input = TextInput::open(&args.file, options).map_err(|error| refused(&error))?;
    let mut lines = SuppressionLines::open(input, merchants, defaults).map_err(|error| refused(&error))?;
    let (mut taken, mut rejected, mut batch) = (0_u64, 0_usize, Vec::new());
    for line in &mut lines {
        let line = line.map_err(|error: SourceError| CliError::Failed(format!("{}: {error}", args.file.display())))?;
        match line.read {
            Ok(one) => {
                taken += 1;
                batch.push(one);
            }
            Err(problem) => {
                rejected += 1;
                if rejected <= args.max_shown {
                    writeln!(out, "line {}: {problem}", line.line)?;
                }
            }
        }
        if batch.len() >= BATCH {
            write(store, &mut batch, change.as_ref()).await?;
        }
    }
    write(store, &mut batch, change.as_ref()).await?;
    let dry = if args.dry_run { " (dry run: nothing was written)" } else { "" };
    writeln!(out, "{taken} taken, {rejected} rejected{dry}")?;
    let is_whole = lines.last_line() == LastLine::Ended;
    if !is_whole {
        writeln!(
            out,
            "warning: the last line has no line end, so its address may be cut off; it was taken, check the file"
        )?;
    }
    Ok(if rejected == 0 && is_whole { Exit::Done } else { Exit::Partly })
}

/// Writes a batch, unless nobody signs it: then it is a trial.
async fn write(
    store: &dyn Store,
    batch: &mut Vec<Suppression>,
    change: Option<&ManualChange>,
) -> Result<(), StoreError> {
    if let Some(change) = change.filter(|_| !batch.is_empty()) {
        store.suppress(batch, Some(change)).await?;
    }
    batch.clear();
    Ok(())
}
