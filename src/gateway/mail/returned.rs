//! Reads returned mail: bounces (RFC 3464, and the plain words of mail systems) and complaints (RFC 5965). All other
//! mail is ignored. Pure.
//!
//! A message of ours is recognised by its reference: in the return path that it was sent from (see `return_path`), or
//! as the local part of the returned message's Message-ID. A mail that only refers to a message, as `In-Reply-To` does,
//! is no report about it. Nobody can guess a reference, so a forged report harms only its forger.

use std::borrow::Cow;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders};

use super::refusal::{RefusalKind, Status, classify, names_a_dead_mailbox};
use super::return_path::{REFERENCE_BYTES, reference_in};
use crate::domain::{Code, EmailAddress, Report, ReportSubject, ReportedState};

/// How much of a message is read, in bytes. A report comes before the message that it returns.
pub const LOOKED_AT: usize = 1 << 20;

/// The stack on which a message is taken apart, in bytes: enough for [`LOOKED_AT`] bytes of messages within messages.
/// The system gives only what is used of it.
const STACK: usize = 32 << 20;

/// Why a message tells nothing about one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// Written by a person, or an automatic reply.
    #[error("it is no report about a message")]
    Other,
    /// A delay, say.
    #[error("it is a report that settles nothing yet")]
    Undecided,
    /// It is no e-mail that can be taken apart.
    #[error("it cannot be read")]
    Unreadable,
    /// It names no reference.
    #[error("it is a report, but about no message of dueherald's")]
    Unnamed,
}

/// Reads one message of the mailbox that bounces go to.
///
/// # Errors
/// When it reports on no message of ours.
pub fn read(raw: &[u8]) -> Result<Report, NoReport> {
    let raw = &raw[..raw.len().min(LOOKED_AT)];
    // Anybody can send us what the parser (mail-parser 0.11.9) does not survive: it panics when parts are nested in
    // some wrong ways, and it drops messages within messages by recursion, so that an ordinary stack overflows and
    // takes the whole process with it.
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || read_on_ample_stack(raw));
        reader.ok().and_then(|reader| reader.join().ok()).unwrap_or(Err(NoReport::Unreadable))
    })
}

/// The same on the caller's own stack, which must be an ample one; panics with the parser. For tests that measure it.
#[doc(hidden)]
pub fn read_on_ample_stack(raw: &[u8]) -> Result<Report, NoReport> {
    let raw = &raw[..raw.len().min(LOOKED_AT)];
    let message = MessageParser::default().parse(raw).ok_or(NoReport::Unreadable)?;
    let found = ReferenceSearch::of(raw, &message);
    let DeliveryReport { fate, recipient } = told(&message)?;
    let about = match (found.in_return_path, found.in_message_id.flatten(), recipient) {
        (Some(reference), _, None) | (None, Some(reference), None) => ReportSubject::Reference(reference),
        (Some(reference), _, Some(recipient)) => ReportSubject::Copy { reference, recipient },
        // Sent back to somebody else than who sent it: it may be a copy that went on from where ours arrived.
        (None, Some(_), Some(recipient))
            if matches!(fate, ReportedState::Undelivered { .. }) && !sent_to(&message, &recipient) =>
        {
            return Err(NoReport::Undecided);
        }
        (None, Some(reference), Some(recipient)) => ReportSubject::Copy { reference, recipient },
        (None, None, _) => return Err(NoReport::Unnamed),
    };
    let at = message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0));
    Ok(Report::Fate { about, fate, at })
}

/// The content of a report.
struct DeliveryReport {
    fate: ReportedState,
    /// The recipient that it is about, if it names one.
    recipient: Option<EmailAddress>,
}

/// Whether the message that is returned was written to this address.
fn sent_to(message: &Message<'_>, recipient: &EmailAddress) -> bool {
    let returned = message.parts.iter().find_map(|part| part.message());
    let to = returned.and_then(|returned| returned.to()?.first()?.address());
    to.and_then(|to| EmailAddress::new(to).ok()).is_some_and(|to| to.normalized() == recipient.normalized())
}

fn told(message: &Message<'_>) -> Result<DeliveryReport, NoReport> {
    for part in &message.parts {
        let Some(kind) = part.content_type().filter(|kind| kind.ctype().eq_ignore_ascii_case("message")) else {
            continue;
        };
        match kind.subtype().map(str::to_ascii_lowercase).as_deref() {
            Some("delivery-status" | "global-delivery-status") => return delivery_status(&text(part), message),
            Some("feedback-report") => return feedback(&text(part)),
            _ => {}
        }
    }
    if !is_from_mail_system(message) {
        return Err(NoReport::Other);
    }
    let failed = message.header_raw("X-Failed-Recipients").and_then(|failed| failed.split(',').next());
    Ok(DeliveryReport { fate: in_words(message)?, recipient: failed.and_then(address) })
}

/// An address as reports write it: behind its type, in angle brackets or not.
fn address(value: &str) -> Option<EmailAddress> {
    let address = value.rsplit(';').next().unwrap_or_default().trim();
    let address = address.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(address);
    EmailAddress::new(address).ok()
}

fn text<'a>(part: &'a MessagePart<'_>) -> Cow<'a, str> {
    String::from_utf8_lossy(part.contents())
}

/// RFC 3464. Behind the fields of the message stands a group for each recipient. Of those that failed the one counts
/// that the message was written to; if none is, the first. Where a copy arrived as well, nothing is settled.
fn delivery_status(text: &str, message: &Message<'_>) -> Result<DeliveryReport, NoReport> {
    let told = groups(text).into_iter().filter_map(|group| recipient_status(&group));
    let (arrived, mut failed): (Vec<_>, Vec<_>) = told.partition(|told| told.fate == ReportedState::Delivered);
    if !arrived.is_empty() && !failed.is_empty() {
        return Err(NoReport::Undecided);
    }
    failed.sort_by_key(|told| !told.recipient.as_ref().is_some_and(|recipient| sent_to(message, recipient)));
    failed.into_iter().chain(arrived).next().ok_or(NoReport::Undecided)
}

/// The action decides, and then the status: what failed for good may well have a status that sounds temporary.
fn recipient_status(fields: &[(String, String)]) -> Option<DeliveryReport> {
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let status = field("status").and_then(Status::find);
    let diagnostic = field("diagnostic-code").unwrap_or_default();
    let fate = match field("action").map(|action| action.to_ascii_lowercase()).as_deref().map(first_word) {
        Some("failed") => undelivered(status, diagnostic),
        Some("delivered") => ReportedState::Delivered,
        // A relayed one went on to a system that tells no more of it.
        Some(_) => return None,
        // Some leave the action out.
        None => match status.map(|status| status.class) {
            Some(5) => undelivered(status, diagnostic),
            _ => return None,
        },
    };
    let recipient = field("final-recipient").or_else(|| field("original-recipient")).and_then(address);
    Some(DeliveryReport { fate, recipient })
}

/// RFC 5965.
fn feedback(text: &str) -> Result<DeliveryReport, NoReport> {
    let fields = groups(text).concat();
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    match field("feedback-type").map(|kind| kind.to_ascii_lowercase()).as_deref().map(first_word) {
        Some("abuse" | "fraud" | "opt-out" | "opt-out-list" | "other") => Ok(DeliveryReport {
            fate: ReportedState::Complained,
            recipient: field("original-rcpt-to").and_then(address),
        }),
        // About a virus or a signature, or that it is no spam after all.
        _ => Err(NoReport::Undecided),
    }
}

fn first_word(value: &str) -> &str {
    value.split([' ', '\t', ';', '(']).next().unwrap_or_default()
}

/// The groups of fields between empty lines, names in small letters, folds undone.
fn groups(text: &str) -> Vec<Vec<(String, String)>> {
    let mut groups: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            groups.push(Vec::new());
            continue;
        }
        let Some(fields) = groups.last_mut() else { continue };
        match (line.strip_prefix([' ', '\t']), fields.last_mut()) {
            (Some(more), Some((_, value))) => value.extend([" ", more.trim()]),
            _ => fields.extend(
                line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())),
            ),
        }
    }
    groups
}

fn undelivered(status: Option<Status>, diagnostic: &str) -> ReportedState {
    let told = status.filter(|status| !status.is_vague()).or_else(|| Status::find(diagnostic)).or(status);
    let temporary = status.is_some_and(|status| status.class == 4);
    let gone = classify(told, diagnostic) == Some(RefusalKind::Recipient { gone: true });
    let for_good = gone && !temporary;
    let code = told.map(|status| Code::new(&format!("smtp-{status}")));
    ReportedState::Undelivered { code, for_good }
}

fn is_from_mail_system(message: &Message<'_>) -> bool {
    let sender = message.from().and_then(|from| from.first()).and_then(|from| from.address());
    let local = sender.and_then(|sender| sender.split('@').next()).unwrap_or_default().to_ascii_lowercase();
    matches!(local.as_str(), "mailer-daemon" | "postmaster" | "mail-daemon" | "mailerdaemon")
        || message.header_raw("X-Failed-Recipients").is_some()
}

/// A mail system that speaks no RFC 3464: qmail, older Exim and Exchange, and what sits on top of them.
fn in_words(message: &Message<'_>) -> Result<ReportedState, NoReport> {
    const WAITING: [&str; 7] = [
        "delayed",
        "will be retried",
        "will keep trying",
        "will continue to",
        "will try again",
        "no action is required",
        "still being attempted",
    ];
    const FAILED: [&str; 9] = [
        "undeliver",
        "failed",
        "failure",
        "could not be delivered",
        "couldn't be delivered",
        "returned to sender",
        "退信",
        "投递失败",
        "无法送达",
    ];
    const SPOKEN: usize = 16 * 1024;
    let body = message.body_text(0).unwrap_or_default();
    let spoken: String = body.chars().take(SPOKEN).collect();
    let lower = format!("{}\n{spoken}", message.subject().unwrap_or_default()).to_lowercase();
    // The returned message, below, is not part of the report's own words.
    let own = ["--- below this line", "------ this is a copy", "original message"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min()
        .map_or(lower.as_str(), |end| &lower[..end]);
    let holds = |words: &[&str]| words.iter().any(|word| own.contains(word));
    let status = Status::find(own).filter(|status| status.class != 2);
    if holds(&WAITING) && status.is_none_or(|status| status.class == 4) {
        return Err(NoReport::Undecided);
    }
    if status.is_some() || names_a_dead_mailbox(own) || holds(&FAILED) {
        return Ok(undelivered(status, own));
    }
    Err(NoReport::Other)
}

/// The reference of the message that a report is about. The return path first: whoever sent the report sent it there.
#[derive(Default)]
struct ReferenceSearch {
    in_return_path: Option<String>,
    /// The first Message-ID below the report's own header, which is that of the returned message. The inner `None` is a
    /// Message-ID that is not ours.
    in_message_id: Option<Option<String>>,
}

impl ReferenceSearch {
    fn of(raw: &[u8], message: &Message<'_>) -> Self {
        let mut found = Self::default();
        let body = message.root_part().offset_body as usize;
        let (head, body) = raw.split_at(body.min(raw.len()));
        found.look_through(head);
        found.in_message_id = None;
        found.look_through(body);
        for part in message.parts.iter().filter(|part| part.encoding != Encoding::None) {
            match part.message() {
                Some(returned) => found.look_through(&returned.raw_message),
                None => found.look_through(part.contents()),
            }
        }
        found
    }

    fn look_through(&mut self, bytes: &[u8]) {
        for HeaderLine { field, text } in lines(bytes) {
            self.look_through_line(&field, text);
        }
    }

    fn look_through_line(&mut self, field: &str, text: &[u8]) {
        if field != "message-id" && !RETURN_PATHS.contains(&field) {
            return;
        }
        for at in memchr::memchr_iter(b'@', text) {
            let kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_' | b'.');
            let start = text[at.saturating_sub(64)..at].iter().rev().take_while(|byte| kept(byte)).count();
            let Ok(local) = std::str::from_utf8(&text[at - start..at]) else { continue };
            match field {
                "message-id" if self.in_message_id.is_none() => {
                    let is_ours = URL_SAFE_NO_PAD.decode(local).is_ok_and(|bytes| bytes.len() == REFERENCE_BYTES);
                    self.in_message_id = Some(is_ours.then(|| local.to_owned()));
                }
                name if self.in_return_path.is_none() && RETURN_PATHS.contains(&name) => {
                    self.in_return_path = reference_in(&format!("{local}@"));
                }
                _ => {}
            }
        }
    }
}

/// The fields that hold the return path of a message, or to whom its report was sent; in small letters.
const RETURN_PATHS: [&str; 10] = [
    "to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
    "received",
    "return-path",
    "original-mail-from",
    "x-postfix-sender",
];

/// A line of a message, with the name of the header field that it belongs to if it is in one, in small letters.
struct HeaderLine<'a> {
    field: String,
    text: &'a [u8],
}

/// The lines, each once. A fold belongs to the field above it, for a few lines at most.
fn lines(bytes: &[u8]) -> impl Iterator<Item = HeaderLine<'_>> {
    const MOST_FOLDS: usize = 8;
    let (mut field, mut folds) = (String::new(), 0);
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |text| {
        if matches!(text.first(), Some(b' ' | b'\t')) {
            folds += 1;
            if folds > MOST_FOLDS {
                field.clear();
            }
        } else {
            folds = 0;
            // No name of a field that counts is longer.
            let name = text[..text.len().min(32)].split(|byte| *byte == b':').next().unwrap_or_default();
            field = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
        }
        HeaderLine { field: field.clone(), text }
    })
}

#[cfg(test)]
mod tests {
    use super::lines;

    /// Each byte of hostile input is read only once: a megabyte of `@` in one line took 2.6 seconds when the name of
    /// the field was searched for at every one.
    #[test]
    fn every_byte_is_looked_at_once() {
        let endless = [b"To: ".as_slice(), &vec![b'@'; 1 << 20]].concat();
        let folded = b"To: a@b\r\n @\n\t@\nFrom: @\n".repeat(1_000);
        for message in [endless, folded, vec![b'@'; 1 << 20], b"\n@".repeat(1 << 19), b" @\n".repeat(1 << 18)] {
            let looked_at: usize = lines(&message).map(|line| line.text.len()).sum();
            assert_eq!(looked_at, message.len());
        }
    }

    #[test]
    fn a_fold_belongs_to_the_field_above_it() {
        let message = b"Delivered-To: x\r\n y@z\r\nSubject: a\n\tb\n\nTo: c".as_slice();
        let fields: Vec<_> = lines(message).map(|line| line.field).collect();
        assert_eq!(fields, ["delivered-to", "delivered-to", "subject", "subject", "", "to"]);
    }
}
