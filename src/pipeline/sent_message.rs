//! Messages as they were sent, for people who may read them: without the tokens that open a borrower's page.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{ContentHash, EmailParts, Message, RegisteredSms, ReminderId, SmsText};
use crate::render::{LinkKeys, Purpose};
use crate::store::SentMessage;

/// Replaces the token of a link.
const TOKEN: &str = "[token]";

/// How many letters a token has: one of today, and one of an earlier version.
const TOKEN_LENGTHS: [usize; 2] = [16, 34];

/// The messages of a reminder with the tokens of their links masked.
#[must_use]
pub fn shown_messages(sent: &[SentMessage], links: &LinkKeys, id: ReminderId) -> Vec<MessageView> {
    let known = tokens(links, id);
    sent.iter().map(|one| MessageView::of(one, &|text| masked(text, &known))).collect()
}

/// A message that has not left, with the tokens of its links masked.
#[must_use]
pub fn shown_message(message: &Message, links: &LinkKeys, id: ReminderId) -> MessageParts {
    let known = tokens(links, id);
    MessageParts::of(message, &|text| masked(text, &known))
}

/// The same with the tokens.
#[must_use]
pub fn whole_messages(sent: &[SentMessage]) -> Vec<MessageView> {
    sent.iter().map(|one| MessageView::of(one, &str::to_owned)).collect()
}

/// Every token that opens something of the reminder. What was made with a link key that is gone opens nothing.
fn tokens(links: &LinkKeys, id: ReminderId) -> Vec<String> {
    let purposes = [Purpose::Landing, Purpose::Unsubscribe];
    purposes.into_iter().flat_map(|purpose| links.seal_with_each(purpose, id).flatten()).collect()
}

/// The message of one attempt.
#[derive(Debug, Serialize)]
pub struct MessageView {
    /// The number of the attempt.
    pub attempt: u32,
    /// When its outcome was recorded first.
    pub at: DateTime<Utc>,
    /// The latest news of it.
    pub event: &'static str,
    /// Through which gateway.
    pub gateway: Option<String>,
    /// Its content.
    #[serde(flatten)]
    pub content: MessageContent,
}

/// The content of a message, or why it cannot be shown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum MessageContent {
    /// It is shown.
    Shown {
        /// Of what was composed, its tokens included.
        hash: String,
        /// Whether it is the hash that was recorded; a message whose hash is another is missing.
        hash_agrees: bool,
        /// Its parts.
        #[serde(flatten)]
        parts: Box<MessageParts>,
    },
    /// It cannot be shown.
    Missing {
        /// Why.
        problem: String,
    },
}

/// The parts of a message, each exactly as it was composed but for tokens.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct MessageParts {
    /// The provider's code of its template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_code: Option<String>,
    /// The sender's name that the provider knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The values for the provider's template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// The subject of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// The HTML of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Where its recipient unsubscribes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<String>,
}

impl MessageView {
    fn of(sent: &SentMessage, shown: &dyn Fn(&str) -> String) -> Self {
        let content = match &sent.message {
            Ok(message) => MessageContent::Shown {
                hash: ContentHash::of_message(message).to_string(),
                hash_agrees: true,
                parts: Box::new(MessageParts::of(message, shown)),
            },
            Err(fault) => MessageContent::Missing { problem: fault.to_string() },
        };
        let gateway = sent.gateway.as_ref().map(ToString::to_string);
        Self { attempt: sent.attempt, at: sent.at, event: sent.kind.as_str(), gateway, content }
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
