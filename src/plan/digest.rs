//! Several due dates in one message.
//!
//! Every due date has its own reminders. The first of them that leaves takes with it what falls due within the rule's
//! `digest` days after its own date, and those of the other dates are then superseded. So the groups begin with the
//! earliest open date, and a date whose group's first was paid, capped or failed is reminded of by itself: nothing is
//! lost when the groups change.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Account, ChannelMode, Rule};
use crate::domain::{Installment, ReminderKey, SkipReason};

/// The instalments to include in the message of `key` besides those of its own due date, in the order of the dates.
///
/// # Errors
/// [`SkipReason::Superseded`] when the message of another date has already included this one.
pub(super) fn joined(
    rule: Option<&Rule>,
    key: &ReminderKey,
    account: &Account,
    now: DateTime<Utc>,
) -> Result<Vec<Installment>, SkipReason> {
    let Some((rule, days)) = rule.and_then(|rule| Some((rule, rule.digest?))) else { return Ok(Vec::new()) };
    let spoken_of = |date| {
        account
            .contacts
            .iter()
            .any(|contact| contact.progress.left_at(now).is_some() && covers(rule, days, &contact.key, key, date))
    };
    if spoken_of(key.due_date) {
        return Err(SkipReason::Superseded);
    }
    let last = key.due_date + TimeDelta::days(i64::from(days));
    let open = account.following.iter().filter(|one| one.is_due() && one.due_date <= last && !spoken_of(one.due_date));
    Ok(open.cloned().collect())
}

/// Whether the message `sent` spoke of `date` by the same step, so that `key` must not do so again. The other channel
/// of the same date is no other message: it stands beside it, or takes its place.
fn covers(rule: &Rule, days: u16, sent: &ReminderKey, key: &ReminderKey, date: NaiveDate) -> bool {
    let same_step = sent.borrower == key.borrower && sent.step == key.step && sent != key;
    let instead = rule.channels.mode != ChannelMode::All && sent.due_date != key.due_date;
    let span = sent.due_date..=sent.due_date + TimeDelta::days(i64::from(days));
    same_step && (sent.channel == key.channel || instead) && span.contains(&date)
}
