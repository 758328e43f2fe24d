//! How many messages one person may get.
//!
//! Days are the borrower's local days; "7 days" are the day itself and the six before it. What was handed over counts, also
//! while it is under way and when nobody knows whether it arrived; an e-mail that is sent again after an unknown outcome counts
//! once, and so does a message together with the fallback that takes its place, except against the cap of a channel. A resend by
//! hand counts and is not stopped. What is planned with a higher priority for the same days keeps its place.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::recheck::has_key;
use super::{ChannelMode, Contact, Policy, Progress, local_date};
use crate::domain::{BorrowerKey, Channel, NewReminder, ReminderKey, Step};

/// The most messages within some days; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cap {
    /// On one local day.
    pub per_day: Option<u32>,
    /// On a local day and the six before it.
    pub per_7_days: Option<u32>,
}

/// The section `[caps]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caps {
    /// Over all channels together.
    pub all: Cap,
    /// On one channel.
    pub channels: BTreeMap<Channel, Cap>,
    /// Counts a person over all merchants, known by the address on the channel: the phone number for SMS, the e-mail address for e-mail.
    pub across_merchants: bool,
}

/// The days of the longest cap, and one more for time zones and changes of clocks.
pub(super) const COUNTED_DAYS: i64 = 8;

/// What counts as one message: the key, without the channel where one channel takes the other's place.
type Message<'k> = (&'k BorrowerKey, NaiveDate, &'k Step, Option<Channel>);

/// Whether one more message, `reminder`, would be more than a cap allows.
pub(super) fn is_capped(
    policy: &Policy,
    reminder: &NewReminder,
    contacts: &[Contact],
    zone: Tz,
    now: DateTime<Utc>,
) -> bool {
    let (Some(caps), key) = (&policy.caps, &reminder.key) else { return false };
    let Some(own) =
        priority(policy, &key.step).filter(|_| !matches!(key.step, Step::Manual { .. } | Step::Confirmation { .. }))
    else {
        return false;
    };
    let today = local_date(zone, now);
    let day = |contact: &Contact| match (contact.progress, contact.progress.left_at(now)) {
        (_, Some(left)) => Some(local_date(zone, left)),
        // What no rule calls for any more is still in the outbox, and will not be sent.
        (Progress::Planned(at), None)
            if priority(policy, &contact.key.step) > Some(own) && has_key(policy, &contact.key) =>
        {
            Some(local_date(zone, at).max(today))
        }
        _ => None,
    };
    let others = contacts.iter().filter(|contact| contact.key != *key);
    let counted: Vec<_> = others.filter_map(|contact| Some((day(contact)?, &contact.key))).collect();
    let itself = message(policy, key);
    let all = counted.iter().map(|(day, key)| (*day, message(policy, key))).filter(|(_, other)| *other != itself);
    let same = counted.iter().filter(|(_, other)| other.channel == key.channel);
    let same = same.map(|(day, key)| (*day, exactly(key)));
    caps.all.is_reached(&all.collect::<Vec<_>>(), today)
        || caps.channels.get(&key.channel).is_some_and(|cap| cap.is_reached(&same.collect::<Vec<_>>(), today))
}

impl Cap {
    fn is_reached(self, counted: &[(NaiveDate, Message<'_>)], today: NaiveDate) -> bool {
        [(self.per_day, 1), (self.per_7_days, 7)].into_iter().any(|(most, days)| {
            // Every span of so many days that today is in: what is planned for later must fit as well.
            most.is_some_and(|most| {
                (0..days).any(|ahead| within(counted, today + TimeDelta::days(ahead), days) >= most)
            })
        })
    }
}

/// How many messages fall on `last` and the days before it, `days` in all.
fn within(counted: &[(NaiveDate, Message<'_>)], last: NaiveDate, days: i64) -> u32 {
    let span = last - TimeDelta::days(days - 1)..=last;
    let messages: BTreeSet<_> = counted.iter().filter(|(day, _)| span.contains(day)).map(|(_, one)| one).collect();
    u32::try_from(messages.len()).unwrap_or(u32::MAX)
}

fn message<'k>(policy: &Policy, key: &'k ReminderKey) -> Message<'k> {
    let mode = policy.rule_of(&key.step).map(|rule| rule.channels.mode);
    let channel = if matches!(mode, Some(ChannelMode::Fallback { .. })) { None } else { Some(key.channel) };
    (&key.borrower, key.due_date, &key.step, channel)
}

fn exactly(key: &ReminderKey) -> Message<'_> {
    (&key.borrower, key.due_date, &key.step, Some(key.channel))
}

/// Who goes first: what a person asked for or answered before notices, and these before every rule. What belongs to no rule goes nowhere.
fn priority(policy: &Policy, step: &Step) -> Option<i64> {
    match step {
        Step::Manual { .. } | Step::Confirmation { .. } => Some(i64::MAX),
        Step::Notice { .. } => Some(i64::MAX - 1),
        Step::Rule { .. } => policy.rule_of(step).map(|rule| i64::from(rule.priority)),
    }
}
