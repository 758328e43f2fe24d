use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::decide::address;
use super::{ChannelMode, Due, Policy, Rule, contact_hours, to_utc};
use crate::domain::{Borrower, BorrowerKey, Channel, Merchant, NewReminder, Origin, ReminderKey, Step};

/// Which reminders a scan plans: those whose time lies before `until` and which are still of use at `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The instant of the scan.
    pub now: DateTime<Utc>,
    /// The end of what is planned ahead.
    pub until: DateTime<Utc>,
}

/// The due dates that any rule could plan for within the horizon, whatever the time zone; `None` without rules.
#[must_use]
pub fn due_dates(policy: &Policy, horizon: Horizon) -> Option<RangeInclusive<NaiveDate>> {
    // Local dates differ from the UTC date by one day at most; contact hours may move a reminder to the next day.
    let slack = TimeDelta::days(2);
    let bounds = policy.rules.iter().flat_map(|rule| {
        rule.offsets.iter().map(move |offset| {
            let first = (horizon.now - rule.max_lateness - slack).date_naive();
            // A local day begins 14 hours before the UTC day at most; nothing moves a reminder to an earlier day.
            let last = (horizon.until + TimeDelta::hours(14)).date_naive();
            let shift = TimeDelta::days(i64::from(*offset));
            (first - shift, last - shift)
        })
    });
    bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).map(|(first, last)| first..=last)
}

/// What one borrower is to be reminded of about one due date.
#[must_use]
pub fn plan(policy: &Policy, due: &Due, horizon: Horizon) -> Vec<NewReminder> {
    let Due { borrower, due_date, suppressed, .. } = due;
    let Some(merchant) = policy.merchants.get(&borrower.key.merchant) else { return Vec::new() };
    let zone = borrower.time_zone.unwrap_or(merchant.time_zone);
    let mut planned = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.is_for(&merchant.id)) {
        for offset in rule.offsets.iter().copied().collect::<BTreeSet<_>>() {
            let Some((not_before, expires_at)) = window(rule, merchant, zone, *due_date, offset) else { continue };
            if horizon.until <= not_before || expires_at <= horizon.now {
                continue;
            }
            let step = Step::Rule { rule: rule.name.clone(), offset };
            planned.extend(channels(rule, borrower, suppressed).into_iter().map(|channel| NewReminder {
                key: key(&borrower.key, *due_date, &step, channel),
                origin: Origin::Schedule,
                not_before,
                expires_at,
            }));
        }
    }
    planned
}

/// When a step may go out, and when it is too late; `None` for a date outside the calendar.
pub(super) fn window(
    rule: &Rule,
    merchant: &Merchant,
    zone: Tz,
    due_date: NaiveDate,
    offset: i32,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let day = due_date.checked_add_signed(TimeDelta::try_days(i64::from(offset))?)?;
    let wished = to_utc(zone, day.and_time(rule.at));
    let not_before = contact_hours(merchant.jurisdiction).next_allowed(zone, wished);
    Some((not_before, not_before + rule.max_lateness))
}

fn key(borrower: &BorrowerKey, due_date: NaiveDate, step: &Step, channel: Channel) -> ReminderKey {
    ReminderKey { borrower: borrower.clone(), due_date, step: step.clone(), channel }
}

/// The channels to plan for. Where none is available the first is planned all the same: the skip is then on record, and an
/// address that comes in before the send instant is used.
fn channels(rule: &Rule, borrower: &Borrower, suppressed: &[Channel]) -> Vec<Channel> {
    let order = &rule.channels.order;
    match rule.channels.mode {
        ChannelMode::All => order.clone(),
        ChannelMode::FirstAvailable | ChannelMode::Fallback { .. } => {
            let reachable =
                |channel: &&Channel| address(borrower, **channel).is_some() && !suppressed.contains(channel);
            order.iter().find(reachable).or(order.first()).copied().into_iter().collect()
        }
    }
}
