//! `dueherald resend`: staff sends once more, with a reason, on record.

use std::io::Write;

use chrono::NaiveDate;
use clap::{ArgGroup, Args};

use super::borrower::{BorrowerNames, BorrowerSearchPlace};
use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{Borrower, Channel, InstallmentId, MerchantId, ReminderId};
use crate::pipeline::{
    AuditNote, MessageParts, ResendError, ResendOutlook, ResendRequest, ResendTarget, masked_address, resend,
    resend_outlook, shown_message,
};
use crate::plan::{Decision, ResendDigest, ResendRefusal, SendPlan};

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
    /// Show the message as it would leave and what is against it, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Send only if nothing has changed since --dry-run, which prints this
    #[arg(long, value_name = "DIGEST", conflicts_with = "dry_run")]
    seen: Option<ResendDigest>,
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
        seen: args.seen,
        text_version: app.composer.renderer.fingerprint().to_owned(),
    };
    let gates = app.gates().await?;
    let channel = request.channel;
    let gate = |merchant: &MerchantId| gates.of(channel, merchant);
    if args.dry_run {
        let outlook = resend_outlook(&*app.store, &app.policy, &gate, &request, app.clock.now()).await;
        return preview(&outlook.map_err(told)?, args.overrides_limits, app, out).await;
    }
    let resent = resend(&*app.store, &app.policy, &gate, request, app.clock.now()).await;
    let id = resent.map_err(told)?;
    writeln!(
        out,
        "reminder {id} is due now: a running daemon sends it at once, else run `dueherald dispatch --drain`"
    )?;
    Ok(Exit::Done)
}

fn told(error: ResendError) -> CliError {
    match error {
        ResendError::Store(error) => CliError::Store(error),
        wrong @ (ResendError::SeveralMerchants(_) | ResendError::SeveralDueDates(_) | ResendError::NoGateway(..)) => {
            CliError::Use(wrong.to_string())
        }
        ResendError::Refused(refusals) if refusals.iter().all(ResendRefusal::may_be_overridden) => {
            let refused = ResendError::Refused(refusals);
            CliError::Failed(format!("{refused}; a supervisor may send all the same with --override"))
        }
        other => CliError::Failed(other.to_string()),
    }
}

/// Prints the message as it would leave now, and what is against it.
async fn preview(outlook: &ResendOutlook, overrides: bool, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let key = &outlook.reminder.key;
    writeln!(out, "about       what is due on {}, by {}", key.due_date, key.channel)?;
    if let Decision::Send(plan) = &outlook.decision {
        writeln!(out, "to          {}", masked_address(&plan.to))?;
        if let Some(message) = message(outlook, plan, app).await? {
            message.subject.iter().try_for_each(|subject| writeln!(out, "subject     {subject}"))?;
            writeln!(out, "text\n{}\n", message.text.trim_end())?;
        }
    }
    let against = outlook.refusals.iter().filter(|one| !(overrides && one.may_be_overridden()));
    let against: Vec<_> = against.map(ToString::to_string).collect();
    if !against.is_empty() {
        writeln!(out, "it would not be sent: {}", against.join("; "))?;
        return Ok(Exit::Unwell);
    }
    let seen = outlook.digest.as_ref().map(|digest| format!(" with --seen {digest}")).unwrap_or_default();
    writeln!(out, "nothing was sent; the same command without --dry-run sends it,{seen} only if nothing has changed")?;
    Ok(Exit::Done)
}

/// The message, without the tokens of its links.
async fn message(outlook: &ResendOutlook, plan: &SendPlan, app: &App) -> Result<Option<MessageParts>, CliError> {
    let key = &outlook.reminder.key;
    let known = app.policy.merchants.get(&key.borrower.merchant);
    let name = app.policy.gateways.first(key.channel, &key.borrower.merchant);
    let (Some(merchant), Some(gateway)) = (known, name.and_then(|name| app.gateways.get(name))) else {
        return Ok(None);
    };
    let account = app.store.account(&key.borrower, key.due_date, key.channel).await?;
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.borrower.clone()));
    let (composer, none) = (&app.composer, ReminderId(0));
    let composed = composer.compose(none, merchant, &borrower, plan, gateway.link_mode(), gateway.registered());
    let composed = composed.map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(Some(shown_message(&composed.message, &composer.links, none)))
}
