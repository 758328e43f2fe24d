//! `dueherald resend`: staff sends once more, with a reason, on record.

use std::io::Write;

use chrono::NaiveDate;
use clap::{ArgGroup, Args};

use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{BorrowerId, Channel, InstallmentId, MerchantId};
use crate::pipeline::{AuditNote, ResendError, ResendRequest, ResendTarget, resend};
use crate::plan::ResendRefusal;

/// Send a reminder once more, by hand.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["borrower", "installment"])))]
pub(super) struct ResendArgs {
    /// The borrower's number
    #[arg(long)]
    borrower: Option<BorrowerId>,
    /// The instalment's number
    #[arg(long)]
    installment: Option<InstallmentId>,
    /// The merchant, where the number is not unique
    #[arg(long)]
    merchant: Option<MerchantId>,
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
    let whom = match (args.borrower, args.installment) {
        (Some(borrower), _) => ResendTarget::Borrower(borrower),
        (None, Some(installment)) => ResendTarget::Installment(installment),
        (None, None) => return Err(CliError::Use("name --borrower or --installment".into())),
    };
    let request = ResendRequest {
        whom,
        merchant: args.merchant,
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
