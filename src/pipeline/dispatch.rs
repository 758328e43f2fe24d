//! Dispatch: claim what is due, decide at the send instant, render, hand over, settle. One [`Lane`] per channel.
//!
//! What is claimed is in doubt after a crash, so only as many are claimed as there are free sending slots, and all of them are
//! handed over at once. Outcomes are settled in batches as they come. An outcome that cannot be recorded is kept and tried
//! again; if the process dies first, the lease runs out and the reminder is `unknown`, never sent again blindly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Composer;
use crate::clock::{Clock, Deadline};
use crate::domain::{Channel, Code, Next, Outcome, Settlement, SkipReason};
use crate::gateway::{Gateway, Handover};
use crate::plan::{Decision, Policy, RetryPolicy, decide, follow};
use crate::store::{ClaimRequest, Claimed, ClaimedReminder, Store, StoreError};

/// How dispatch behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchSettings {
    /// How long a claimed reminder belongs to its claimer. Longer than any gateway's time-out.
    pub lease: Duration,
    /// When a retryable outcome is tried again.
    pub retry: RetryPolicy,
    /// How often an idle lane looks for work; new reminders wait that long at most.
    pub poll: Duration,
    /// How many reminders one claim takes at most.
    pub claim_batch: u32,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            poll: Duration::from_secs(1),
            // numbers.md: 53 thousand cycles a second at 100, far above what any gateway takes; never one by one.
            claim_batch: 100,
        }
    }
}

/// Everything that a lane needs beside its gateway.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    /// The outbox.
    pub store: Arc<dyn Store>,
    /// Merchants and rules.
    pub policy: Arc<Policy>,
    /// What makes messages.
    pub composer: Composer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How it behaves.
    pub settings: DispatchSettings,
}

/// When a lane ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When nothing more is due now and everything in flight is settled.
    Drained,
    /// Only when it is told to.
    Stopped,
}

/// What a lane did, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken over by the gateway.
    pub accepted: u64,
    /// To be tried again.
    pub retried: u64,
    /// Finally refused.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Put off to a decent hour.
    pub deferred: u64,
    /// Not sent, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl Tally {
    /// Adds what another lane did.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.retried += other.retried;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.deferred += other.deferred;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(*reason).or_default() += count;
        }
    }

    fn put_aside(&mut self, decision: &Decision) {
        match decision {
            Decision::Skip(reason) => {
                *self.skipped.entry(*reason).or_default() += 1;
                metrics::counter!("dueherald_skipped_total", "reason" => reason.as_str()).increment(1);
            }
            Decision::Defer { .. } => self.deferred += 1,
            Decision::Send(_) => {}
        }
    }

    fn settled(&mut self, settlement: &Settlement) {
        match settlement.next() {
            Next::Accepted => self.accepted += 1,
            Next::Retry { .. } => self.retried += 1,
            Next::Failed => self.failed += 1,
            Next::Unknown => self.unknown += 1,
        }
    }
}

/// The sending of one channel through one gateway.
#[derive(Debug, Clone)]
pub struct Lane {
    /// What every lane shares.
    pub dispatcher: Arc<Dispatcher>,
    /// Where it sends.
    pub gateway: Arc<dyn Gateway>,
}

/// What is under way in a lane.
#[derive(Default)]
struct Flight {
    sending: JoinSet<Settlement>,
    outcomes: Vec<Settlement>,
    tally: Tally,
}

impl Lane {
    /// Sends what is due until it is `until`, or until `stop`. After `stop` nothing is claimed any more, and what is in flight
    /// is waited for and settled, which takes a lease at most.
    ///
    /// # Errors
    /// With [`Until::Drained`], when the store fails and everything in flight is settled or given up. With [`Until::Stopped`]
    /// a failing store is logged and tried again.
    pub async fn run(&self, until: Until, stop: &CancellationToken) -> Result<Tally, StoreError> {
        let mut flight = Flight::default();
        while !stop.is_cancelled() {
            match self.turn(&mut flight, until, stop).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if until == Until::Drained => {
                    self.land(&mut flight).await;
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(channel = %self.channel(), %error, "the store failed; dispatch waits and tries again");
                    self.pause(self.dispatcher.settings.poll, stop).await;
                }
            }
        }
        self.land(&mut flight).await;
        Ok(flight.tally)
    }

    fn channel(&self) -> Channel {
        self.gateway.channel()
    }

    /// One round: settle, claim, hand over, wait for something to happen. `false` when the lane is drained.
    async fn turn(&self, flight: &mut Flight, until: Until, stop: &CancellationToken) -> Result<bool, StoreError> {
        self.settle(flight).await?;
        let slots = self.gateway.max_in_flight().max(1);
        let free = slots - flight.sending.len().min(slots);
        // A claim is a round trip: wait until a quarter of the slots is free, so that it is worth one.
        let mut more_due = true;
        if free * 4 >= slots || flight.sending.is_empty() {
            let limit = u32::try_from(free).unwrap_or(u32::MAX).min(self.dispatcher.settings.claim_batch);
            let taken = self.claim(flight, limit).await?;
            more_due = taken >= limit as usize;
        }
        if flight.sending.is_empty() {
            if more_due {
                return Ok(true);
            }
            if until == Until::Drained {
                return Ok(false);
            }
            self.pause(self.until_next_due().await?, stop).await;
            return Ok(true);
        }
        self.collect(flight, (!more_due && until == Until::Stopped).then_some(self.dispatcher.settings.poll)).await;
        Ok(true)
    }

    /// Claims up to `limit` and starts handing them over. Gives how many queue rows that took up.
    async fn claim(&self, flight: &mut Flight, limit: u32) -> Result<usize, StoreError> {
        let Dispatcher { store, policy, clock, settings, .. } = &*self.dispatcher;
        let request = ClaimRequest {
            channel: self.channel(),
            gateway: self.gateway.name().clone(),
            limit,
            lease: TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::MAX),
        };
        // Read before the claim, so that our deadline runs out before the store's lease does. The tenth that is kept back
        // leaves time to settle.
        let from = clock.elapsed();
        let deadline = Deadline::new(Arc::clone(clock), from, settings.lease.mul_f32(0.9));
        let Claimed { now, sending, put_aside } =
            store.claim(&request, &|reminder, account, now| decide(policy, reminder, account, now)).await?;
        let taken = sending.len() + put_aside.len();
        for (_, decision) in &put_aside {
            flight.tally.put_aside(decision);
        }
        for claimed in sending {
            // What was decent when it was claimed must still be so when it leaves.
            let useful = (claimed.to_send.until - now).to_std().unwrap_or_default();
            let (lane, deadline) = (self.clone(), deadline.or_sooner(from, useful));
            flight.sending.spawn(async move { lane.hand_over(claimed, &deadline).await });
        }
        Ok(taken)
    }

    /// Renders and sends one claimed reminder, and says what follows.
    async fn hand_over(&self, claimed: ClaimedReminder, deadline: &Deadline) -> Settlement {
        let Dispatcher { policy, composer, clock, settings, .. } = &*self.dispatcher;
        let ClaimedReminder { attempt, reminder, account, to_send } = claimed;
        let id = attempt.reminder();
        let merchant = policy.merchants.get(&reminder.key.borrower.merchant);
        let (Some(merchant), Some(borrower)) = (merchant, account.borrower.as_ref()) else {
            // Decide lets neither through; if it ever did, nothing was sent.
            let code = Code::new("no_merchant_or_borrower");
            return attempt.settle(Outcome::NotSent { code }, Next::Failed, clock.now());
        };
        let message = match composer.compose(id, merchant, borrower, &to_send, self.gateway.link_mode()) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(reminder = %id, template = error.template, "the template does not render; nothing was sent");
                let code = Code::new(SkipReason::BadTemplate.as_str());
                return attempt.settle(Outcome::NotSent { code }, Next::Failed, clock.now());
            }
        };
        let reference = composer.reference(id);
        let handover = Handover {
            merchant,
            to: &to_send.to,
            message: &message,
            reference: &reference,
            attempt: attempt.number(),
            deadline,
        };
        let started = clock.elapsed();
        let outcome = self.gateway.send(&handover).await;
        self.count(&outcome, clock.elapsed().saturating_sub(started));
        let now = clock.now();
        let next = follow(&settings.retry, id, attempt.number(), &outcome, now, reminder.expires_at);
        attempt.settle(outcome, next, now)
    }

    fn count(&self, outcome: &Outcome, took: Duration) {
        let gateway = self.gateway.name().to_string();
        metrics::histogram!("dueherald_send_seconds", "gateway" => gateway.clone()).record(took);
        metrics::counter!("dueherald_outcomes_total", "gateway" => gateway, "outcome" => outcome.as_str()).increment(1);
    }

    /// Waits for one outcome, for `patience` at most, and takes the others that are there already.
    async fn collect(&self, flight: &mut Flight, patience: Option<Duration>) {
        let Flight { sending, outcomes, .. } = flight;
        let first = match patience {
            None => sending.join_next().await,
            Some(patience) => tokio::select! {
                first = sending.join_next() => first,
                () = self.dispatcher.clock.sleep(patience) => None,
            },
        };
        // A hand-over that panicked has no outcome: its lease runs out and it becomes unknown, which is the truth.
        outcomes.extend(first.into_iter().chain(std::iter::from_fn(|| sending.try_join_next())).flatten());
    }

    async fn settle(&self, flight: &mut Flight) -> Result<(), StoreError> {
        if flight.outcomes.is_empty() {
            return Ok(());
        }
        let counted = self.dispatcher.store.settle(&flight.outcomes).await?;
        let late = flight.outcomes.len() - counted;
        if late > 0 {
            tracing::warn!(channel = %self.channel(), late, "outcomes came after another attempt had begun; not counted");
        }
        for settlement in flight.outcomes.drain(..) {
            flight.tally.settled(&settlement);
        }
        Ok(())
    }

    /// Waits for everything in flight and records it, trying again while the store fails, for a lease at most.
    async fn land(&self, flight: &mut Flight) {
        let patience = Deadline::new(
            Arc::clone(&self.dispatcher.clock),
            self.dispatcher.clock.elapsed(),
            self.dispatcher.settings.lease,
        );
        loop {
            while !flight.sending.is_empty() {
                self.collect(flight, None).await;
            }
            match self.settle(flight).await {
                Ok(()) => return,
                Err(error) if patience.left().is_none() => {
                    let lost = flight.outcomes.len();
                    tracing::error!(channel = %self.channel(), lost, %error, "outcomes could not be recorded; they will be unknown");
                    return;
                }
                Err(_) => self.dispatcher.clock.sleep(self.dispatcher.settings.poll).await,
            }
        }
    }

    async fn until_next_due(&self) -> Result<Duration, StoreError> {
        let poll = self.dispatcher.settings.poll;
        let due = self.dispatcher.store.next_due(self.channel()).await?;
        let wait = due.and_then(|due| (due - self.dispatcher.clock.now()).to_std().ok());
        Ok(wait.map_or(poll, |wait| wait.min(poll)))
    }

    async fn pause(&self, pause: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = self.dispatcher.clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}
