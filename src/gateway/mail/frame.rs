//! An e-mail as it goes over the wire: multipart/alternative, pure ASCII, the same bytes for every attempt but the
//! date.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, From, Headers, ReplyTo, Subject, To};
use lettre::message::{Body, Mailbox, Mailboxes};
use memchr::{memchr_iter, memchr2};

use crate::domain::{EmailAddress, EmailParts, Merchant};

/// The parts of one e-mail.
pub(in crate::gateway) struct Composition<'a> {
    /// The merchant in whose name it is sent: the display name of From; replies go to its support address.
    pub(in crate::gateway) merchant: &'a Merchant,
    /// The sender's address; its display name is used where the merchant has no name.
    pub(in crate::gateway) from: &'a Mailbox,
    /// The address for replies; without one, the merchant's customer service.
    pub(in crate::gateway) reply_to: Option<&'a Mailbox>,
    /// The recipient.
    pub(in crate::gateway) to: &'a EmailAddress,
    /// Subject, text and HTML.
    pub(in crate::gateway) parts: &'a EmailParts,
    /// The local part of the Message-ID.
    pub(in crate::gateway) reference: &'a str,
    /// The Date.
    pub(in crate::gateway) date: DateTime<Utc>,
}

/// The envelope addresses, and the message in wire form, without dot-stuffing.
pub(in crate::gateway) struct Mail {
    pub(in crate::gateway) from: Address,
    pub(in crate::gateway) to: Address,
    pub(in crate::gateway) raw: String,
}

/// The code of a message that can be sent to nobody.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Unsendable(pub(in crate::gateway) &'static str);

/// Writes the message. No text in it, whatever it holds, can begin a header of its own.
pub(in crate::gateway) fn compose(mail: &Composition<'_>) -> Result<Mail, Unsendable> {
    let Composition { merchant, parts, reference, .. } = mail;
    if !is_token(reference) {
        return Err(Unsendable("bad-reference"));
    }
    let to: Address = mail.to.as_str().parse().map_err(|_| Unsendable("bad-address"))?;
    let mut raw = String::with_capacity(1024 + (parts.text.len() + parts.html.len()) * 9 / 8);
    let domain = mail.from.email.domain();
    // RFC 3834 has `Auto-Submitted`: so that nobody's holiday notice answers it. The boundary follows from the
    // reference, which nobody who writes a template or a name can know, and `=_` cannot stand in encoded text (RFC
    // 2045, 6.7).
    let written = write!(
        raw,
        "Message-ID: <{reference}@{domain}>\r\nDate: {date}\r\n{addressed}Auto-Submitted: auto-generated\r\n",
        date = mail.date.to_rfc2822(),
        addressed = addressed(mail, &to, merchant),
    );
    written.map_err(|_| Unsendable("bad-reference"))?;
    if let Some(link) = parts.unsubscribe.as_deref().filter(|link| is_header_link(link)) {
        raw.extend(["List-Unsubscribe: <", link, ">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"]);
    }
    raw.extend([
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_",
        reference,
        "\"\r\n\r\n",
    ]);
    push_part(&mut raw, reference, "plain", &parts.text);
    push_part(&mut raw, reference, "html", &parts.html);
    raw.extend(["--=_", reference, "--\r\n"]);
    Ok(Mail { from: mail.from.email.clone(), to, raw })
}

/// Whether an address can be put into a header as it is; RFC 8058 requires https.
fn is_header_link(link: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    link.starts_with("https://") && link.len() <= 900 && link.bytes().all(plain)
}

/// The headers that hold names and addresses, encoded by lettre.
fn addressed(mail: &Composition<'_>, to: &Address, merchant: &Merchant) -> Headers {
    let name = match one_line(&merchant.name) {
        name if name.is_empty() => mail.from.name.clone(),
        name => Some(name),
    };
    let mut headers = Headers::with_capacity(4);
    headers.set(From::from(Mailboxes::from(Mailbox::new(name, mail.from.email.clone()))));
    headers.set(To::from(Mailboxes::from(Mailbox::new(None, to.clone()))));
    headers.set(Subject::from(one_line(&mail.parts.subject)));
    let support = || merchant.support.email.as_ref().and_then(|support| support.as_str().parse().ok());
    if let Some(reply_to) = mail.reply_to.cloned().or_else(|| Some(Mailbox::new(None, support()?))) {
        headers.set(ReplyTo::from(Mailboxes::from(reply_to)));
    }
    headers
}

/// Adds one of the alternatives: as it is where it may be, else encoded so that all of it is ASCII.
fn push_part(raw: &mut String, reference: &str, subtype: &str, text: &str) {
    raw.extend(["--=_", reference, "\r\nContent-Type: text/", subtype, "; charset=utf-8\r\n"]);
    if is_seven_bit(text) {
        raw.push_str("Content-Transfer-Encoding: 7bit\r\n\r\n");
        push_wire_lines(raw, text);
    } else {
        let mut lines = String::with_capacity(text.len() + text.len() / 16);
        push_wire_lines(&mut lines, text);
        let encoding = encoding(text);
        raw.extend(["Content-Transfer-Encoding: ", &encoding.to_string(), "\r\n\r\n"]);
        // Neither of the two encodings is ever refused.
        let body = Body::new_with_encoding(lines, encoding).unwrap_or_else(Body::new);
        raw.push_str(&String::from_utf8_lossy(&body.into_vec()));
    }
    raw.push_str("\r\n");
}

/// The shorter one: three bytes for one that is not ASCII, or four for any three.
fn encoding(text: &str) -> ContentTransferEncoding {
    let foreign = text.bytes().filter(|byte| !byte.is_ascii()).count();
    if foreign * 6 > text.len() { ContentTransferEncoding::Base64 } else { ContentTransferEncoding::QuotedPrintable }
}

/// Whether a text may go over the wire without an encoding (RFC 2045, 2.7, and RFC 5321, 4.5.3.1.6).
fn is_seven_bit(text: &str) -> bool {
    const LONGEST_LINE: usize = 998;
    let bytes = text.as_bytes();
    let mut begin = 0;
    let mut fits = |end: usize| end - std::mem::replace(&mut begin, end + 1) <= LONGEST_LINE;
    bytes.is_ascii()
        && memchr2(0, b'\r', bytes).is_none()
        && memchr_iter(b'\n', bytes).chain([bytes.len()]).all(&mut fits)
}

/// Whether a reference can be used as it is in a Message-ID, a boundary and a file name.
pub(in crate::gateway) fn is_token(reference: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&reference.len()) && reference.bytes().all(kept)
}

/// Adds the text with every line ended by CRLF.
fn push_wire_lines(wire: &mut String, text: &str) {
    let mut begin = 0;
    for end in memchr_iter(b'\n', text.as_bytes()) {
        let line = &text[begin..end];
        wire.push_str(line.strip_suffix('\r').unwrap_or(line));
        wire.push_str("\r\n");
        begin = end + 1;
    }
    wire.push_str(&text[begin..]);
}

/// Control characters, line breaks among them, become spaces.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Composition, compose, is_seven_bit, is_token, one_line, push_part, push_wire_lines};
    use crate::domain::{EmailAddress, EmailParts, Locale};
    use crate::render::sample_merchant;
    use mail_parser::MessageParser;
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    #[test]
    fn every_line_ends_as_on_the_wire() {
        let mut wire = String::new();
        push_wire_lines(&mut wire, "a\n\nb\r\nc\n");
        assert_eq!(wire, "a\r\n\r\nb\r\nc\r\n");
    }

    #[test]
    fn only_what_every_server_takes_goes_without_an_encoding() {
        assert!(is_seven_bit("pay\nby Friday\n") && is_seven_bit(&"a".repeat(998)));
        for text in ["还款", "pay\rnow", "pay\0", &"a".repeat(999)] {
            assert!(!is_seven_bit(text), "{text:?}");
            let mut raw = String::new();
            push_part(&mut raw, "r", "plain", text);
            assert!(raw.is_ascii() && !raw.contains("7bit") && raw.lines().all(|line| line.len() <= 998), "{raw}");
        }
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

    /// Text as somebody would write it who wants a header of his own.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                "\r\n",
                "\n",
                "\r",
                "\r\n\r\n",
                "\0",
                "\u{85}",
                "\u{2028}",
                "\t",
                " ",
                "Bcc: all@borrower.example",
                ": ",
                "<",
                ">",
                "\"",
                "\\",
                ",",
                ";",
                "@",
                "=?utf-8?q?=0D=0ABcc:_x?=",
                "商城",
                "😀",
                ".",
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_text_begins_a_header_of_its_own(
            name in hostile(), subject in hostile(), text in hostile(), link in hostile(), local in "[!-~]{1,12}"
        ) {
            let mut merchant = sample_merchant(&Locale::new("en").unwrap());
            merchant.name = name;
            let address = |text: String| EmailAddress::new(&text).ok();
            if let Some(hostile) = address(format!("{local}@mall.example")) {
                merchant.support.email = Some(hostile);
            }
            let to = address(format!("{local}@borrower.example")).unwrap_or_else(|| address("a@b.example".into()).unwrap());
            let unsubscribe = Some(format!("https://mall.example/u/{link}"));
            let parts = EmailParts { subject, text: text.clone(), html: text, unsubscribe };
            let from = "Mall <repay@mall.example>".parse().unwrap();
            let date = chrono::DateTime::UNIX_EPOCH;
            let composed = compose(&Composition { merchant: &merchant, from: &from, reply_to: None, to: &to, parts: &parts, reference: "r", date });
            // An address that no server would take is refused, not mended.
            let Ok(mail) = composed else { return Ok(()) };
            assert!(mail.raw.is_ascii());
            let head = mail.raw.split("\r\n\r\n").next().unwrap();
            assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']), "{head:?}");
            let allowed = [
                "Message-ID", "Date", "From", "To", "Subject", "Reply-To", "Auto-Submitted", "List-Unsubscribe",
                "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
            ];
            let mut names: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect();
            assert!(names.iter().all(|name| allowed.contains(&name.as_str())), "{head}");
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{head}");
            let parsed = MessageParser::default().parse(mail.raw.as_bytes()).unwrap();
            // Read as it stands: mail-parser misreads some quoted local parts.
            let unfolded = head.replace("\r\n ", " ");
            let to_only = unfolded.split("\r\n").find_map(|line| line.strip_prefix("To: "));
            assert_eq!(to_only.map(str::trim), Some(to.as_str()), "{head}");
            assert_eq!(parsed.parts.len(), 3, "two alternatives: {}", mail.raw);
        }
    }
}
