//! Rules: day offsets, times, channels and filters.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, WeekdaySet};
use sha2::{Digest, Sha256};

use super::grace::Anchor;
use super::{Calendar, Filters};
use crate::domain::{BorrowerKey, Channel, MerchantId, RouteKey, RuleName, TemplateName};

/// Which of a rule's channels are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelMode {
    /// Each of them.
    All,
    /// The first for which the borrower has an address that may be contacted.
    FirstAvailable,
    /// The first available; the next one if the message fails, is reported undelivered, or no receipt says in time that
    /// it arrived.
    Fallback {
        /// How long a receipt is waited for.
        after: TimeDelta,
    },
}

/// The channels of a rule, in the order of preference; one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChoice {
    /// How many of them.
    pub mode: ChannelMode,
    /// Which.
    pub order: Vec<Channel>,
}

/// On which days a rule reminds. A step is the distance of its day from the due date: -3 is three days before, 0 the
/// day itself, 5 five days after it, or after the end of the grace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// At these distances.
    Offsets(BTreeSet<i32>),
    /// Every time that one of these weekdays comes.
    Weekdays {
        /// Which.
        days: WeekdaySet,
        /// From and to which distance.
        span: RangeInclusive<i32>,
    },
}

impl Days {
    /// The steps about a due date within `view`, from the first to the last.
    pub(super) fn steps(&self, anchor: Anchor, view: RangeInclusive<i32>) -> Box<dyn Iterator<Item = i32> + '_> {
        match self {
            Self::Offsets(_) if view.is_empty() => Box::new(std::iter::empty()),
            Self::Offsets(offsets) => Box::new(offsets.range(view).copied()),
            Self::Weekdays { days, span } => {
                let seen = *span.start().max(view.start())..=*span.end().min(view.end());
                Box::new(seen.filter(move |step| anchor.day(*step).is_some_and(|day| days.contains(day.weekday()))))
            }
        }
    }

    /// Every distance at which there may be a step, whatever the due date.
    #[must_use]
    pub fn offsets(&self) -> Vec<i32> {
        match self {
            Self::Offsets(offsets) => offsets.iter().copied().collect(),
            Self::Weekdays { span, .. } => span.clone().collect(),
        }
    }

    /// The first and the last distance.
    #[must_use]
    pub fn span(&self) -> RangeInclusive<i32> {
        match self {
            Self::Offsets(offsets) => {
                offsets.first().copied().unwrap_or_default()..=offsets.last().copied().unwrap_or(-1)
            }
            Self::Weekdays { span, .. } => span.clone(),
        }
    }
}

/// The day of a step; `None` beyond the calendar.
pub(super) fn day(due_date: NaiveDate, step: i32) -> Option<NaiveDate> {
    due_date.checked_add_signed(TimeDelta::days(i64::from(step)))
}

/// At what time of day, by the borrower's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOfDay {
    /// Everybody at this one.
    At(NaiveTime),
    /// Each borrower at one of their own between these two, always the same, so that not all messages leave in one
    /// second.
    Spread {
        /// The first moment.
        from: NaiveTime,
        /// The end, excluded; later than `from`.
        to: NaiveTime,
    },
}

impl TimeOfDay {
    /// The time for this borrower. It never changes between releases: from the first eight bytes of the SHA-256 of
    /// merchant, a zero byte and number, in milliseconds.
    #[must_use]
    pub fn of(&self, borrower: &BorrowerKey) -> NaiveTime {
        let (from, to) = match *self {
            Self::At(time) => return time,
            Self::Spread { from, to } => (from, to),
        };
        let mut hash = Sha256::new();
        hash.update(borrower.merchant.as_str());
        hash.update([0]);
        hash.update(borrower.id.as_str());
        let digest = hash.finalize();
        let seed = digest.iter().take(8).fold(0_u128, |seed, byte| seed << 8 | u128::from(*byte));
        let width = u128::try_from((to - from).num_milliseconds()).unwrap_or_default();
        let millis = i64::try_from((seed * width) >> 64).unwrap_or_default();
        from.overflowing_add_signed(TimeDelta::milliseconds(millis)).0
    }

    /// The earliest.
    #[must_use]
    pub fn earliest(&self) -> NaiveTime {
        match *self {
            Self::At(time) | Self::Spread { from: time, .. } => time,
        }
    }
}

/// The treatment of a step on a day off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHoliday {
    /// It goes out all the same.
    #[default]
    Send,
    /// It moves to the next working day.
    NextWorkingDay,
    /// It moves to the last working day before.
    PreviousWorkingDay,
}

/// When to remind: one entry of `[[rules]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name; part of every key it plans, so a renamed rule is a new rule.
    pub name: RuleName,
    /// The line of the config on which it begins; 0 if it is not from a file.
    pub line: u32,
    /// For these merchants; for all if empty.
    pub merchants: Vec<MerchantId>,
    /// The filters on due instalments.
    pub filters: Filters,
    /// On which days.
    pub days: Days,
    /// At what time.
    pub at: TimeOfDay,
    /// Only on days at these distances after the due date.
    pub overdue_days: Option<RangeInclusive<i32>>,
    /// No step later than so many days after the due date.
    pub stop_after: Option<i32>,
    /// The treatment of a step on a day off.
    pub on_holiday: OnHoliday,
    /// Which days are off; by default the merchant's calendar says.
    pub calendar: Option<Arc<Calendar>>,
    /// On which channels.
    pub channels: ChannelChoice,
    /// Its own template; by default the one for before, on or after the due date.
    pub template: Option<TemplateName>,
    /// Whether its messages keep debt and amount off the lock screen; by default as the merchant says.
    pub discreet: Option<bool>,
    /// The way to repay that serves when no other of the borrower's works.
    pub second_route: Option<RouteKey>,
    /// Joins what falls due within so many days after the earliest date into one message.
    pub digest: Option<u16>,
    /// How late it may go out after its time and still be of use; then it is `expired`.
    pub max_lateness: TimeDelta,
    /// The priority where a frequency cap does not let all messages go: the higher, the sooner. 0 by default.
    pub priority: i32,
}

impl Rule {
    /// Whether the rule is for borrowers of this merchant.
    #[must_use]
    pub fn is_for(&self, merchant: &MerchantId) -> bool {
        self.merchants.is_empty() || self.merchants.contains(merchant)
    }

    /// The day on which a step that belongs to `day` goes out.
    pub(super) fn shifted(&self, day: NaiveDate, calendar: &Calendar) -> NaiveDate {
        match self.on_holiday {
            OnHoliday::Send => day,
            OnHoliday::NextWorkingDay => calendar.next_working_day(day),
            OnHoliday::PreviousWorkingDay => calendar.previous_working_day(day),
        }
    }
}

/// Which of the rules that match a due date remind of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RulesMatch {
    /// Each.
    #[default]
    All,
    /// The first in the order of the config.
    First,
}

#[cfg(test)]
mod tests {
    use super::TimeOfDay;
    use crate::domain::BorrowerKey;
    use chrono::NaiveTime;

    fn of(id: &str) -> NaiveTime {
        let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let key = BorrowerKey { merchant: "mall".parse().unwrap(), id: id.parse().unwrap() };
        TimeOfDay::Spread { from: time(9, 0), to: time(11, 30) }.of(&key)
    }

    #[test]
    fn a_borrowers_moment_is_the_same_in_every_release() {
        // printf 'mall\0b1' | sha256sum; its first eight bytes, as a part of 2^64, of 9,000,000 ms.
        assert_eq!(of("b1").to_string(), "11:08:28.498");
        assert_eq!(of("b2").to_string(), "09:29:39.017");
    }

    #[test]
    fn moments_are_spread_evenly() {
        let mut quarters = [0; 10];
        for number in 0..10_000 {
            let minute = (of(&format!("b{number}")) - NaiveTime::from_hms_opt(9, 0, 0).unwrap()).num_minutes();
            quarters[usize::try_from(minute).unwrap() / 15] += 1;
        }
        assert!(quarters.iter().all(|count| (850..1150).contains(count)), "{quarters:?}");
    }
}
