//! `dueherald resend`: staff sends once more, with a reason, on record.

use std::io::Write;

use chrono::NaiveDate;
use clap::{ArgGroup, Args};

use super::borrower::{BorrowerNames, BorrowerSearchPlace};
use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{Channel, InstallmentId, MerchantId};
use crate::pipeline::{AuditNote, ResendError, ResendRequest, ResendTarget, resend};
use crate::plan::ResendRefusal;

/// Send a reminder once more, by hand.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["borrower", "phone", "order", "email", "link", "installment"])))]
pub(super) struct ResendArgs {
    #[command(flatten)]
    names: BorrowerNames,
    /// The instalment's number
    #[arg(long)]
    installment: Option<InstallmentId>,
    /// The due date (YYYY-MM-DD), where several are open
    #[arg(long)]
    due_date: Option<NaiveDate>,
    /// The channel: sms or email
    #[arg(long)]
    channel: Channel,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Person who asks (recorded)
    #[arg(long)]
    actor: String,
    /// Send in spite of [caps], or within ten minutes after an earlier resend; a supervisor decides that
    #[arg(long = "override", alias = "again")]
    overrides_limits: bool,
}

/// Runs it.
pub(super) async fn run(args: ResendArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let (whom, merchant) = match (args.installment, args.names.filter(&BorrowerSearchPlace::of(app)).await?) {
        (Some(installment), (_, merchant)) => (ResendTarget::Installment(installment), merchant),
        (None, (Some(borrower), merchant)) => (ResendTarget::Borrower(borrower), merchant),
        (None, (None, _)) => return Err(CliError::Use("name a borrower or an --installment".into())),
    };
    let request = ResendRequest {
        whom,
        merchant,
        due_date: args.due_date,
        channel: args.channel,
        audit_note: AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?,
        overrides_limits: args.overrides_limits,
        seen: None,
        text_version: app.composer.renderer.fingerprint().to_owned(),
    };
    let gates = app.gates().await?;
    let channel = request.channel;
    let gate = |merchant: &MerchantId| gates.of(channel, merchant);
    let resent = resend(&*app.store, &app.policy, &gate, request, app.clock.now()).await;
    let id = resent.map_err(|error| match error {
        ResendError::Store(error) => CliError::Store(error),
        wrong @ (ResendError::SeveralMerchants(_) | ResendError::SeveralDueDates(_) | ResendError::NoGateway(..)) => {
            CliError::Use(wrong.to_string())
        }
        ResendError::Refused(refusals) if refusals.iter().all(ResendRefusal::may_be_overridden) => {
            let refused = ResendError::Refused(refusals);
            CliError::Failed(format!("{refused}; a supervisor may send all the same with --override"))
        }
        other => CliError::Failed(other.to_string()),
    })?;
    writeln!(
        out,
        "reminder {id} is due now: a running daemon sends it at once, else run `dueherald dispatch --drain`"
    )?;
    Ok(Exit::Done)
}
