//! One round of deliveries to an endpoint: which events go together, and what follows from their results.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{
    BorrowerId, EndpointState, RecordPosition, WEBHOOK_BORROWER_BACKOFF, WEBHOOK_ENDPOINT_BACKOFF, WaitingBorrower,
    WebhookEvent, WebhookType, webhook_pause,
};

/// So many borrowers in a row whose events fail mean that the endpoint itself does.
pub(super) const FAILING_BORROWERS: usize = 3;

/// A borrower, or the routes of the merchant.
pub(super) type Subject = Option<BorrowerId>;

/// The events of one borrower, in their order.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) subject: Subject,
    pub(super) events: Vec<WebhookEvent>,
    /// The endpoint took everything up to there.
    pub(super) position: RecordPosition,
}

/// The result of a unit.
#[derive(Debug)]
pub(super) struct UnitResult {
    pub(super) subject: Subject,
    /// The endpoint took everything up to there.
    pub(super) position: RecordPosition,
    /// How many events it took.
    pub(super) taken: usize,
    /// Whether there are events that it did not take.
    pub(super) has_rest: bool,
    pub(super) fault: Option<Fault>,
}

/// Why a delivery failed.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) retry_after: Option<Duration>,
    /// 410.
    pub(super) is_gone: bool,
}

impl Fault {
    /// Whether nobody answered who knows what is in the event: another one would fail as well.
    fn is_of_endpoint(&self) -> bool {
        const OF_ENDPOINT: [&str; 8] =
            ["dns", "tls", "connect-failed", "address-not-allowed", "http-429", "http-502", "http-503", "http-504"];
        self.retry_after.is_some() || self.is_gone || OF_ENDPOINT.contains(&self.code.as_str())
    }
}

/// The state of an endpoint in this process.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) state: EndpointState,
    pub(super) waiting: BTreeMap<Subject, WaitingBorrower>,
    /// The position that is in the store.
    pub(super) saved: RecordPosition,
    /// Borrowers who are ahead of the position, as the endpoint failed in the middle of a page.
    pub(super) ahead: BTreeMap<Subject, RecordPosition>,
    /// Borrowers whose events failed since the last success.
    pub(super) failing: BTreeSet<Subject>,
    /// The time of the oldest event that is to be posted now.
    pub(super) behind_since: Option<DateTime<Utc>>,
}

/// The changes that follow from a round, to be saved.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) waiting: Vec<WaitingBorrower>,
    pub(super) served: Vec<Subject>,
}

impl Progress {
    pub(super) fn new(state: EndpointState, waiting: Vec<WaitingBorrower>) -> Self {
        let saved = state.position;
        let waiting = waiting.into_iter().map(|one| (one.borrower.clone(), one)).collect();
        Self { state, waiting, saved, ahead: BTreeMap::new(), failing: BTreeSet::new(), behind_since: None }
    }

    /// Puts the events of a page to their borrowers: behind `due`, those who waited and are tried again. Borrowers who
    /// still wait are left out.
    pub(super) fn units(&self, due: Vec<Unit>, page: &[WebhookEvent], types: &BTreeSet<WebhookType>) -> Vec<Unit> {
        let mut units: BTreeMap<Subject, Unit> = due.into_iter().map(|unit| (unit.subject.clone(), unit)).collect();
        // New borrowers first: those who failed before are the worse test of whether the endpoint answers.
        let mut order: Vec<Subject> = Vec::new();
        let wanted = |event: &&WebhookEvent| event.merchant == self.state.key.merchant && types.contains(&event.kind);
        for event in page.iter().filter(wanted) {
            let subject = &event.borrower;
            let ahead = units.get(subject).map(|unit| unit.position).or(self.ahead.get(subject).copied());
            let position = ahead.unwrap_or(self.state.position);
            if event.number <= position.of(event.table)
                || (self.waiting.contains_key(subject) && !units.contains_key(subject))
            {
                continue;
            }
            let unit = units.entry(subject.clone()).or_insert_with(|| {
                order.push(subject.clone());
                Unit { subject: subject.clone(), events: Vec::new(), position }
            });
            unit.events.push(event.clone());
        }
        let new: Vec<_> = order.iter().filter_map(|subject| units.remove(subject)).collect();
        new.into_iter().chain(units.into_values()).collect()
    }

    /// Takes in the results of a round up to `end`.
    pub(super) fn follow(&mut self, results: Vec<UnitResult>, end: RecordPosition, now: DateTime<Utc>) -> Changes {
        let has_success = results.iter().any(|one| one.taken > 0);
        let recovers = has_success && self.state.failures > 0;
        if has_success {
            self.failing.clear();
        }
        self.failing.extend(results.iter().filter(|one| one.fault.is_some()).map(|one| one.subject.clone()));
        let faults = || results.iter().filter_map(|one| one.fault.as_ref());
        let of_endpoint = faults().find(|fault| fault.is_of_endpoint());
        let of_all = of_endpoint.or(faults().next()).filter(|_| !has_success);
        // Whoever says that it is gone is not called again, even if it took another event a moment before.
        let fault = faults().find(|fault| fault.is_gone).or(of_all).cloned();
        let is_down = fault.as_ref().is_some_and(|fault| {
            fault.is_of_endpoint() || self.failing.len() >= FAILING_BORROWERS || self.state.failures > 0
        });
        let was_cut = results.iter().any(|one| one.fault.is_none() && one.has_rest);
        let keeps_position = is_down || was_cut;
        let mut changes = Changes::default();
        for result in results {
            self.follow_one(result, is_down, now, &mut changes);
        }
        if !keeps_position {
            self.state.position = end;
            self.ahead.clear();
        }
        if let Some(fault) = fault.filter(|_| is_down) {
            self.fail(&fault, now);
        } else if has_success {
            self.state.failures = 0;
            (self.state.failing_since, self.state.not_before, self.state.last_fault) = (None, None, None);
        }
        if recovers {
            // They waited for the endpoint; those that fail for their own sake wait again.
            for one in self.waiting.values_mut() {
                one.not_before = one.not_before.min(now);
            }
        }
        changes
    }

    fn follow_one(&mut self, result: UnitResult, is_down: bool, now: DateTime<Utc>, changes: &mut Changes) {
        let UnitResult { subject, position, taken: _, has_rest, fault } = result;
        let known = self.waiting.get(&subject);
        match fault {
            None if !has_rest => {
                if self.waiting.remove(&subject).is_some() {
                    changes.served.push(subject.clone());
                }
                self.ahead.insert(subject, position);
            }
            // It was not tried to the end, and stays in the page.
            None => {
                self.ahead.insert(subject, position);
            }
            // It stays in the page, as the page does.
            Some(_) if is_down && known.is_none() => {
                self.ahead.insert(subject, position);
            }
            Some(fault) => {
                let failures = known.map_or(0, |known| known.failures).saturating_add(1);
                let seed = position.0.iter().fold(7_u64, |seed, number| seed.rotate_left(17) ^ number.cast_unsigned());
                let waiting = WaitingBorrower {
                    borrower: subject.clone(),
                    position,
                    failures,
                    not_before: now + webhook_pause(WEBHOOK_BORROWER_BACKOFF, failures, fault.retry_after, seed),
                    since: known.map_or(now, |known| known.since),
                    last_fault: fault.code,
                };
                self.waiting.insert(subject, waiting.clone());
                changes.waiting.push(waiting);
            }
        }
    }

    fn fail(&mut self, fault: &Fault, now: DateTime<Utc>) {
        let state = &mut self.state;
        state.failures = state.failures.saturating_add(1);
        let since = *state.failing_since.get_or_insert(now);
        let seed = since.timestamp_micros().cast_unsigned();
        let pause = webhook_pause(WEBHOOK_ENDPOINT_BACKOFF, state.failures, fault.retry_after, seed);
        state.not_before = Some(now + pause);
        state.last_fault = Some(fault.code.clone());
        if fault.is_gone {
            state.disabled_at = Some(now);
        }
    }
}
