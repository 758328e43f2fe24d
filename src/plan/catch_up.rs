//! Sorts the steps that the rules call for into those that a scan plans and those that were missed.

use chrono::{DateTime, TimeDelta, Utc};

use super::grace::Anchor;
use super::planner::a_later_step_is_due;
use super::{ChannelMode, Due, Horizon, Policy, plan};
use crate::domain::{Borrower, NewReminder, ReminderKey, SkipReason, Step};

/// Time zones, contact hours and holidays spread the times of one slice; all of it is planned at once.
const WHOLE_SLICE: TimeDelta = TimeDelta::days(30);

/// An entry that a scan puts into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanItem {
    /// The reminder.
    pub reminder: NewReminder,
    /// Its rule uses only one channel at first: nothing is planned if the outbox has the step on any channel.
    pub is_sole: bool,
    /// The reason why it is inserted as a record only: nobody planned it in time.
    pub skip: Option<SkipReason>,
}

/// The time span for which a scan plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The instant of the scan, and how far it plans ahead.
    pub horizon: Horizon,
    /// A reminder whose time is earlier is neither planned nor recorded.
    pub start: DateTime<Utc>,
}

/// The outbox entries for one due date. `since` gives, for each step, the time from which missed reminders are
/// recorded; `None` leaves the step out.
pub fn call_for(
    policy: &Policy,
    due: &Due,
    span: Span,
    since: impl Fn(&Step) -> Option<DateTime<Utc>>,
    oldest: DateTime<Utc>,
) -> impl Iterator<Item = PlanItem> {
    let Horizon { now, until } = span.horizon;
    // A slice comes into view by its due date, whatever the grace of its instalments.
    let anchor = policy.anchor_of(due);
    let until = until + WHOLE_SLICE + TimeDelta::days(i64::from(anchor.grace));
    let called = plan(policy, due, Horizon { now: oldest, until });
    called.into_iter().filter_map(move |reminder| {
        let of_use = since(&reminder.key.step).is_some_and(|since| reminder.expires_at > since);
        if !of_use || reminder.not_before < span.start {
            return None;
        }
        let skip = missed(policy, &reminder, &due.borrower, anchor, now);
        let mode = policy.rule_of(&reminder.key.step).map(|rule| rule.channels.mode);
        Some(PlanItem { is_sole: mode != Some(ChannelMode::All), reminder, skip })
    })
}

/// Why a reminder that nobody planned before `now` is not sent any more.
fn missed(
    policy: &Policy,
    reminder: &NewReminder,
    borrower: &Borrower,
    anchor: Anchor,
    now: DateTime<Utc>,
) -> Option<SkipReason> {
    if reminder.expires_at <= now {
        return Some(SkipReason::Expired);
    }
    let is_late = reminder.not_before <= now;
    (is_late && is_overtaken(policy, &reminder.key, borrower, anchor, now)).then_some(SkipReason::Superseded)
}

/// Whether a nearer step of the same rule takes the place of this one: its time comes on the borrower's day of `now`,
/// or has come. So nobody gets two steps of one rule on one day.
fn is_overtaken(policy: &Policy, key: &ReminderKey, borrower: &Borrower, anchor: Anchor, now: DateTime<Utc>) -> bool {
    let Step::Rule { offset, .. } = &key.step else { return false };
    let Some(rule) = policy.rule_of(&key.step) else { return false };
    let Some(merchant) = policy.merchants.get(&key.borrower.merchant) else { return false };
    let hours = policy.contact_hours(merchant, borrower, Some(rule));
    a_later_step_is_due(policy, rule, merchant, (borrower, &hours), (anchor, *offset), now)
}
