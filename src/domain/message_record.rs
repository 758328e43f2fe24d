//! The record that shows a message again exactly: its difference from a form, and a hash of what was composed.
//!
//! A form is a message of the same template, merchant and language that is made up: it holds nothing personal, is
//! stored once by the hash of its text, and spares storing what all such messages share. The message is not rendered
//! again later, so it does not matter what becomes of templates, locale files and code meanwhile.
//!
//! A record is: the byte 1; the byte 1 and the form's hash, or 0; the message's hash; the message's kind and the
//! lengths of its parts; and the parts as a delta (see `message_delta.rs`).

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::message_delta::{DeltaBase, decode, encode_literal, read_number, write_number};
use super::{EmailParts, Message, RegisteredSms, SmsText};

/// How many bytes of a SHA-256 are kept.
const HASH_BYTES: usize = 16;

/// The first byte of a record; another one would be another format.
const FORMAT: u8 = 1;

/// No message is so long.
const MOST_BYTES: usize = 1 << 24;

const SMS: u8 = 0;
const EMAIL: u8 = 1;
const EMAIL_TO_UNSUBSCRIBE: u8 = 2;
const REGISTERED: u8 = 3;

/// The first half of a SHA-256, as which forms and messages are known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; HASH_BYTES]);

impl ContentHash {
    /// Of a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self::first_half(Sha256::new_with_prefix(text))
    }

    /// Of a message: of its parts with a zero byte between two. An SMS is one part, its text; an e-mail is subject,
    /// text, HTML and, if it has one, the link to unsubscribe; an SMS by an approved template is text, code, signature
    /// and each parameter's name and value.
    #[must_use]
    pub fn of_message(message: &Message) -> Self {
        Self::of_parts(&parts(message).1)
    }

    fn of_parts(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                hash.update([0]);
            }
            hash.update(part);
        }
        Self::first_half(hash)
    }

    fn first_half(hash: Sha256) -> Self {
        let hash = hash.finalize();
        Self(std::array::from_fn(|place| hash[place]))
    }

    /// As it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In hexadecimal, as `sha256sum` begins.
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A made-up message; messages of its kind are kept as differences from it.
pub struct MessageForm {
    hash: ContentHash,
    base: DeltaBase,
}

impl MessageForm {
    /// The form that a made-up message gives.
    #[must_use]
    pub fn of(sample: &Message) -> Self {
        let text = parts(sample).1.concat().into_bytes();
        Self { hash: ContentHash::of(&text), base: DeltaBase::new(text) }
    }

    /// The hash of its text, by which it is known.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// The text that a store keeps.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.base.text()
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.base.bytes()
    }
}

impl fmt::Debug for MessageForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageForm({}, {} bytes)", self.hash, self.text().len())
    }
}

/// A message as it is kept with the attempt that handed it over. It holds personal data; `Debug` says only how long it
/// is.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRecord(Arc<[u8]>);

impl MessageRecord {
    /// Of a message; by its difference from a form, which is then needed to read it.
    #[must_use]
    pub fn of(message: &Message, form: Option<&MessageForm>) -> Self {
        let (kind, parts) = parts(message);
        let mut record = Vec::with_capacity(160);
        record.push(FORMAT);
        match form {
            Some(form) => {
                record.push(1);
                record.extend_from_slice(form.hash.as_bytes());
            }
            None => record.push(0),
        }
        record.extend_from_slice(ContentHash::of_parts(&parts).as_bytes());
        record.push(kind);
        write_number(&mut record, parts.len());
        parts.iter().for_each(|part| write_number(&mut record, part.len()));
        match form {
            Some(form) => form.base.encode(&parts, &mut record),
            None => encode_literal(&parts, &mut record),
        }
        Self(record.into())
    }

    /// As it came from a store; what it holds is seen when it is opened.
    #[must_use]
    pub fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// As it is stored.
    #[must_use]
    pub fn bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.0)
    }

    /// The form that it needs, if it needs one.
    #[must_use]
    pub fn form(&self) -> Option<ContentHash> {
        self.read()?.form
    }

    /// The message, once its hash agrees. `form` is the text of the form that it needs.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was composed.
    pub fn open(&self, form: Option<&[u8]>) -> Result<Message, MessageFault> {
        let read = self.read().ok_or(MessageFault::Damaged)?;
        let base = match read.form {
            Some(hash) => form.ok_or(MessageFault::NoForm(hash))?,
            None => &[],
        };
        let message = read.message(base).ok_or(MessageFault::Damaged)?;
        if ContentHash::of_message(&message) == read.hash { Ok(message) } else { Err(MessageFault::OtherHash) }
    }

    fn read(&self) -> Option<ReadRecord<'_>> {
        let mut rest = &self.0[..];
        if *rest.split_off_first()? != FORMAT {
            return None;
        }
        let form = match rest.split_off_first()? {
            0 => None,
            1 => Some(hash(&mut rest)?),
            _ => return None,
        };
        let hash = hash(&mut rest)?;
        let kind = *rest.split_off_first()?;
        let count = read_number(&mut rest)?;
        // A length takes a byte at least.
        let lengths = (0..count.min(rest.len() + 1)).map(|_| read_number(&mut rest)).collect::<Option<_>>()?;
        Some(ReadRecord { form, hash, kind, lengths, delta: rest })
    }
}

impl fmt::Debug for MessageRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageRecord({} bytes)", self.0.len())
    }
}

/// Why a message cannot be shown. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// Nothing is there.
    #[error(
        "its text was not kept: it left before this version, or the process ended, or a report came, before the \
         gateway's answer was recorded"
    )]
    NotKept,
    /// It was encrypted with a key that neither `[encryption]` nor the database has.
    #[error("it is encrypted with key {0}, which [encryption] does not have; put that key back")]
    NoKey(u8),
    /// The form is not in the database.
    #[error("the form {0} that it was stored against is not in the database; restore the table message_form")]
    NoForm(ContentHash),
    /// It is none, or is in another place than it was written for.
    #[error("what is stored is damaged, or belongs to another reminder; compare the row in event with a backup")]
    Damaged,
    /// It can be read, and is not what was composed.
    #[error("the hash does NOT agree: what is stored is not what was composed; compare the row in event with a backup")]
    OtherHash,
}

/// A record taken apart.
struct ReadRecord<'r> {
    form: Option<ContentHash>,
    hash: ContentHash,
    kind: u8,
    lengths: Vec<usize>,
    delta: &'r [u8],
}

impl ReadRecord<'_> {
    fn message(&self, base: &[u8]) -> Option<Message> {
        let text = String::from_utf8(decode(base, self.delta, MOST_BYTES)?).ok()?;
        let mut rest = &*text;
        let mut parts = Vec::with_capacity(self.lengths.len());
        for length in &self.lengths {
            let (part, behind) = rest.split_at_checked(*length)?;
            parts.push(part.to_owned());
            rest = behind;
        }
        if rest.is_empty() { message(self.kind, parts) } else { None }
    }
}

fn hash(rest: &mut &[u8]) -> Option<ContentHash> {
    rest.split_off(..HASH_BYTES)?.try_into().ok().map(ContentHash)
}

/// The kind of a message, and the texts that it consists of; one at least.
fn parts(message: &Message) -> (u8, Vec<&str>) {
    match message {
        Message::Sms(SmsText(text)) => (SMS, vec![text]),
        Message::Email(EmailParts { subject, text, html, unsubscribe: None }) => (EMAIL, vec![subject, text, html]),
        Message::Email(EmailParts { subject, text, html, unsubscribe: Some(link) }) => {
            (EMAIL_TO_UNSUBSCRIBE, vec![subject, text, html, link])
        }
        Message::Registered(RegisteredSms { code, sign_name, parameters, text }) => {
            let values = parameters.iter().flat_map(|(name, value)| [&**name, &**value]);
            (REGISTERED, [&**text, code, sign_name].into_iter().chain(values).collect())
        }
    }
}

fn message(kind: u8, parts: Vec<String>) -> Option<Message> {
    let mut parts = parts.into_iter();
    let mut next = || parts.next();
    let message = match kind {
        SMS => Message::Sms(SmsText(next()?)),
        EMAIL | EMAIL_TO_UNSUBSCRIBE => Message::Email(EmailParts {
            subject: next()?,
            text: next()?,
            html: next()?,
            unsubscribe: if kind == EMAIL { None } else { Some(next()?) },
        }),
        REGISTERED => {
            let (text, code, sign_name) = (next()?, next()?, next()?);
            let mut parameters = Vec::new();
            while let Some(name) = next() {
                parameters.push((name, next()?));
            }
            Message::Registered(RegisteredSms { code, sign_name, parameters, text })
        }
        _ => return None,
    };
    parts.next().is_none().then_some(message)
}

#[cfg(test)]
mod tests {
    use super::{ContentHash, MessageFault, MessageForm, MessageRecord};
    use crate::domain::{EmailParts, Message, RegisteredSms, SmsText};

    fn sms(text: &str) -> Message {
        Message::Sms(SmsText(text.to_owned()))
    }

    fn email(name: &str, unsubscribe: Option<&str>) -> Message {
        Message::Email(EmailParts {
            subject: format!("{name}, your instalment is due"),
            text: format!("Dear {name}, pay at https://pay.example.com/r/B9jZqMJ_XJWzZBIE.\n"),
            html: format!("<p>Dear {name}, <a href=\"https://pay.example.com/r/B9jZqMJ_XJWzZBIE\">pay</a>.</p>\n"),
            unsubscribe: unsubscribe.map(str::to_owned),
        })
    }

    fn registered(value: &str) -> Message {
        let parameters = vec![("amount".to_owned(), value.to_owned()), ("none".to_owned(), String::new())];
        let (code, sign_name) = ("SMS_1".to_owned(), "示例商城".to_owned());
        Message::Registered(RegisteredSms {
            code, sign_name, parameters, text: format!("【示例商城】应还{value}元")
        })
    }

    #[test]
    fn every_kind_of_message_comes_back_with_and_without_a_form() {
        let all = [
            sms("【示例商城】李伟您好"),
            sms(""),
            email("Ann", None),
            email("Ann", Some("https://pay.example.com/u/x")),
            registered("88.10"),
        ];
        let forms = all.each_ref().map(MessageForm::of);
        for message in &all {
            let plain = MessageRecord::of(message, None);
            assert_eq!((plain.form(), plain.open(None).as_ref()), (None, Ok(message)));
            for form in &forms {
                let kept = MessageRecord::of(message, Some(form));
                assert_eq!((kept.form(), kept.open(Some(form.text())).as_ref()), (Some(form.hash()), Ok(message)));
                assert_eq!(kept.open(None), Err(MessageFault::NoForm(form.hash())));
                assert_eq!(MessageRecord::stored(kept.bytes().to_vec()), kept);
            }
        }
    }

    #[test]
    fn the_hash_of_an_sms_is_what_sha256sum_begins_with() {
        // printf '%s' 'abc' | sha256sum
        assert_eq!(ContentHash::of_message(&sms("abc")).to_string(), "ba7816bf8f01cfea414140de5dae2223");
    }

    #[test]
    fn what_was_kept_by_this_version_opens_in_every_later_one() {
        let (form, message) = (MessageForm::of(&sms("Dear Sample, please pay")), sms("Dear Ann, please pay"));
        let record = MessageRecord::of(&message, Some(&form)).bytes();
        let written: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
        let (named, hash) = ("0101276762cbb8859bd288560d4529e35b8b", "4a82092114f3b95c47427689db90eccc");
        // An SMS of one part of 20 bytes: 8 literal bytes, then 12 from place 11.
        assert_eq!(written, format!("{named}{hash}0001141044656172") + "20416e6e1916");
    }

    #[test]
    fn no_byte_can_be_changed_without_its_being_seen() {
        let form = MessageForm::of(&email("Sample", Some("https://pay.example.com/u/sample")));
        let message = email("Ann", Some("https://pay.example.com/u/x"));
        let record = MessageRecord::of(&message, Some(&form)).bytes().to_vec();
        for place in 0..record.len() {
            for change in [1, 0x80] {
                let mut other = record.clone();
                other[place] ^= change;
                let other = MessageRecord::stored(other);
                // A store looks up the form that is named.
                let form = other.form().filter(|hash| *hash == form.hash()).map(|_| form.text());
                assert!(other.open(form).is_err(), "byte {place} with {change}");
            }
            let cut = MessageRecord::stored(record[..place].to_vec());
            assert!(cut.open(Some(form.text())).is_err(), "{place} bytes");
        }
    }

    #[test]
    fn neither_a_record_nor_a_form_shows_its_text() {
        let form = MessageForm::of(&sms("a sample"));
        let shown = format!("{form:?} {:?}", MessageRecord::of(&sms("李伟"), Some(&form)));
        assert!(!shown.contains("sample") && !shown.contains("李伟"), "{shown}");
    }
}
