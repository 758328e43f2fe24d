//! `dueherald receipts mail`: takes in one bounce or complaint, as a mail server pipes it.

use std::io::{self, Read, Write};

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::app::App;
use crate::config::GatewayConfig;
use crate::domain::{GatewayName, Report, ReportedState};
use crate::gateway::mail::returned::{LOOKED_AT, read};
use crate::pipeline::Trust;
use crate::store::ReportCounts;

/// Take in what became of messages.
#[derive(Debug, Args)]
pub(super) struct ReceiptsArgs {
    #[command(subcommand)]
    command: ReceiptsCommand,
}

#[derive(Debug, Subcommand)]
enum ReceiptsCommand {
    /// Read one e-mail from standard input: a bounce or a complaint counts, anything else is left alone
    ///
    /// For a mail server that pipes the mailbox of bounces here. Ends with 0 whatever the e-mail says, so that nothing
    /// is bounced in turn; let the server try again when it ends otherwise, as with `dueherald receipts mail || exit
    /// 75`.
    Mail {
        /// The gateway that sent it; the first mail gateway unless said otherwise
        #[arg(long)]
        gateway: Option<GatewayName>,
    },
}

/// Runs it.
pub(super) async fn run(
    args: ReceiptsArgs,
    app: &App,
    input: &mut (dyn Read + Send),
    out: &mut (dyn Write + Send),
) -> Result<Exit, CliError> {
    let ReceiptsCommand::Mail { gateway } = args.command;
    let gateway = mail_gateway(app, gateway)?;
    let mut raw = Vec::new();
    input.take(LOOKED_AT as u64).read_to_end(&mut raw)?;
    // Reads the rest, so that a mail server that pipes a longer message does not find the pipe closed.
    io::copy(input, &mut io::sink())?;
    let report = match read(&raw) {
        Ok(report) => report,
        Err(no_report) => {
            writeln!(out, "nothing taken in: {no_report}")?;
            return Ok(Exit::Done);
        }
    };
    let event = match &report {
        Report::Fate { fate: ReportedState::Delivered, .. } => "the message arrived",
        Report::Fate { fate: ReportedState::Undelivered { for_good: true, .. }, .. } => {
            "the message did not arrive, and nothing will at that address"
        }
        Report::Fate { fate: ReportedState::Undelivered { for_good: false, .. }, .. } => "the message did not arrive",
        Report::Fate { fate: ReportedState::Complained, .. } => "the recipient complained",
        Report::Reply(_) => "somebody answered",
    };
    let calls_for_suppression = matches!(&report, Report::Fate { fate, .. } if fate.suppresses().is_some());
    let taken = app.intake().take_in(&gateway, vec![report], Trust::Counts).await?;
    let consequence = match taken {
        _ if !calls_for_suppression => "",
        ReportCounts { suppressed: 1.., .. } => "; the address is suppressed",
        ReportCounts { counted: 0, .. } => "",
        _ => "; nothing is suppressed: it is not the borrower's address as it is now",
    };
    match taken {
        ReportCounts { kept: 1.., .. } => writeln!(out, "kept until its message is known: {event}")?,
        ReportCounts { counted: 0, suppressed: 0, .. } => {
            writeln!(
                out,
                "nothing changed ({event}{consequence}): it is known already, or the message is none of ours"
            )?;
        }
        ReportCounts { counted: 0, .. } => writeln!(out, "known already: {event}{consequence}")?,
        _ => writeln!(out, "taken in: {event}{consequence}")?,
    }
    Ok(Exit::Done)
}

fn mail_gateway(app: &App, named: Option<GatewayName>) -> Result<GatewayName, CliError> {
    let is_mail = |name: &GatewayName| matches!(app.config.gateways.get(name), Some(GatewayConfig::Smtp(_)));
    let known: Vec<_> = app.config.gateways.keys().filter(|name| is_mail(name)).cloned().collect();
    match named {
        Some(name) if known.contains(&name) => Ok(name),
        Some(name) => Err(CliError::Use(format!("{name} is no gateway of kind smtp"))),
        None => known.into_iter().next().ok_or_else(|| CliError::Use("the config has no gateway of kind smtp".into())),
    }
}
