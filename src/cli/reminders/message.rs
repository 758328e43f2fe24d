//! `dueherald reminders show ID --message`: the messages of a reminder, exactly as they were composed.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::{ReminderRow, ShowArgs, find};
use crate::app::App;
use crate::cli::table::Format;
use crate::cli::{CliError, Exit};
use crate::domain::{Event, EventKind, MessageFault};
use crate::pipeline::{MessageContent, MessageParts, MessageView, shown_messages, whole_messages};
use crate::store::SentMessage;

/// Shows it. Every message comes with its hash, or with why it cannot be shown.
pub(super) async fn run(args: &ShowArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let (store, links) = (&*app.store, &*app.composer.links);
    let view = find(args.id, store).await?;
    let mut sent = store.messages(args.id).await?;
    let events = store.events(args.id).await?;
    if let Some(attempt) = args.attempt {
        sent.retain(|one| one.attempt == attempt);
        if sent.is_empty() {
            let refused = refusals(&events).into_iter().find(|refusal| refusal.attempt == attempt);
            let text = match refused {
                Some(refusal) => format!("{}; {NOT_KEPT}", in_words(refusal)),
                None => format!("attempt {attempt} of reminder {} handed nothing over", args.id),
            };
            return Err(CliError::Failed(text));
        }
    }
    let rows = if args.with_link { whole_messages(&sent) } else { shown_messages(&sent, links, args.id) };
    let row = ReminderRow::of(&view, &store.stops().await?);
    match args.format.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "reminder": row, "messages": rows }))?;
            writeln!(out)?;
        }
        Format::Table => {
            row.show_head(out)?;
            if rows.is_empty() {
                show_why_none(&refusals(&events), out)?;
            }
            let times = args.format.times(&app.policy.merchants);
            let local = |at| times.at(Some(&row.merchant), at);
            rows.iter().try_for_each(|row| show(row, &local, out))?;
        }
    }
    let is_broken = |one: &SentMessage| one.message.as_ref().is_err_and(|fault| *fault != MessageFault::NotKept);
    Ok(if sent.iter().any(is_broken) { Exit::Unwell } else { Exit::Done })
}

const NOT_KEPT: &str = "a message that no gateway took over is not kept";

/// The attempts that no gateway took over, oldest first.
fn refusals(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| matches!(event.kind, EventKind::Retry | EventKind::Failed)).collect()
}

/// Says why there is no message.
fn show_why_none(refusals: &[&Event], out: &mut dyn Write) -> io::Result<()> {
    if refusals.is_empty() {
        return writeln!(out, "\nNothing was handed over: no attempt was accepted, and none is unknown.");
    }
    writeln!(out)?;
    for refusal in refusals {
        writeln!(out, "{}", in_words(refusal))?;
    }
    writeln!(out, "{NOT_KEPT}")
}

/// Describes an attempt that no gateway took over.
fn in_words(refusal: &Event) -> String {
    let gateway = refusal.gateway.as_ref().map_or_else(|| "its gateway".to_owned(), ToString::to_string);
    let why = refusal.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let did = if refusal.kind == EventKind::Failed { "refused" } else { "did not take over" };
    format!("{gateway} {did} attempt {}{why}", refusal.attempt)
}

fn show(view: &MessageView, local: &dyn Fn(DateTime<Utc>) -> String, out: &mut dyn Write) -> io::Result<()> {
    let through = view.gateway.as_ref().map(|gateway| format!(" through {gateway}")).unwrap_or_default();
    writeln!(out, "\nattempt     {}, {} at {}{through}", view.attempt, view.event, local(view.at))?;
    match &view.content {
        MessageContent::Shown { hash, parts, .. } => {
            writeln!(out, "hash        {hash}: the hash agrees")?;
            show_parts(parts, out)
        }
        MessageContent::Missing { problem } => writeln!(out, "message     cannot be shown: {problem}"),
    }
}

fn show_parts(parts: &MessageParts, out: &mut dyn Write) -> io::Result<()> {
    if let (Some(code), Some(signature)) = (&parts.template_code, &parts.signature) {
        writeln!(out, "template    {code} of the provider, signature {signature}")?;
        for (name, value) in &parts.parameters {
            writeln!(out, "parameter   {name} = {value}")?;
        }
    }
    if let Some(subject) = &parts.subject {
        writeln!(out, "subject     {subject}")?;
    }
    if let Some(link) = &parts.unsubscribe {
        writeln!(out, "unsubscribe {link}")?;
    }
    writeln!(out, "text\n{}", parts.text.trim_end_matches('\n'))?;
    match &parts.html {
        Some(html) => writeln!(out, "html\n{}", html.trim_end_matches('\n')),
        None => Ok(()),
    }
}
