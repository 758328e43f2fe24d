//! Reminders: keys, channels, steps, states and skip reasons.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{BorrowerKey, NoticeName, ReminderId, RuleName};

/// A word of a closed list that is none of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of {0}")]
pub struct UnknownWord(pub(crate) &'static str);

/// Gives a field-less enum its words: `as_str`, `Display`, `FromStr`, `ALL`.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in config, database, API and output.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or(UnknownWord(concat!($($word, " "),+).trim_ascii_end()))
            }
        }
    };
}
pub(super) use words;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Text to a phone.
    Sms,
    /// Mail to a mailbox.
    Email,
}
words!(Channel { Sms => "sms", Email => "email" });

impl Channel {
    /// The name in tables and pages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Email => "E-mail",
        }
    }
}

/// Why a reminder was planned: one offset of one rule, a person's wish, a notice, or an answer that it confirms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// `due-soon/-3`: rule `due-soon`, three days before the due date; positive offsets lie after it.
    Rule {
        /// The rule.
        rule: RuleName,
        /// Days from the due date.
        offset: i32,
    },
    /// `manual/2`: the second resend by hand for that borrower, due date and channel.
    Manual {
        /// From 1.
        number: u32,
    },
    /// `notice/entry-moved`: the notice of that name.
    Notice {
        /// Which.
        name: NoticeName,
    },
    /// `confirmation/7`: says once that the opt-out of answer 7 holds.
    Confirmation {
        /// The answer's number.
        reply: i64,
    },
}

/// The word that no rule may be called: steps of resends by hand begin with it.
pub const MANUAL: &str = "manual";

/// The word that no rule may be called, nor begin with before a slash: steps of notices do.
pub const NOTICE: &str = "notice";

/// The word that no rule may be called: steps that confirm an opt-out begin with it.
pub const CONFIRMATION: &str = "confirmation";

/// The template that confirms an opt-out. It speaks of no debt, and so of no way to repay.
pub const OPTED_OUT: &str = "opted-out";

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule, offset } => write!(f, "{rule}/{offset}"),
            Self::Manual { number } => write!(f, "{MANUAL}/{number}"),
            Self::Notice { name } => write!(f, "{NOTICE}/{name}"),
            Self::Confirmation { reply } => write!(f, "{CONFIRMATION}/{reply}"),
        }
    }
}

impl FromStr for Step {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        const FORM: UnknownWord = UnknownWord("RULE/OFFSET, such as due-soon/-3");
        if let Some(name) = text.strip_prefix(NOTICE).and_then(|rest| rest.strip_prefix('/')) {
            return name.parse().map(|name| Self::Notice { name }).map_err(|_| FORM);
        }
        let (rule, number) = text.rsplit_once('/').ok_or(FORM)?;
        if rule == MANUAL {
            return number.parse().map(|number| Self::Manual { number }).map_err(|_| FORM);
        }
        if rule == CONFIRMATION {
            return number.parse().map(|reply| Self::Confirmation { reply }).map_err(|_| FORM);
        }
        Ok(Self::Rule { rule: rule.parse().map_err(|_| FORM)?, offset: number.parse().map_err(|_| FORM)? })
    }
}

/// The unique key of a reminder: for one key at most one SMS is ever accepted by a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReminderKey {
    /// The borrower to remind.
    pub borrower: BorrowerKey,
    /// The due date of the instalments.
    pub due_date: NaiveDate,
    /// The step.
    pub step: Step,
    /// The channel.
    pub channel: Channel,
}

/// The origin of a reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A rule.
    Schedule,
    /// A person; on record for good.
    Manual {
        /// The person.
        actor: String,
        /// The reason.
        reason: String,
        /// The reminder that is sent again, if there was one.
        of: Option<ReminderId>,
    },
    /// A notice, which records its author and reason.
    Notice,
    /// An answer of the borrower, which it confirms.
    Reply,
}

/// A reminder that is to be put into the outbox. It holds no text, amount or link: those are decided at the send
/// instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReminder {
    /// Its unique key.
    pub key: ReminderKey,
    /// Its origin.
    pub origin: Origin,
    /// Not to be sent before.
    pub not_before: DateTime<Utc>,
    /// Not to be sent at or after: then it is `expired`.
    pub expires_at: DateTime<Utc>,
}

/// A reminder in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Its number.
    pub id: ReminderId,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// The reminder as it was planned.
    pub plan: NewReminder,
}

/// The state of a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for its time, or for another try.
    Planned,
    /// Waits until the cause of the hold is gone, see [`HoldCause`](super::HoldCause); claims ignore it.
    Held,
    /// Claimed: being handed over, under a lease.
    Sending,
    /// May or may not have gone; waits for proof or for a person.
    Unknown,
    /// A gateway took it over.
    Accepted,
    /// A receipt says that it arrived.
    Delivered,
    /// A receipt says that it did not arrive.
    Undelivered,
    /// Finally rejected, or out of attempts.
    Failed,
    /// Not sent, for a stated reason.
    Skipped,
}
words!(State {
    Planned => "planned", Held => "held", Sending => "sending", Unknown => "unknown",
    Accepted => "accepted", Delivered => "delivered",
    Undelivered => "undelivered", Failed => "failed", Skipped => "skipped",
});

impl State {
    /// Whether the design's state diagram has an arrow from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use State::{Accepted, Delivered, Failed, Held, Planned, Sending, Skipped, Undelivered, Unknown};
        match self {
            // A receipt proves that it was sent, whatever the sender believes.
            Planned => matches!(next, Planned | Held | Sending | Skipped | Delivered),
            Held => matches!(next, Planned | Skipped | Delivered),
            Sending => matches!(next, Planned | Held | Accepted | Failed | Unknown | Delivered | Undelivered),
            Unknown => matches!(next, Planned | Accepted | Delivered | Undelivered | Failed),
            // Receipts may come in any order; the later truth about one message is the better one.
            Accepted | Undelivered => matches!(next, Delivered | Undelivered) && self != next,
            // The due date may come back that it was skipped for.
            Skipped => next == Planned,
            Delivered | Failed => false,
        }
    }
}

/// Why a reminder was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// Everything due that day is paid.
    Paid,
    /// Everything due that day was cancelled.
    Cancelled,
    /// The lender has written off what was due that day.
    WrittenOff,
    /// The borrower disputes what is due that day.
    Disputed,
    /// Nothing is due that day any more: the due date moved.
    Rescheduled,
    /// A nearer step of the same rule takes its place, or no rule calls for it any more.
    Superseded,
    /// The borrower asked not to be contacted on this channel.
    OptedOut,
    /// The address must not be contacted: bounced, complained, blocked by staff.
    Suppressed,
    /// No address for the channel is known.
    NoContact,
    /// A frequency cap is reached.
    Capped,
    /// The borrower is on hold.
    OnHold,
    /// Too late for it to be useful.
    Expired,
    /// Its template does not render.
    BadTemplate,
    /// The merchant is stopped in the config.
    MerchantStopped,
    /// The merchant is not in the config; it is planned again when the merchant comes back in time.
    UnknownMerchant,
    /// The notice that it is of was cancelled.
    NoticeCancelled,
    /// The phone number is of a country or a kind that the merchant may not contact.
    NotAllowed,
}
words!(SkipReason {
    Paid => "paid", Cancelled => "cancelled", WrittenOff => "written_off", Disputed => "disputed",
    Rescheduled => "rescheduled", Superseded => "superseded",
    OptedOut => "opted_out", Suppressed => "suppressed", NoContact => "no_contact", Capped => "capped",
    OnHold => "on_hold", Expired => "expired", BadTemplate => "bad_template", MerchantStopped => "merchant_stopped",
    UnknownMerchant => "unknown_merchant",
    NoticeCancelled => "notice_cancelled", NotAllowed => "not_allowed",
});

impl SkipReason {
    /// Whether it may no longer hold: what the lender's books said, which they may unsay, and a merchant that is not in
    /// the config. Such a reminder is planned again by the next scan that calls for it.
    #[must_use]
    pub fn may_be_unsaid(self) -> bool {
        self.is_by_ledger() || self == Self::UnknownMerchant
    }

    /// Whether it is the state of the debt by the lender's books.
    #[must_use]
    pub fn is_by_ledger(self) -> bool {
        matches!(self, Self::Paid | Self::Cancelled | Self::WrittenOff | Self::Disputed | Self::Rescheduled)
    }

    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::Paid => "everything due that day is paid",
            Self::Cancelled => "everything due that day was cancelled",
            Self::WrittenOff => "what was due that day is written off",
            Self::Disputed => "what is due that day is disputed",
            Self::Rescheduled => "nothing is due on that day any more",
            Self::Superseded => "another message takes its place, or no rule calls for it any more",
            Self::OptedOut => "the borrower asked not to be contacted on this channel",
            Self::Suppressed => "the address is suppressed on this channel",
            Self::NoContact => "no address for this channel is known",
            Self::Capped => "a frequency cap is reached",
            Self::OnHold => "the borrower is on hold",
            Self::Expired => "it is too late for it to be of use",
            Self::BadTemplate => "its template does not render",
            Self::MerchantStopped => "the merchant is stopped in the config",
            Self::UnknownMerchant => {
                "the merchant is not in the config; it is planned again if the merchant comes back in time"
            }
            Self::NoticeCancelled => "its notice was cancelled",
            Self::NotAllowed => {
                "the number is of a country that the merchant does not contact, or of a kind that nobody contacts"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_step_reads_back_as_it_was_written() {
        for text in [
            "due-soon/-3",
            "on-day/0",
            "late/7",
            "a/b/1",
            "manual/2",
            "notice/entry-moved",
            "notice/a/-3",
            "confirmation/7",
        ] {
            assert_eq!(text.parse::<Step>().map(|step| step.to_string()).as_deref(), Ok(text));
        }
        for text in ["due-soon", "due-soon/x", "/1", "manual/-1", "notice/", "notice"] {
            assert!(text.parse::<Step>().is_err(), "{text:?} is no step");
        }
    }
}
