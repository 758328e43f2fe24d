//! `dueherald notice`: a one-off message to selected borrowers, such as a correction after the way to repay moved.

mod order;
mod show;

use std::io::Write;

use clap::{Args, Subcommand};

use super::table::ListFormat;
use super::{CliError, Exit};
use crate::app::App;
use crate::domain::NoticeName;
use crate::pipeline::{AuditNote, NoticeError, NoticeView, approve, cancel, look, pause, resume};

/// Send a one-off message to selected borrowers.
#[derive(Debug, Args)]
pub(super) struct NoticeArgs {
    #[command(subcommand)]
    command: NoticeCommand,
}

#[derive(Debug, Subcommand)]
enum NoticeCommand {
    /// Make a notice: with --dry-run only tell whom it would reach and what it would say
    Create(order::CreateArgs),
    /// List notices, the newest first
    List {
        #[command(flatten)]
        format: ListFormat,
    },
    /// Show one notice: how far it has come, and who did what with it
    Show {
        /// Its name
        name: NoticeName,
        #[command(flatten)]
        format: ListFormat,
    },
    /// Let a notice go out that another person made
    Approve(NoticeAction),
    /// Send nothing more of a notice, from the next claim on, until it is resumed
    Pause(NoticeAction),
    /// Go on with a notice that was paused or broke off
    Resume(NoticeAction),
    /// End a notice; what has not left is skipped
    Cancel(NoticeAction),
}

#[derive(Debug, Args)]
struct NoticeAction {
    /// The notice
    name: NoticeName,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
}

/// Runs it.
pub(super) async fn run(args: NoticeArgs, app: &App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let (store, now) = (&*app.store, app.clock.now());
    let done = match args.command {
        NoticeCommand::Create(args) => return order::create(args, app, out).await,
        NoticeCommand::List { format } => {
            let mut views = Vec::new();
            for notice in store.notices(None).await? {
                views.push(look(store, &notice.name).await.map_err(told)?);
            }
            show::list(&views, format, &format.times(&app.policy.merchants), out)?;
            return Ok(Exit::Done);
        }
        NoticeCommand::Show { name, format } => {
            let times = format.times(&app.policy.merchants);
            show::one(&look(store, &name).await.map_err(told)?, format, &times, out)?;
            return Ok(Exit::Done);
        }
        NoticeCommand::Approve(act) => approve(store, &act.name, &act.audit_note()?, now).await,
        NoticeCommand::Pause(act) => pause(store, &act.name, &act.audit_note()?, now).await,
        NoticeCommand::Resume(act) => resume(store, &act.name, &act.audit_note()?, now).await,
        NoticeCommand::Cancel(act) => cancel(store, &act.name, &act.audit_note()?, now).await,
    };
    tell(&done.map_err(told)?, out)?;
    Ok(Exit::Done)
}

impl NoticeAction {
    fn audit_note(&self) -> Result<AuditNote, CliError> {
        AuditNote::new(&self.actor, &self.reason).map_err(|error| CliError::Use(error.to_string()))
    }
}

fn told(error: NoticeError) -> CliError {
    match error {
        NoticeError::Store(error) => CliError::Store(error),
        NoticeError::NameTaken(..) | NoticeError::SamePerson(_) => CliError::Use(error.to_string()),
        error => CliError::Failed(error.to_string()),
    }
}

/// Says where a notice stands and what is to be done.
fn tell(view: &NoticeView, out: &mut dyn Write) -> Result<(), CliError> {
    let (name, recipients) = (&view.notice.name, view.recipients());
    let text = match view.status() {
        "awaiting_approval" => {
            format!("waits for another person: `dueherald notice approve {name} --actor WHO --reason WHY`")
        }
        "done" => "nothing is left to do".to_owned(),
        "sending" => {
            format!("{} to do: a running daemon sends them, else run `dueherald dispatch --drain`", view.to_do())
        }
        "paused" => format!("nothing more of it leaves; {} wait", view.to_do()),
        "cancelled" => format!("nothing more of it leaves; {} are skipped", view.to_do()),
        _ => "its recipients are being gathered".to_owned(),
    };
    Ok(writeln!(out, "notice {name} ({}): {recipients} recipients; {text}", view.status())?)
}
