//! Checks a reminder against its rule again at the claim: rule, calendar and borrower may have changed since it was
//! planned.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};

use super::grace::Anchor;
use super::planner::{time_of_step, withheld};
use super::preferences::preferred_first;
use super::reachable_address;
use super::{ChannelMode, ContactHours, NotPlannedReason, Policy, Rule};
use crate::domain::{
    Borrower, Channel, LONGEST_GRACE, Merchant, MerchantId, NewReminder, ReminderKey, SkipReason, Step,
};

/// The rule of a step and its distance from the due date; `None` for a step that belongs to no rule. Without an
/// `anchor` it is not known on which day a step after the due date lies.
///
/// # Errors
/// [`SkipReason::Superseded`] when no rule has the step any more.
pub(super) fn rule_of<'p>(
    policy: &'p Policy,
    key: &ReminderKey,
    anchor: Option<Anchor>,
) -> Result<Option<(&'p Rule, i32)>, SkipReason> {
    let Step::Rule { offset, .. } = key.step else { return Ok(None) };
    let rule = policy.rule_of(&key.step).ok_or(SkipReason::Superseded)?;
    if has_step(rule, &key.borrower.merchant, key.due_date, anchor, offset) {
        Ok(Some((rule, offset)))
    } else {
        Err(SkipReason::Superseded)
    }
}

/// Whether a rule has a step at that distance for that merchant.
fn has_step(rule: &Rule, merchant: &MerchantId, due_date: NaiveDate, anchor: Option<Anchor>, offset: i32) -> bool {
    let longest = if offset > 0 { LONGEST_GRACE } else { 0 };
    let any = || (0..=longest).map(|grace| Anchor { due_date, grace }).collect();
    let anchors: Vec<_> = anchor.map_or_else(any, |known| vec![known]);
    rule.is_for(merchant)
        && anchors.into_iter().any(|anchor| rule.days.steps(anchor, offset..=offset).next().is_some())
        && withheld(rule, offset).is_none()
}

/// Whether a rule still has the step of a key, on its channel. What is due then is not looked at.
pub(super) fn has_key(policy: &Policy, key: &ReminderKey) -> bool {
    match rule_of(policy, key, None) {
        Ok(Some((rule, _))) => rule.channels.order.contains(&key.channel),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// From when until when a reminder may go out: for a step of a rule as the rule and the borrower have it now, for
/// anything else as it was planned.
///
/// # Errors
/// The reason why it may not at all.
pub(super) fn window(
    policy: &Policy,
    rule: Option<(&Rule, i32)>,
    merchant: &Merchant,
    (borrower, hours): (&Borrower, &ContactHours<'_>),
    reminder: &NewReminder,
    anchor: Option<Anchor>,
) -> Result<Range<DateTime<Utc>>, SkipReason> {
    let Some((rule, offset)) = rule else { return Ok(reminder.not_before..reminder.expires_at) };
    let calendar = policy.calendar_of(rule, merchant);
    let anchor = anchor.unwrap_or(Anchor { due_date: reminder.key.due_date, grace: 0 });
    match time_of_step(rule, calendar, hours, borrower, anchor, offset) {
        Ok(time) if time == reminder.not_before => Ok(time..reminder.expires_at),
        Ok(time) => Ok(time..time + rule.max_lateness),
        Err(NotPlannedReason::NoCommonHour) => Err(SkipReason::Expired),
        Err(_) => Err(SkipReason::Superseded),
    }
}

/// The channel that a step goes out on when that of `key` cannot be used: the first of the others for which there is an
/// address, if the rule wants one channel at first. Whether that address may be contacted is decided when its reminder
/// is claimed.
pub(super) fn other_channel(
    merchant: &Merchant,
    rule: &Rule,
    borrower: &Borrower,
    key: &ReminderKey,
) -> Option<Channel> {
    if rule.channels.mode == ChannelMode::All {
        return None;
    }
    let order = preferred_first(&rule.channels.order, borrower.preferred_channel);
    order
        .into_iter()
        .find(|channel| *channel != key.channel && reachable_address(merchant, borrower, *channel).is_some())
}
