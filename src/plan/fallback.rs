//! Decides about the next channel of a reminder.

use chrono::{DateTime, TimeDelta, Utc};

use super::preferences::preferred_first;
use super::{ChannelMode, Policy};
use crate::domain::{Channel, NewReminder, Next, ReminderKey};

/// When another channel is to be tried after an attempt came to `next`; `None` if the rule, with the borrower's
/// preferred channel first, names none after this.
#[must_use]
pub fn fall_back_at(
    policy: &Policy,
    reminder: &NewReminder,
    preferred: Option<Channel>,
    next: &Next,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let (after, rule_order) = fallback(policy, reminder)?;
    let order = preferred_first(rule_order, preferred);
    if order.last() == Some(&reminder.key.channel) {
        return None;
    }
    match next {
        // Nobody reports that a message of the last channel arrived; the borrower may prefer it all the same. It waits
        // for a bounce.
        Next::Accepted if rule_order.last() == Some(&reminder.key.channel) => {
            Some(reminder.expires_at).filter(|end| *end > now)
        }
        Next::Accepted => Some(now + after),
        Next::Failed => Some(now),
        // A message of unknown outcome may have arrived: a second text is worse than none.
        Next::Retry { .. } | Next::Hold { .. } | Next::Unknown => None,
    }
}

/// The reminder on the next channel, after the last the first: a borrower may have wished for another order. `None` if
/// the rule names no fallback any more, or no bounce came in time. It is decided afresh when it is claimed, and its key
/// makes it the only one.
#[must_use]
pub fn fall_back(policy: &Policy, reminder: &NewReminder, now: DateTime<Utc>) -> Option<NewReminder> {
    let (_, order) = fallback(policy, reminder)?;
    if now >= reminder.expires_at && order.last() == Some(&reminder.key.channel) {
        return None;
    }
    let this = order.iter().position(|channel| *channel == reminder.key.channel)?;
    let channel = order.iter().copied().cycle().nth(this + 1).filter(|next| *next != reminder.key.channel)?;
    let key = ReminderKey { channel, ..reminder.key.clone() };
    Some(NewReminder { key, origin: reminder.origin.clone(), not_before: now, expires_at: reminder.expires_at })
}

/// How long a receipt is waited for, and the rule's channels.
fn fallback<'p>(policy: &'p Policy, reminder: &NewReminder) -> Option<(TimeDelta, &'p [Channel])> {
    let channels = &policy.rule_of(&reminder.key.step)?.channels;
    let ChannelMode::Fallback { after } = channels.mode else { return None };
    channels.order.contains(&reminder.key.channel).then_some((after, &channels.order))
}
