//! The coming days of one borrower, in the order of time, with the real decision at each instant.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::{Borrower, Channel, NewReminder, ReminderId, SkipReason, SuppressionReason};
use crate::plan::{Account, Contact, Decision, Policy, Progress, SendPlan, decide};

/// The facts about one borrower and one due date, and the reminders that each policy plans for it.
#[derive(Debug)]
pub(super) struct Prospect {
    pub(super) due_date: NaiveDate,
    /// The facts of today.
    pub(super) account: Account,
    /// Why an address that a reminder would go to must not be contacted.
    pub(super) suppressed: BTreeMap<Channel, SuppressionReason>,
    /// By policy.
    pub(super) planned: Vec<Vec<NewReminder>>,
}

impl Prospect {
    /// The progress of a reminder on a channel that waits for `at`.
    fn waiting(&self, channel: Channel, at: DateTime<Utc>) -> Progress {
        if self.suppressed.contains_key(&channel) { Progress::Suppressed(at) } else { Progress::Planned(at) }
    }
}

/// The predicted outcome of a reminder.
pub(super) enum ForecastOutcome<'f> {
    /// It would be sent.
    Sent { to: &'f Borrower, what: &'f SendPlan },
    /// It would not.
    Skipped(SkipReason),
}

/// Decides every reminder of the policy `number` about the due dates of one borrower, or about one of them where
/// nothing ties them together, before `until`; passes each outcome with its instant to `told`.
pub(super) fn play(
    policy: &Policy,
    number: usize,
    prospects: &mut [Prospect],
    until: DateTime<Utc>,
    told: &mut dyn FnMut(DateTime<Utc>, &NewReminder, ForecastOutcome<'_>),
) {
    let mut reminders: Vec<_> = prospects
        .iter_mut()
        .enumerate()
        .flat_map(|(place, prospect)| prospect.planned[number].split_off(0).into_iter().map(move |one| (place, one)))
        .collect();
    let recent_contacts = policy.recent_contacts();
    if let Some(days) = recent_contacts.map(|recent_contacts| recent_contacts.days_ahead).filter(|days| *days > 0) {
        look_ahead(prospects, days);
    }
    // Waiting reminders count for caps as well, so their progress is kept beside that of those that left.
    let mut progress: Vec<_> =
        reminders.iter().map(|(place, one)| Some(prospects[*place].waiting(one.key.channel, one.not_before))).collect();
    let mut waiting: BinaryHeap<_> =
        reminders.iter().enumerate().map(|(index, (_, one))| Reverse((one.not_before, index))).collect();
    while let Some(Reverse((now, index))) = waiting.pop() {
        if now >= until {
            break;
        }
        let (place, reminder) = &reminders[index];
        let Prospect { account, suppressed, .. } = &mut prospects[*place];
        account.suppressed = suppressed.get(&reminder.key.channel).copied();
        if recent_contacts.is_some() {
            account.contacts = contacts(&reminders, &progress);
        }
        let decision = decide(policy, reminder, account, now);
        let switched = decision.switched(reminder, now).map(|one| (*place, one));
        progress[index] = match decision {
            Decision::Send(what) => {
                if let Some(to) = &account.borrower {
                    told(now, reminder, ForecastOutcome::Sent { to, what: &what });
                }
                Some(Progress::Sent(now))
            }
            Decision::Defer { until, .. } if until > now => {
                waiting.push(Reverse((until, index)));
                Some(prospects[*place].waiting(reminder.key.channel, until))
            }
            // Nobody foretells the end of a hold, and it may outlast the reminder.
            Decision::Defer { .. } | Decision::Hold(_) | Decision::PassOn { .. } => {
                told(now, reminder, ForecastOutcome::Skipped(SkipReason::Expired));
                None
            }
            Decision::Skip(reason) | Decision::Switch { reason, .. } => {
                told(now, reminder, ForecastOutcome::Skipped(reason));
                None
            }
        };
        // On the other channel it is decided once more, like any other.
        if let Some((place, one)) = switched.filter(|(_, one)| reminders.iter().all(|(_, other)| other.key != one.key))
        {
            progress.push(Some(prospects[place].waiting(one.key.channel, now)));
            waiting.push(Reverse((now, reminders.len())));
            reminders.push((place, one));
        }
    }
}

fn contacts(reminders: &[(usize, NewReminder)], progress: &[Option<Progress>]) -> Vec<Contact> {
    let all = reminders.iter().zip(progress).zip(1..);
    all.filter_map(|(((_, one), progress), id)| {
        Some(Contact { id: ReminderId(id), key: one.key.clone(), progress: (*progress)? })
    })
    .collect()
}

/// Adds to each due date the instalments that fall due within `days` after it. The prospects are in the order of the
/// ledger.
fn look_ahead(prospects: &mut [Prospect], days: u16) {
    for place in 0..prospects.len() {
        let (first, rest) = prospects[place..].split_at_mut(1);
        let last = first[0].due_date + TimeDelta::days(i64::from(days));
        let near = rest.iter().take_while(|other| other.due_date <= last);
        first[0].account.following = near.flat_map(|other| other.account.installments.clone()).collect();
    }
}
