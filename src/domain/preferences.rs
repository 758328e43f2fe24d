//! Contact preferences: language, channel, hours and holds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, Utc};

use super::{Borrower, BorrowerKey, Channel, FieldUpdate, Hold, Locale};

/// Local hours of a day in which a borrower likes to be contacted, from the first (included) to the last (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreferredHours {
    from: NaiveTime,
    to: NaiveTime,
}

/// A text that is no span of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a span of hours such as 18:00-21:00, the earlier first")]
pub struct HoursError;

impl PreferredHours {
    const FORM: &str = "%H:%M";

    /// First moment of the day.
    #[must_use]
    pub fn from(self) -> NaiveTime {
        self.from
    }

    /// First moment that is too late.
    #[must_use]
    pub fn to(self) -> NaiveTime {
        self.to
    }
}

impl FromStr for PreferredHours {
    type Err = HoursError;
    fn from_str(text: &str) -> Result<Self, HoursError> {
        let (from, to) = text.split_once('-').ok_or(HoursError)?;
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), Self::FORM).map_err(|_| HoursError);
        let hours = Self { from: time(from)?, to: time(to)? };
        if hours.from < hours.to { Ok(hours) } else { Err(HoursError) }
    }
}

impl fmt::Display for PreferredHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format(Self::FORM), self.to.format(Self::FORM))
    }
}

/// Wishes about contact with a borrower, from the lender's books, staff or the borrower.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactPreferences {
    /// A stop for this borrower; nothing lifts it.
    pub hold: FieldUpdate<Hold>,
    /// The language of messages.
    pub locale: FieldUpdate<Locale>,
    /// The channel that goes first where a rule chooses one.
    pub preferred_channel: FieldUpdate<Channel>,
    /// The preferred hours, within the contact hours.
    pub preferred_hours: FieldUpdate<PreferredHours>,
}

impl ContactPreferences {
    /// The borrower after these wishes.
    #[must_use]
    pub fn apply_to(self, known: Borrower) -> Borrower {
        Borrower {
            hold: self.hold.apply_to(known.hold),
            locale: self.locale.apply_to(known.locale),
            preferred_channel: self.preferred_channel.apply_to(known.preferred_channel),
            preferred_hours: self.preferred_hours.apply_to(known.preferred_hours),
            ..known
        }
    }
}

/// For the record: `hold dispute until 2026-12-01T00:00:00+00:00, channel none`.
impl fmt::Display for ContactPreferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn word<T: fmt::Display>(name: &str, said: &FieldUpdate<T>) -> Option<String> {
            match said {
                FieldUpdate::Keep => None,
                FieldUpdate::Set(None) => Some(format!("{name} none")),
                FieldUpdate::Set(Some(value)) => Some(format!("{name} {value}")),
            }
        }
        let words = [
            word("hold", &self.hold),
            word("language", &self.locale),
            word("channel", &self.preferred_channel),
            word("hours", &self.preferred_hours),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// Wishes that a person entered into the ledger by hand; on record for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualPreferences {
    /// The borrower.
    pub borrower: BorrowerKey,
    /// The wishes; those not given stay as they are known.
    pub preferences: ContactPreferences,
    /// The person who entered them.
    pub actor: String,
    /// The time of the entry.
    pub at: DateTime<Utc>,
}
