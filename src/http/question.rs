//! The question that a page asks before it shows name, order and amount. The message does not contain its answer. Pure.

use std::sync::Arc;

use serde::Serialize;
use subtle::ConstantTimeEq;

use crate::domain::{Address, Borrower, BorrowerKey, Channel, KeyRing, Phone, Verifier, VerifierHash, VerifierKind};

/// The question of a page, with the data that its answer is compared with.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// A verifier from the ledger, which the borrower knows.
    Verifier { borrower: BorrowerKey, known: VerifierHash, ring: Arc<KeyRing> },
    /// The digits of the linked phone number before the last four, which the message may print.
    PhoneDigits(Phone),
}

/// The name of a question, by which a template chooses its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum QuestionKind {
    Id,
    Birthday,
    Phone,
}

/// An answer in the form of an answer.
pub(super) enum QuestionAnswer {
    Verifier(Verifier),
    Digits(String),
}

/// How many digits of a phone number are asked for, and how many at its end the message may print.
const DIGITS: usize = 4;

/// A shorter number, with its country's code, has no four digits before the last four that are its own.
const MIN_NUMBER: usize = 10;

impl Question {
    /// The question for a borrower who got a message by that channel; `None` where the ledger holds nothing that only
    /// the borrower knows.
    ///
    /// An SMS reached its number, so whoever reads it knows that number: only another one may be asked about.
    pub(super) fn of(borrower: &Borrower, channel: Channel, ring: Option<&Arc<KeyRing>>) -> Option<Self> {
        if let (Some(known), Some(ring)) = (&borrower.verifier, ring) {
            let (borrower, known, ring) = (borrower.key.clone(), known.clone(), Arc::clone(ring));
            return Some(Self::Verifier { borrower, known, ring });
        }
        let linked = borrower.account_phone.as_ref().or(borrower.phone.as_ref())?;
        let has_reached = borrower.address(channel) == Some(Address::Phone(linked.clone()));
        let is_another = !has_reached && linked.as_e164().len() > MIN_NUMBER;
        is_another.then(|| Self::PhoneDigits(linked.clone()))
    }

    pub(super) fn asks(&self) -> QuestionKind {
        match self {
            Self::Verifier { known, .. } => match known.kind() {
                VerifierKind::IdDigits => QuestionKind::Id,
                VerifierKind::Birthday => QuestionKind::Birthday,
            },
            Self::PhoneDigits(_) => QuestionKind::Phone,
        }
    }

    /// Reads the input as an answer; `None` if it does not have the form of one.
    pub(super) fn read(&self, written: &str) -> Option<QuestionAnswer> {
        match self {
            Self::Verifier { known, .. } => Verifier::answer(known.kind(), written).ok().map(QuestionAnswer::Verifier),
            Self::PhoneDigits(_) => digits(written).map(QuestionAnswer::Digits),
        }
    }

    /// Whether the answer is right, in constant time.
    pub(super) fn is_right(&self, answer: &QuestionAnswer) -> bool {
        match (self, answer) {
            (Self::Verifier { borrower, known, ring }, QuestionAnswer::Verifier(answer)) => {
                ring.verifies(borrower, answer, known)
            }
            (Self::PhoneDigits(phone), QuestionAnswer::Digits(answer)) => {
                answer.as_bytes().ct_eq(before_tail(phone).as_bytes()).into()
            }
            _ => false,
        }
    }
}

/// The four digits before the last four.
fn before_tail(phone: &Phone) -> &str {
    let number = phone.as_e164();
    // E.164 is ASCII, and `Question::of` takes only numbers of more than `MIN_NUMBER` characters.
    &number[number.len() - 2 * DIGITS..number.len() - DIGITS]
}

/// Four digits; those of Chinese keyboards are as good.
fn digits(written: &str) -> Option<String> {
    let plain = |c: char| match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        c => Some(c),
    };
    let digits: String = written.trim().chars().filter_map(plain).collect();
    let sound = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some(digits)
}
