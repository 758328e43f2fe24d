//! `dueherald reminders show ID --message`: the messages of a reminder, exactly as they were composed.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{ReminderRow, ShowArgs, find, moment};
use crate::cli::table::Format;
use crate::cli::{CliError, Exit};
use crate::domain::{ContentHash, EmailParts, Message, MessageFault, RegisteredSms, ReminderId, SmsText};
use crate::render::{LinkKeys, Purpose};
use crate::store::{SentMessage, Store};

/// Replaces the token of a link.
const TOKEN: &str = "[token]";

/// How many letters a token has: one of today, and one of an earlier version.
const TOKEN_LENGTHS: [usize; 2] = [16, 34];

/// Shows it. Every message comes with its hash, or with why it cannot be shown.
pub(super) async fn run(
    args: &ShowArgs,
    store: &dyn Store,
    links: &LinkKeys,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let view = find(args.id, store).await?;
    let mut sent = store.messages(args.id).await?;
    if let Some(attempt) = args.attempt {
        sent.retain(|one| one.attempt == attempt);
        if sent.is_empty() {
            let text = format!("attempt {attempt} of reminder {} handed nothing over", args.id);
            return Err(CliError::Failed(text));
        }
    }
    let known = tokens(links, args.id);
    let shown = |text: &str| if args.with_link { text.to_owned() } else { masked(text, &known) };
    let rows: Vec<_> = sent.iter().map(|one| MessageRow::of(one, &shown)).collect();
    let row = ReminderRow::of(&view);
    match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "reminder": row, "messages": rows }))?;
            writeln!(out)?;
        }
        Format::Table => {
            row.show_head(out)?;
            if rows.is_empty() {
                writeln!(out, "\nNothing was handed over: no attempt was accepted, and none is unknown.")?;
            }
            rows.iter().try_for_each(|row| row.show(out))?;
        }
    }
    let is_broken = |one: &SentMessage| one.message.as_ref().is_err_and(|fault| *fault != MessageFault::NotKept);
    Ok(if sent.iter().any(is_broken) { Exit::Unwell } else { Exit::Done })
}

/// Every token that opens something of the reminder. What was made with a link key that is gone opens nothing.
fn tokens(links: &LinkKeys, id: ReminderId) -> Vec<String> {
    let purposes = [Purpose::Landing, Purpose::Unsubscribe];
    purposes.into_iter().flat_map(|purpose| links.seal_with_each(purpose, id).flatten()).collect()
}

/// The message of one attempt.
#[derive(Debug, Serialize)]
struct MessageRow {
    attempt: u32,
    at: DateTime<Utc>,
    event: &'static str,
    gateway: Option<String>,
    #[serde(flatten)]
    content: MessageContent,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum MessageContent {
    Shown {
        /// Of what was composed, its tokens included.
        hash: String,
        hash_agrees: bool,
        #[serde(flatten)]
        parts: MessageParts,
    },
    Missing {
        problem: String,
    },
}

/// The parts of a message, each exactly as it was composed but for tokens.
#[derive(Debug, Default, Serialize)]
struct MessageParts {
    #[serde(skip_serializing_if = "Option::is_none")]
    template_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribe: Option<String>,
}

impl MessageRow {
    fn of(sent: &SentMessage, shown: &dyn Fn(&str) -> String) -> Self {
        let content = match &sent.message {
            Ok(message) => MessageContent::Shown {
                hash: ContentHash::of_message(message).to_string(),
                hash_agrees: true,
                parts: MessageParts::of(message, shown),
            },
            Err(fault) => MessageContent::Missing { problem: fault.to_string() },
        };
        let gateway = sent.gateway.as_ref().map(ToString::to_string);
        Self { attempt: sent.attempt, at: sent.at, event: sent.kind.as_str(), gateway, content }
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let through = self.gateway.as_ref().map(|gateway| format!(" through {gateway}")).unwrap_or_default();
        writeln!(out, "\nattempt     {}, {} at {}{through}", self.attempt, self.event, moment(self.at))?;
        match &self.content {
            MessageContent::Shown { hash, parts, .. } => {
                writeln!(out, "hash        {hash}: the hash agrees")?;
                parts.show(out)
            }
            MessageContent::Missing { problem } => writeln!(out, "message     cannot be shown: {problem}"),
        }
    }
}

impl MessageParts {
    fn of(message: &Message, masked: &dyn Fn(&str) -> String) -> Self {
        match message {
            Message::Sms(SmsText(text)) => Self { text: masked(text), ..Self::default() },
            Message::Email(EmailParts { subject, text, html, unsubscribe }) => Self {
                subject: Some(masked(subject)),
                text: masked(text),
                html: Some(masked(html)),
                unsubscribe: unsubscribe.as_deref().map(masked),
                ..Self::default()
            },
            Message::Registered(RegisteredSms { code, sign_name, parameters, text }) => Self {
                template_code: Some(code.clone()),
                signature: Some(sign_name.clone()),
                parameters: parameters.iter().map(|(name, value)| (name.clone(), masked(value))).collect(),
                text: masked(text),
                ..Self::default()
            },
        }
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        if let (Some(code), Some(signature)) = (&self.template_code, &self.signature) {
            writeln!(out, "template    {code} of the provider, signature {signature}")?;
            for (name, value) in &self.parameters {
                writeln!(out, "parameter   {name} = {value}")?;
            }
        }
        if let Some(subject) = &self.subject {
            writeln!(out, "subject     {subject}")?;
        }
        if let Some(link) = &self.unsubscribe {
            writeln!(out, "unsubscribe {link}")?;
        }
        writeln!(out, "text\n{}", self.text.trim_end_matches('\n'))?;
        match &self.html {
            Some(html) => writeln!(out, "html\n{}", html.trim_end_matches('\n')),
            None => Ok(()),
        }
    }
}

/// The text without tokens: those that are known, and all that have the form of one, since the config may have other
/// keys than the one that made them.
fn masked(text: &str, tokens: &[String]) -> String {
    let known = tokens.iter().fold(text.to_owned(), |text, token| text.replace(token, TOKEN));
    let mut masked = String::with_capacity(known.len());
    let mut rest = &*known;
    while let Some(slash) = rest.find('/') {
        let (before, after) = rest.split_at(slash + 1);
        masked.push_str(before);
        let end = after.find(|sign: char| !is_of_token(sign)).unwrap_or(after.len());
        let (run, behind) = after.split_at(end);
        masked.push_str(if opens_something(&masked, run) { TOKEN } else { run });
        rest = behind;
    }
    masked + rest
}

fn is_of_token(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')
}

/// Whether a run of letters has the form of a token and the place of one: behind `/r/` or `/u/`, or alone behind a
/// host, where a word of a way to repay could be too, which has no capitals and small letters in disorder.
fn opens_something(before: &str, run: &str) -> bool {
    let is_mixed = run.contains(|sign: char| sign.is_ascii_uppercase())
        && run.contains(|sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit());
    let is_behind_host = || before.rsplit_once("://").is_some_and(|(_, host)| host.find('/') == Some(host.len() - 1));
    TOKEN_LENGTHS.contains(&run.len())
        && (before.ends_with("/r/") || before.ends_with("/u/") || is_mixed && is_behind_host())
}

#[cfg(test)]
mod tests {
    use super::masked;
    use rstest::rstest;

    #[rstest]
    #[case::known("https://a.example/r/abcdefghij012345", "https://a.example/r/[token]")]
    #[case::of_another_key("Pay: https://a.example/r/AdcbRzwq-uXlAmkR or", "Pay: https://a.example/r/[token] or")]
    #[case::without_r("https://hk.mall.cn/AdcbRzwq-uXlAmkR。", "https://hk.mall.cn/[token]。")]
    #[case::to_unsubscribe("<https://a.example/u/AQDOHymAQDOHymAQDOHymAQDOHymAQDOHy>", "<https://a.example/u/[token]>")]
    #[case::in_a_tag("href=\"https://a.example/r/AdcbRzwq-uXlAmkR\">", "href=\"https://a.example/r/[token]\">")]
    #[case::a_way_to_repay("https://pay.mall.example/installmentplans", "https://pay.mall.example/installmentplans")]
    #[case::deeper("https://pay.mall.example/a/AdcbRzwq-uXlAmkR", "https://pay.mall.example/a/AdcbRzwq-uXlAmkR")]
    #[case::a_date("11/25 and 1/2", "11/25 and 1/2")]
    fn tokens_are_masked_whatever_made_them(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(masked(text, &["abcdefghij012345".to_owned()]), expected);
    }
}
