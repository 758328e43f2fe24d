//! Why a reminder is held.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use super::reminder::words;
use super::{InstallmentId, MerchantId, SourceName, UnknownWord};

/// Why waiting reminders may not be sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HoldReason {
    /// Somebody has stopped the sending. The subject is the reminder's merchant.
    Stopped,
    /// Its notice is paused. The subject is the notice.
    Paused,
    /// A record of one of its instalments could not be applied: it may be paid. The subject is merchant and instalment.
    RejectedRecord,
    /// The source of one of its instalments has it no longer, as so many others that nobody believes it yet. The
    /// subject is merchant and instalment.
    Vanished,
    /// A payment of one of its instalments is reported and not booked yet. The subject is merchant and instalment.
    PaymentPending,
    /// Every way to repay that it could lead to is closed, or found to be out of order. The subject is a fingerprint of
    /// the routes: as long as they are the same, so is the answer.
    NoRoute,
    /// Its template does not render, nor did it for others. The subject is the template, and behind `@` a fingerprint
    /// of all of them: it may render once these are others.
    BadTemplate,
    /// A source that feeds its merchant was not pulled for too long, or its data is too old. The subject is source and
    /// merchant.
    StaleSource,
    /// The borrower has answered what may be a refusal, and nobody has read it yet. The subject is the answer.
    UnreadReply,
    /// Far more was planned for its merchant on a day than usual, and nobody has approved it. The subject is merchant
    /// and day.
    Volume,
    /// The config names who alone may be written to, and this borrower is not among them. The subject is a fingerprint
    /// of the list.
    OnlyTo,
}
words!(HoldReason {
    Stopped => "stopped", Paused => "paused", RejectedRecord => "rejected_record", Vanished => "vanished",
    PaymentPending => "payment_pending", NoRoute => "no_route", BadTemplate => "bad_template",
    StaleSource => "stale_source", UnreadReply => "unread_reply", Volume => "volume", OnlyTo => "only_to",
});

impl HoldReason {
    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::Stopped => "somebody has stopped the sending",
            Self::Paused => "its notice is paused",
            Self::RejectedRecord => {
                "a record of the instalment could not be applied, so it may be paid; see `dueherald rejects list`"
            }
            Self::Vanished => {
                "its source has the instalment no longer, and far more vanished than usual; see `dueherald source \
                 accept`"
            }
            Self::PaymentPending => "a payment of the instalment is reported, and the ledger has not booked it yet",
            Self::NoRoute => "every way to repay that it could lead to is closed or out of order",
            Self::BadTemplate => "its template does not render, and was stopped",
            Self::StaleSource => {
                "the last complete pull of a source, or the data that it read, is too old to remind from"
            }
            Self::UnreadReply => "the borrower has answered what may be a refusal, and nobody has read it yet",
            Self::Volume => {
                "far more was planned for its merchant on that day than usual; see `dueherald reminders approve`"
            }
            Self::OnlyTo => "`dispatch.only_to` in the config does not name the address",
        }
    }
}

/// A reason with what it is about. All reminders of one cause and one channel are held and released alike, so nothing
/// has to be asked about each of them. Its text is `reason:subject`, in the queue and in events: it holds no personal
/// data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldCause {
    /// Why.
    pub reason: HoldReason,
    /// About what; each reason says of what kind. May be empty.
    pub subject: String,
}

impl HoldCause {
    /// A cause.
    #[must_use]
    pub fn new(reason: HoldReason, subject: impl fmt::Display) -> Self {
        Self { reason, subject: subject.to_string() }
    }

    /// The cause that a rejected record of an instalment is.
    #[must_use]
    pub fn rejected(merchant: &MerchantId, installment: &InstallmentId) -> Self {
        Self::new(HoldReason::RejectedRecord, format_args!("{merchant}/{installment}"))
    }

    /// The cause that a pending payment of an instalment is.
    #[must_use]
    pub fn payment(merchant: &MerchantId, installment: &InstallmentId) -> Self {
        Self::new(HoldReason::PaymentPending, format_args!("{merchant}/{installment}"))
    }

    /// The cause that the absence of an instalment from its source is.
    #[must_use]
    pub fn vanished(merchant: &MerchantId, installment: &InstallmentId) -> Self {
        Self::new(HoldReason::Vanished, format_args!("{merchant}/{installment}"))
    }

    /// The cause that a day of too much is for a merchant.
    #[must_use]
    pub fn volume(merchant: &MerchantId, day: NaiveDate) -> Self {
        Self::new(HoldReason::Volume, format_args!("{merchant}/{day}"))
    }

    /// The merchant and the day of a cause that is [`HoldReason::Volume`].
    #[must_use]
    pub fn day_of_volume(&self) -> Option<(MerchantId, NaiveDate)> {
        let (merchant, day) = self.subject.rsplit_once('/').filter(|_| self.reason == HoldReason::Volume)?;
        Some((MerchantId::new(merchant).ok()?, day.parse().ok()?))
    }

    /// The cause that a stale source is for a merchant that it feeds.
    #[must_use]
    pub fn stale(source: &SourceName, merchant: &MerchantId) -> Self {
        Self::new(HoldReason::StaleSource, format_args!("{source}/{merchant}"))
    }
}

impl fmt::Display for HoldCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.reason, self.subject)
    }
}

impl FromStr for HoldCause {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let (reason, subject) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { reason: reason.parse()?, subject: subject.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{HoldCause, HoldReason};

    #[test]
    fn a_cause_reads_back_as_it_was_written() {
        for subject in ["mall", "", "a:b"] {
            let cause = HoldCause::new(HoldReason::Paused, subject);
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        assert!("tired:mall".parse::<HoldCause>().is_err());
    }
}
