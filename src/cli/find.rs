//! `dueherald find`: the borrowers that a text names, whatever staff have of them.

use std::io::Write;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit, merchant};
use crate::app::App;
use crate::domain::{MerchantId, ReminderId};
use crate::pipeline::{FindRequest, FoundBorrower, MatchKind, find};

/// Find borrowers by anything that they may say.
#[derive(Debug, Args)]
pub(super) struct FindArgs {
    /// A phone number or its last four digits, an e-mail address, a name, the number of a borrower, order, instalment
    /// or reminder, a link from a message, or a check code
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    text: String,
    /// Only borrowers of this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    format: ListFormat,
}

/// One borrower as listed.
#[derive(Debug, Serialize)]
struct FoundRow {
    merchant: String,
    borrower: String,
    name: Option<String>,
    matched: MatchKind,
    reminder: Option<ReminderId>,
}

impl FoundRow {
    fn of(found: &FoundBorrower) -> Self {
        Self {
            merchant: found.key.merchant.to_string(),
            borrower: found.key.id.to_string(),
            name: found.name.as_ref().map(|name| name.as_str().to_owned()),
            matched: found.kind,
            reminder: found.reminder,
        }
    }
}

impl Row for FoundRow {
    const TITLES: &'static [&'static str] = &["MERCHANT", "BORROWER", "NAME", "FOUND BY", "REMINDER"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        vec![
            self.merchant.clone(),
            self.borrower.clone(),
            self.name.clone().unwrap_or_default(),
            self.matched.as_str().to_owned(),
            self.reminder.map(|id| id.to_string()).unwrap_or_default(),
        ]
    }
}

/// Runs it.
pub(super) async fn run(args: FindArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let merchants = &app.policy.merchants;
    merchant::check_all(merchants, args.merchant.as_slice())?;
    let merchant = args.merchant.as_ref();
    let request = FindRequest { text: &args.text, merchants, merchant, only: &[], limit: args.limit };
    let found = find(&*app.store, Some(&app.composer.links), &request).await?;
    let rows: Vec<_> = found.found.iter().map(FoundRow::of).collect();
    if rows.is_empty() && !args.format.is_json() {
        writeln!(
            out,
            "nobody matches; a name is found as a whole, a phone number as a whole or by its last four digits"
        )?;
        return Ok(Exit::Done);
    }
    table::print(out, args.format, &args.format.times(merchants), &rows)?;
    if found.is_cut && !args.format.is_json() {
        writeln!(out, "more than {} match; use a whole phone number or name, or --limit", args.limit)?;
    }
    Ok(Exit::Done)
}
