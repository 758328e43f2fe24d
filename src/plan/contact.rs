//! Contacts with a borrower, as caps count them.

use chrono::{DateTime, TimeDelta, Utc};

use super::frequency_cap::COUNTED_DAYS;
use super::{Account, Cap, Policy};
use crate::domain::{Installment, NewReminder, Origin, ReminderId, ReminderKey};

/// A reminder that one person got, is about to get, or is planned to get. Frequency caps and digests use it beside the
/// facts about the reminder itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its number.
    pub id: ReminderId,
    /// Its key; with caps across merchants it may belong to another merchant.
    pub key: ReminderKey,
    /// Its progress.
    pub progress: Progress,
}

/// An address that more borrowers have is nobody's own: a placeholder, or the counter's number. It says nothing about
/// who they are.
pub const MOST_OF_ONE_PERSON: u32 = 5;

/// The progress of a [`Contact`]. A reminder that was not sent and never will be, or is held, is no contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits for its time.
    Planned(DateTime<Utc>),
    /// It waits for its time, and its address must not be contacted: it is skipped then, or goes out on another
    /// channel.
    Suppressed(DateTime<Utc>),
    /// It is being handed over.
    Sending,
    /// It was sent, or nobody knows that it was not: as of the last that is on record about that.
    Sent(DateTime<Utc>),
}

impl Progress {
    /// The progress of a reminder that waits for `at`, by the facts about it; `None` if it will be held or skipped, and
    /// so keeps no place.
    #[must_use]
    pub fn waiting(reminder: &NewReminder, account: &Account, at: DateTime<Utc>) -> Option<Self> {
        // A confirmation speaks of no debt, and an opt-out is what it is for.
        if reminder.origin == Origin::Reply {
            return Some(Self::Planned(at));
        }
        let mut open = account.installments.iter().filter(|one| one.is_due()).peekable();
        let is_held = account.stopped || account.unread_reply.is_some();
        let is_doubtful = |one: &Installment| account.rejected.contains(&one.id) || account.pending.contains(&one.id);
        if is_held || open.peek().is_none() || open.any(is_doubtful) {
            return None;
        }
        Some(if account.suppressed.is_some() { Self::Suppressed(at) } else { Self::Planned(at) })
    }

    /// When it went to the borrower, as seen at `now`; `None` while it waits.
    pub(super) fn left_at(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Planned(_) | Self::Suppressed(_) => None,
            Self::Sending => Some(now),
            Self::Sent(at) => Some(at.min(now)),
        }
    }

    /// The time that it waits for; `None` once it has left.
    #[must_use]
    pub fn waits_for(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Planned(at) | Self::Suppressed(at) => Some(at),
            Self::Sending | Self::Sent(_) => None,
        }
    }
}

/// The facts that a claim reads beside those about each reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentContacts {
    /// The period before the claim whose contacts are read.
    pub contacts_within: TimeDelta,
    /// Whether it reads the contacts of every borrower of any merchant with the same address on the channel, not those
    /// of the borrower alone; see [`MOST_OF_ONE_PERSON`].
    pub across_merchants: bool,
    /// The number of days after the reminder's due date whose instalments are read.
    pub days_ahead: u16,
}

impl Policy {
    /// How much further than its horizon a scan plans. Where a cap keeps a place for what has a higher priority, a
    /// claim must know everything that is planned within the cap's days.
    #[must_use]
    pub fn looks_ahead(&self) -> TimeDelta {
        let first = self.rules.first().map(|rule| rule.priority);
        let Some(caps) = self.caps.as_ref().filter(|_| self.rules.iter().any(|rule| Some(rule.priority) != first))
        else {
            return TimeDelta::zero();
        };
        let caps = || std::iter::once(&caps.all).chain(caps.channels.values());
        let days = if caps().any(|cap| cap.per_7_days.is_some()) { 7 } else { 1 };
        TimeDelta::days(if caps().any(|cap| *cap != Cap::default()) { days } else { 0 })
    }

    /// The facts that a claim has to read so that [`super::decide`] can apply caps and join digests; `None` if the
    /// config has neither, which costs nothing.
    #[must_use]
    pub fn recent_contacts(&self) -> Option<RecentContacts> {
        let days_ahead = self.rules.iter().filter_map(|rule| rule.digest).max().unwrap_or(0);
        (self.caps.is_some() || days_ahead > 0).then(|| RecentContacts {
            contacts_within: TimeDelta::days(COUNTED_DAYS + i64::from(days_ahead)),
            across_merchants: self.caps.as_ref().is_some_and(|caps| caps.across_merchants),
            days_ahead,
        })
    }
}
