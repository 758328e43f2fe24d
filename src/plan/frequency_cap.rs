//! How many messages one person may get.
//!
//! Days are the borrower's local days; "7 days" are the day itself and the six before it. What was handed over counts,
//! also while it is under way and when nobody knows whether it arrived; an e-mail that is sent again after an unknown
//! outcome counts once, and so does a message together with the fallback that takes its place, except against the cap
//! of a channel. A resend by hand counts and is not stopped. What waits and goes first by its [`Precedence`] keeps its
//! place in the same days, as long as it can be sent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::recheck::{has_key, other_channel};
use super::{Account, ChannelMode, Contact, Policy, Precedence, Progress, local_date, reachable_address};
use crate::domain::{Borrower, BorrowerKey, Channel, NewReminder, ReminderKey, Step};

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
    /// Counts a person over all merchants, known by the address on the channel: the phone number for SMS, the e-mail
    /// address for e-mail.
    pub across_merchants: bool,
}

/// The days of the longest cap, and one more for time zones and changes of clocks.
pub(super) const COUNTED_DAYS: i64 = 8;

/// The identity of a message for counting: the key, without the channel where one channel replaces another.
type MessageKey<'k> = (&'k BorrowerKey, NaiveDate, &'k Step, Option<Channel>);

/// Whether one more message, `reminder`, would exceed a cap. A waiting message that goes before it keeps its place,
/// unless it will not be sent itself.
pub(super) fn is_capped(
    policy: &Policy,
    reminder: &NewReminder,
    account: &Account,
    zone: Tz,
    now: DateTime<Utc>,
) -> bool {
    let (Some(caps), key) = (&policy.caps, &reminder.key) else { return false };
    if is_exempt(&key.step) {
        return false;
    }
    let itself = account.contacts.iter().find(|contact| contact.key == *key);
    let at = itself.and_then(|contact| contact.progress.waits_for()).unwrap_or(reminder.not_before);
    let Some(own) = Precedence::of(policy, key, at, account.borrower.as_ref()) else { return false };
    let others: Vec<_> = account.contacts.iter().filter(|contact| contact.key != *key).collect();
    let today = local_date(zone, now);
    let mut counted: Vec<_> = others.iter().filter_map(|other| left(other, zone, now)).collect();
    for (_, at, key) in keep_their_places(policy, account, &others, &own) {
        let day = local_date(zone, at).max(today);
        if is_exempt(&key.step) || !caps.are_reached(policy, key, &counted, day) {
            counted.push((day, key));
        }
    }
    caps.are_reached(policy, key, &counted, today)
}

/// Whether a person has had as many messages as a cap allows, so that `reminder` would be one more. For a resend by
/// hand, which `is_capped` lets pass; what waits keeps no place against it.
#[must_use]
pub fn has_reached_cap(policy: &Policy, reminder: &NewReminder, account: &Account, now: DateTime<Utc>) -> bool {
    let key = &reminder.key;
    let merchant = policy.merchants.get(&key.borrower.merchant);
    let (Some(caps), Some(merchant), Some(borrower)) = (&policy.caps, merchant, &account.borrower) else {
        return false;
    };
    let zone = policy.contact_hours(merchant, borrower, None).zones.home();
    let counted: Vec<_> = account.contacts.iter().filter_map(|contact| left(contact, zone, now)).collect();
    caps.are_reached(policy, key, &counted, local_date(zone, now))
}

/// On which day a contact left.
fn left(contact: &Contact, zone: Tz, now: DateTime<Utc>) -> Option<(NaiveDate, &ReminderKey)> {
    Some((local_date(zone, contact.progress.left_at(now)?), &contact.key))
}

/// The waiting messages that go before `own` and can be sent, with their times, in order of precedence.
fn keep_their_places<'c>(
    policy: &Policy,
    account: &Account,
    others: &[&'c Contact],
    own: &Precedence<'_>,
) -> Vec<(Precedence<'c>, DateTime<Utc>, &'c ReminderKey)> {
    let borrower = account.borrower.as_ref();
    let place = |contact: &&'c Contact| {
        let at = contact.progress.waits_for()?;
        Some((Precedence::of(policy, &contact.key, at, borrower)?, at, *contact))
    };
    let keeps = |(place, _, contact): &(Precedence<'_>, DateTime<Utc>, &Contact)| {
        place.goes_before(own) && may_be_sent(policy, borrower, contact)
    };
    let mut before: Vec<_> = others.iter().filter_map(place).filter(keeps).collect();
    before.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    before.into_iter().map(|(place, at, contact)| (place, at, &contact.key)).collect()
}

/// Whether no cap stops it: a person asked for it, or it answers one.
fn is_exempt(step: &Step) -> bool {
    matches!(step, Step::Manual { .. } | Step::Confirmation { .. })
}

/// Whether a waiting message can be sent, as far as rules and addresses show: on its own channel, or on another one
/// instead.
fn may_be_sent(policy: &Policy, borrower: Option<&Borrower>, contact: &Contact) -> bool {
    // The outbox still contains reminders that no rule calls for any more.
    if !has_key(policy, &contact.key) {
        return false;
    }
    let key = &contact.key;
    // Of another merchant's borrower no address is known here.
    let own = borrower.filter(|borrower| borrower.key == key.borrower);
    let merchant = policy.merchants.get(&key.borrower.merchant);
    let is_usable = !matches!(contact.progress, Progress::Suppressed(_))
        && own
            .zip(merchant)
            .is_none_or(|(borrower, merchant)| reachable_address(merchant, borrower, key.channel).is_some());
    let switches = || {
        let (rule, borrower) = (policy.rule_of(&key.step)?, own?);
        other_channel(merchant?, rule, borrower, key)
    };
    is_usable || switches().is_some()
}

impl Caps {
    /// Whether a message on `day` would be one more than allowed beside those that are counted.
    fn are_reached(
        &self,
        policy: &Policy,
        key: &ReminderKey,
        counted: &[(NaiveDate, &ReminderKey)],
        day: NaiveDate,
    ) -> bool {
        let itself = message(policy, key);
        let all = counted.iter().map(|(day, key)| (*day, message(policy, key))).filter(|(_, other)| *other != itself);
        let same = counted.iter().filter(|(_, other)| other.channel == key.channel);
        let same = same.map(|(day, key)| (*day, exactly(key)));
        self.all.is_reached(&all.collect::<Vec<_>>(), day)
            || self.channels.get(&key.channel).is_some_and(|cap| cap.is_reached(&same.collect::<Vec<_>>(), day))
    }
}

impl Cap {
    fn is_reached(self, counted: &[(NaiveDate, MessageKey<'_>)], today: NaiveDate) -> bool {
        [(self.per_day, 1), (self.per_7_days, 7)].into_iter().any(|(most, days)| {
            // Every span of so many days that today is in: what is planned for later must fit as well.
            most.is_some_and(|most| {
                (0..days).any(|ahead| within(counted, today + TimeDelta::days(ahead), days) >= most)
            })
        })
    }
}

/// How many messages fall on `last` and the days before it, `days` in all.
fn within(counted: &[(NaiveDate, MessageKey<'_>)], last: NaiveDate, days: i64) -> u32 {
    let span = last - TimeDelta::days(days - 1)..=last;
    let messages: BTreeSet<_> = counted.iter().filter(|(day, _)| span.contains(day)).map(|(_, one)| one).collect();
    u32::try_from(messages.len()).unwrap_or(u32::MAX)
}

fn message<'k>(policy: &Policy, key: &'k ReminderKey) -> MessageKey<'k> {
    let mode = policy.rule_of(&key.step).map(|rule| rule.channels.mode);
    let channel = if matches!(mode, Some(ChannelMode::Fallback { .. })) { None } else { Some(key.channel) };
    (&key.borrower, key.due_date, &key.step, channel)
}

fn exactly(key: &ReminderKey) -> MessageKey<'_> {
    (&key.borrower, key.due_date, &key.step, Some(key.channel))
}
