use chrono::{DateTime, TimeDelta, Utc};

use super::{ChannelMode, Policy};
use crate::domain::{Channel, NewReminder, Next, ReminderKey, Step};

/// When another channel is to be tried after an attempt came to `next`; `None` if the rule names none.
#[must_use]
pub fn fall_back_at(policy: &Policy, reminder: &NewReminder, next: &Next, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (after, _) = next_channel(policy, reminder)?;
    match next {
        Next::Accepted => Some(now + after),
        Next::Failed => Some(now),
        // What is unknown may have arrived: a second text is worse than none.
        Next::Retry { .. } | Next::Unknown => None,
    }
}

/// The reminder on the next channel; `None` if the rule names none any more. It is decided afresh when it is claimed, and its
/// key makes it the only one.
#[must_use]
pub fn fall_back(policy: &Policy, reminder: &NewReminder, now: DateTime<Utc>) -> Option<NewReminder> {
    let (_, channel) = next_channel(policy, reminder)?;
    let key = ReminderKey { channel, ..reminder.key.clone() };
    Some(NewReminder { key, origin: reminder.origin.clone(), not_before: now, expires_at: reminder.expires_at })
}

fn next_channel(policy: &Policy, reminder: &NewReminder) -> Option<(TimeDelta, Channel)> {
    let Step::Rule { .. } = reminder.key.step else { return None };
    let channels = &policy.rule_of(&reminder.key.step)?.channels;
    let ChannelMode::Fallback { after } = channels.mode else { return None };
    let this = channels.order.iter().position(|channel| *channel == reminder.key.channel)?;
    channels.order.get(this + 1).map(|next| (after, *next))
}
