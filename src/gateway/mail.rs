//! An e-mail as it goes over the wire: multipart/alternative, pure ASCII, the same bytes for every attempt but the date.

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use crate::domain::{EmailAddress, EmailParts, Merchant};

/// What goes into one e-mail.
pub(super) struct Composition<'a> {
    /// In whose name: the display name of From; its support address is where replies go.
    pub(super) merchant: &'a Merchant,
    /// The sender's address; its display name stands in where the merchant has no name.
    pub(super) from: &'a Mailbox,
    /// To whom.
    pub(super) to: &'a EmailAddress,
    /// What.
    pub(super) parts: &'a EmailParts,
    /// The local part of the Message-ID.
    pub(super) reference: &'a str,
    /// The Date.
    pub(super) date: DateTime<Utc>,
}

/// Who is named in the envelope, and the message in wire form, without dot-stuffing.
pub(super) struct Mail {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) raw: Vec<u8>,
}

/// The code of a message that can be sent to nobody.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsendable(pub(super) &'static str);

/// Writes the message. No text in it, whatever it holds, can begin a header of its own.
pub(super) fn compose(mail: &Composition<'_>) -> Result<Mail, Unsendable> {
    if !is_token(mail.reference) {
        return Err(Unsendable("bad-reference"));
    }
    let to: Address = mail.to.as_str().parse().map_err(|_| Unsendable("bad-address"))?;
    let name = match one_line(&mail.merchant.name) {
        name if name.is_empty() => mail.from.name.clone(),
        name => Some(name),
    };
    let mut message = Message::builder()
        .message_id(Some(format!("<{}@{}>", mail.reference, mail.from.email.domain())))
        .date(mail.date.into())
        .from(Mailbox::new(name, mail.from.email.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&mail.parts.subject))
        // RFC 3834: so that nobody's holiday notice answers it.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
    if let Some(support) = mail.merchant.support.email.as_ref().and_then(|support| support.as_str().parse().ok()) {
        message = message.reply_to(Mailbox::new(None, support));
    }
    let body = MultiPart::builder()
        .header(alternative(mail.reference)?)
        .singlepart(SinglePart::plain(with_wire_lines(&mail.parts.text)))
        .singlepart(SinglePart::html(with_wire_lines(&mail.parts.html)));
    let message = message.multipart(body).map_err(|_| Unsendable("bad-address"))?;
    Ok(Mail { from: mail.from.email.clone(), to, raw: message.formatted() })
}

/// The boundary follows from the reference, and `=_` cannot stand in quoted-printable or base64 text (RFC 2045, 6.7).
fn alternative(reference: &str) -> Result<ContentType, Unsendable> {
    let text = format!("multipart/alternative; boundary=\"=_{reference}\"");
    ContentType::parse(&text).map_err(|_| Unsendable("bad-reference"))
}

/// Whether a reference may stand in a Message-ID, a boundary and a file's name as it is.
pub(super) fn is_token(reference: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&reference.len()) && reference.bytes().all(kept)
}

/// Ends every line by CRLF, in one go: lettre would put the CRs in one by one, moving all that follows each time.
fn with_wire_lines(text: &str) -> String {
    let mut wire = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(ended) => {
                wire.push_str(ended.strip_suffix('\r').unwrap_or(ended));
                wire.push_str("\r\n");
            }
            None => wire.push_str(line),
        }
    }
    wire
}

/// Control characters, line breaks among them, become spaces.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_token, one_line, with_wire_lines};

    #[test]
    fn every_line_ends_as_on_the_wire() {
        assert_eq!(with_wire_lines("a\n\nb\r\nc"), "a\r\n\r\nb\r\nc");
        assert_eq!(with_wire_lines("\n"), "\r\n");
    }

    #[test]
    fn a_line_break_never_survives_in_a_header() {
        assert_eq!(one_line(" pay\r\nBcc: a@b.example\u{0}\u{85} "), "pay  Bcc: a@b.example");
    }

    #[test]
    fn references_are_plain_tokens() {
        assert!(is_token("Ab0-_"));
        for reference in ["", "a b", "a\r\nb", "../a", "a@b", "é", &"a".repeat(65)] {
            assert!(!is_token(reference), "{reference:?}");
        }
    }
}
