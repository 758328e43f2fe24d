//! Forecasts the decisions about all waiting and future reminders of one borrower, in the order in which they leave:
//! each decision sees what left before it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DueDateFacts, PaymentView, Reason};
use crate::domain::{NewReminder, PaymentStage, ReminderId, ReminderKey};
use crate::pipeline::LinkGates;
use crate::plan::{Account, Contact, Decision, Policy, Precedence, Progress, decide};

/// A forecast of one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecisionForecast {
    /// The instant of the decision.
    pub at: DateTime<Utc>,
    /// `send`, `defer`, `hold` or `skip`.
    pub decision: &'static str,
    /// The time until which it would be deferred.
    pub until: Option<DateTime<Utc>>,
    /// The reason.
    pub why: Option<Reason>,
}

/// By reminder, what would be decided about it first.
pub(super) type Answers = HashMap<ReminderKey, DecisionForecast>;

/// A reminder of the outbox that waits, or one that a scan is to plan.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) reminder: NewReminder,
    /// When it is decided next.
    pub(super) at: DateTime<Utc>,
}

/// Decides about all of it from `now` on.
pub(super) fn answers(
    policy: &Policy,
    gates: &LinkGates,
    facts: &[DueDateFacts],
    waiting: Vec<Waiting>,
    now: DateTime<Utc>,
) -> Answers {
    let mut outlook = QueueOutlook { policy, gates, facts, now, all: HashMap::new() };
    let mut queue = outlook.queue(waiting);
    let mut answers = Answers::new();
    while let Some(Reverse((at, _, key))) = queue.pop() {
        let Some(reminder) = outlook.all.get(&key).map(|known| known.reminder.clone()) else { continue };
        let decision = outlook.decide(&reminder, at);
        let progress = match &decision {
            Decision::Send(_) => Some(Progress::Sent(at)),
            Decision::Defer { until, .. } if *until > at => {
                queue.push(Reverse((*until, usize::MAX, key.clone())));
                outlook.waiting(&reminder, *until)
            }
            Decision::Defer { .. }
            | Decision::Hold(_)
            | Decision::Skip(_)
            | Decision::Switch { .. }
            | Decision::PassOn { .. } => None,
        };
        if let Some(switched) = decision.switched(&reminder, at).filter(|other| !outlook.all.contains_key(&other.key)) {
            queue.push(Reverse((at, usize::MAX, switched.key.clone())));
            let progress = outlook.waiting(&switched, at);
            outlook.all.insert(switched.key.clone(), Candidate { reminder: switched, progress });
        }
        answers.entry(key.clone()).or_insert_with(|| DecisionForecast::of(at, decision));
        outlook.all.entry(key).and_modify(|known| known.progress = progress);
    }
    answers
}

type Queue = BinaryHeap<Reverse<(DateTime<Utc>, usize, ReminderKey)>>;

struct Candidate {
    reminder: NewReminder,
    /// How far it has come by then; `None` once it is clear that it is not sent.
    progress: Option<Progress>,
}

struct QueueOutlook<'a> {
    policy: &'a Policy,
    gates: &'a LinkGates,
    facts: &'a [DueDateFacts],
    now: DateTime<Utc>,
    all: HashMap<ReminderKey, Candidate>,
}

impl QueueOutlook<'_> {
    /// Takes in what waits. What is due at one time is decided in the order in which it goes.
    fn queue(&mut self, waiting: Vec<Waiting>) -> Queue {
        let borrower = self.facts.first().map(|facts| &facts.borrower);
        let mut places: Vec<_> =
            waiting.iter().map(|one| (Precedence::of(self.policy, &one.reminder.key, one.at, borrower), one)).collect();
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        let places: HashMap<_, _> = places.into_iter().map(|(_, one)| one.reminder.key.clone()).zip(0..).collect();
        let mut queue = Queue::new();
        for Waiting { reminder, at } in waiting {
            let place = places.get(&reminder.key).copied().unwrap_or(usize::MAX);
            queue.push(Reverse((at.max(self.now), place, reminder.key.clone())));
            let progress = self.waiting(&reminder, at);
            self.all.insert(reminder.key.clone(), Candidate { reminder, progress });
        }
        queue
    }

    fn decide(&self, reminder: &NewReminder, at: DateTime<Utc>) -> Decision {
        let channel = reminder.key.channel;
        let mut account = self.account(reminder);
        // A pending payment holds nothing once its time is over.
        let payments = || self.facts.iter().flat_map(|facts| &facts.payments);
        let holds = |one: &PaymentView| one.stage == PaymentStage::Holding && at < one.until;
        account.pending.retain(|id| payments().any(|one| one.installment == *id && holds(one)));
        account.contacts.retain(|contact| !self.all.contains_key(&contact.key));
        account.contacts.iter_mut().for_each(|contact| contact.progress = self.later(contact.progress, at));
        let known = self.all.values().filter_map(|known| {
            Some(Contact { id: ReminderId(0), key: known.reminder.key.clone(), progress: known.progress? })
        });
        account.contacts.extend(known);
        let decision = decide(self.policy, reminder, &account, at);
        match self.gates.of(channel, &reminder.key.borrower.merchant) {
            Some(gate) => gate.at(at).pass(decision, reminder),
            None => decision,
        }
    }

    /// The facts as they stand now.
    fn account(&self, reminder: &NewReminder) -> Account {
        let facts = self.facts.iter().find(|facts| facts.due_date == reminder.key.due_date);
        facts.and_then(|facts| facts.accounts.get(&reminder.key.channel)).cloned().unwrap_or_default()
    }

    fn waiting(&self, reminder: &NewReminder, at: DateTime<Utc>) -> Option<Progress> {
        Progress::waiting(reminder, &self.account(reminder), at)
    }

    /// How far a message has come at a later time of which nothing is decided here: it is taken to go out in its time.
    fn later(&self, progress: Progress, at: DateTime<Utc>) -> Progress {
        match progress {
            Progress::Planned(planned) if planned.max(self.now) < at => Progress::Sent(planned.max(self.now)),
            Progress::Sending => Progress::Sent(self.now),
            other => other,
        }
    }
}

impl DecisionForecast {
    fn of(at: DateTime<Utc>, decision: Decision) -> Self {
        let (decision, until, why) = match decision {
            Decision::Send(_) | Decision::PassOn { .. } => ("send", None, None),
            Decision::Defer { until, reason } => {
                let (word, text) = (reason.as_str().to_owned(), reason.explained().to_owned());
                ("defer", Some(until), Some(Reason { word, text }))
            }
            Decision::Hold(cause) => {
                let (word, text) = (cause.reason.to_string(), cause.reason.explained().to_owned());
                ("hold", None, Some(Reason { word, text }))
            }
            Decision::Skip(reason) => ("skip", None, Some(Reason::skipped(reason))),
            Decision::Switch { reason, to } => {
                let Reason { word, text } = Reason::skipped(reason);
                ("skip", None, Some(Reason { word, text: format!("{text}; {to} takes its place") }))
            }
        };
        Self { at, decision, until, why }
    }
}
