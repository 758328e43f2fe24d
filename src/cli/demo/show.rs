//! The output of the demo: the content of a page, or tables.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;

use super::super::table::table as plain_table;
use super::super::{CliError, app::App};
use crate::domain::{Address, Borrower, Message, RegisteredSms, Reminder, ReminderId, SkipReason, SmsText, State};
use crate::gateway::capture::CapturedMessage;
use crate::http::LinkStatus;
use crate::http::demo::{DemoMessage, DemoSkipped, DemoView, skip_words};
use crate::http::public::Public;
use crate::pipeline::Summary;
use crate::render::{Purpose, segments};
use crate::store::ReminderFilter;

/// How many reminders the demo looks at.
const LOOK_AT: u32 = 100_000;

/// Reports the result of the import, with the rejected records.
pub(super) fn imported(summary: &Summary, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{} instalments taken in", summary.new + summary.changed + summary.same)?;
    if summary.rejected > 0 {
        writeln!(out, "{} rejected:", summary.rejected)?;
        for rejected in &summary.shown {
            writeln!(out, "  line {}: {}", rejected.line, rejected.reason())?;
        }
    }
    Ok(())
}

/// Everything that was sent and skipped. Addresses are shown only if they are `invented`.
pub(super) async fn view(app: &App, invented: bool) -> Result<DemoView, CliError> {
    let filter = ReminderFilter { limit: LOOK_AT, ..ReminderFilter::default() };
    let reminders: BTreeMap<_, _> =
        app.store.reminders(&filter).await?.into_iter().map(|view| (view.reminder.id, view)).collect();
    let mut messages = Vec::new();
    let mut captured: Vec<_> = app.captures.iter().flat_map(|capture| capture.messages()).collect();
    captured.sort_by_key(|message| message.at);
    for message in captured {
        let id = app.composer.links.open(Purpose::Reference, &message.reference);
        if let Some(view) = id.and_then(|id| reminders.get(&id)) {
            messages.push(sent(app, &view.reminder, message, invented).await?);
        }
    }
    let mut skipped = Vec::new();
    for view in reminders.values().filter(|view| view.state == State::Skipped) {
        let detail = view.last.as_ref().and_then(|event| event.detail.as_deref()).unwrap_or_default();
        let Ok(reason) = detail.parse::<SkipReason>() else { continue };
        let (borrower, _) = who(app, &view.reminder).await?;
        let key = &view.reminder.plan.key;
        skipped.push(DemoSkipped {
            borrower: name(&borrower),
            merchant: merchant_name(app, &view.reminder),
            channel: key.channel,
            reason,
            due_date: key.due_date,
        });
    }
    Ok(DemoView { title: "dueherald".into(), messages, skipped })
}

async fn sent(
    app: &App,
    reminder: &Reminder,
    captured: CapturedMessage,
    invented: bool,
) -> Result<DemoMessage, CliError> {
    let (borrower, zone) = who(app, reminder).await?;
    let merchant = app.policy.merchants.get(&reminder.plan.key.borrower.merchant);
    let locale = borrower.locale.clone().or_else(|| merchant.map(|merchant| merchant.locale.clone()));
    let link = merchant.map(|merchant| merchant.landing_link(&landing_token(app, reminder.id)));
    let (text, segments) = match &captured.message {
        Message::Sms(SmsText(text)) | Message::Registered(RegisteredSms { text, .. }) => {
            (text.clone(), u32::try_from(segments(text).parts).ok())
        }
        Message::Email(mail) => (mail.text.clone(), None),
    };
    Ok(DemoMessage {
        borrower: name(&borrower),
        merchant: merchant_name(app, reminder),
        from: match &captured.message {
            Message::Email(_) => merchant_name(app, reminder),
            Message::Sms(_) | Message::Registered(_) => {
                merchant.map(|merchant| merchant.signature.clone()).unwrap_or_default()
            }
        },
        to: address(&captured.to, invented),
        locale: locale.ok_or_else(|| CliError::Failed("a message of an unknown merchant".into()))?,
        link: link.filter(|link| text.contains(link.as_str())),
        at: local(captured.at, zone),
        message: captured.message,
        segments,
    })
}

fn landing_token(app: &App, id: ReminderId) -> String {
    app.composer.links.seal(Purpose::Landing, id)
}

async fn who(app: &App, reminder: &Reminder) -> Result<(Borrower, Tz), CliError> {
    let key = &reminder.plan.key;
    let account = app.store.account(&key.borrower, key.due_date, key.channel).await?;
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.borrower.clone()));
    let merchant = app.policy.merchants.get(&key.borrower.merchant);
    let zone = borrower.time_zone.or(merchant.map(|merchant| merchant.time_zone)).unwrap_or(Tz::UTC);
    Ok((borrower, zone))
}

fn name(borrower: &Borrower) -> String {
    borrower.name.as_ref().map_or_else(|| borrower.key.id.to_string(), |name| name.as_str().to_owned())
}

fn merchant_name(app: &App, reminder: &Reminder) -> String {
    let id = &reminder.plan.key.borrower.merchant;
    app.policy.merchants.get(id).map_or_else(|| id.to_string(), |merchant| merchant.name.clone())
}

fn address(to: &Address, invented: bool) -> String {
    match to {
        _ if invented => to.reveal().to_owned(),
        Address::Phone(phone) => format!("…{}", phone.tail()),
        Address::Email(_) => "…@…".to_owned(),
    }
}

fn local(at: DateTime<Utc>, zone: Tz) -> DateTime<FixedOffset> {
    at.with_timezone(&zone).fixed_offset()
}

/// Prints tables of what was captured, what was skipped, and whose links work.
pub(super) async fn table(view: &DemoView, public: &Public, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "\n{} messages captured\n", view.messages.len())?;
    let mut sent = plain_table(&["LOCAL TIME", "BORROWER", "CHANNEL", "LINK LEADS TO", "MESSAGE"]);
    for message in &view.messages {
        let (channel, text) = match &message.message {
            Message::Sms(SmsText(text)) | Message::Registered(RegisteredSms { text, .. }) => {
                (format!("sms, {} parts", message.segments.unwrap_or(1)), text.clone())
            }
            Message::Email(mail) => ("email".to_owned(), mail.subject.clone()),
        };
        let leads_to = leads_to(message, public).await;
        let at = message.at.format("%m-%d %H:%M").to_string();
        sent.add_row([at, message.borrower.clone(), channel, leads_to, shortened(&text)]);
    }
    writeln!(out, "{sent}\n\n{} not sent\n", view.skipped.len())?;
    let mut skipped = plain_table(&["DUE", "BORROWER", "CHANNEL", "WHY"]);
    for one in &view.skipped {
        let why = skip_words(one.reason);
        let (due, channel) = (one.due_date.to_string(), one.channel.to_string());
        skipped.add_row([due, one.borrower.clone(), channel, format!("{} / {}", why.en, why.zh)]);
    }
    writeln!(out, "{skipped}\n\nSee them as borrowers do: leave out --once")?;
    Ok(())
}

async fn leads_to(message: &DemoMessage, public: &Public) -> String {
    let Some((_, token)) = message.link.as_deref().and_then(|link| link.rsplit_once("/r/")) else {
        return "no link".to_owned();
    };
    match public.standing(token).await {
        Ok(Some(LinkStatus::Open)) => "ways to repay",
        Ok(Some(LinkStatus::Expired)) => "link expired",
        Ok(Some(LinkStatus::Paid)) => "paid, thanks",
        Ok(Some(_)) => "nothing due",
        Ok(None) => "nowhere!",
        Err(_) => "no answer",
    }
    .to_owned()
}

/// The first 60 characters, on one line.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
