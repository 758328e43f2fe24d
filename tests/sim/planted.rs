//! The effects of planted bugs on claims and outcomes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Attempt, Channel, Code, HoldCause, HoldReason, NewReminder, Next, Outcome, ReminderId, ReminderKey, Settlement,
    SkipReason,
};
use dueherald::plan::{self, Account, Decision, Progress, SendPlan};
use dueherald::store::{
    ClaimRequest, ClaimResult, DecideFn, Decider, OutboxStore, ReconcileStore, StoreError, WriteMode,
};

use crate::faults::Bug;
use crate::observation::view;
use crate::oracle::is_late;
use crate::store::FaultyStore;
use crate::town::policy;
use crate::world::{World, lock};

/// The right to write about a reminder that is being sent or unknown, for bugs that have lost or kept it wrongly.
pub(crate) async fn mint(world: &World, id: ReminderId) -> Option<Attempt> {
    let far = SimClock::at(world.clock.now() + TimeDelta::days(400));
    let fork = world.memory().fork(Arc::new(far));
    fork.reap(u32::MAX).await.ok()?;
    for channel in Channel::ALL {
        let unknown = fork.unknown(*channel, Some(ReminderId(id.0 - 1)), 1).await.ok()?;
        if let Some(found) = unknown.into_iter().find(|found| found.attempt.reminder() == id) {
            return Some(found.attempt);
        }
    }
    None
}

/// Planted: makes a reminder `planned` again.
pub(crate) async fn plan_again(world: &World, id: ReminderId) {
    if let Some(attempt) = mint(world, id).await {
        let now = world.clock.now();
        let outcome = Outcome::NotSent { code: Code::new("planted") };
        let settlement = attempt.settle(outcome, Next::Retry { not_before: now, gateway_index: 0 }, now);
        world.store.settle(&[settlement]).await.expect("memory does not fail");
    }
}

impl FaultyStore {
    /// The real claim, or what a planted bug makes of it.
    pub(crate) async fn claim_as(
        &self,
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<ClaimResult, StoreError> {
        let world = self.world();
        let asked = decide.shared();
        match world.bug {
            Some(Bug::StaleFacts) => {
                let yesterday = Arc::new(lock(&world.oracle).yesterday());
                let stale = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    let mut account = account.clone();
                    account.installments = yesterday(&reminder.key).unwrap_or(account.installments);
                    asked.decide(reminder, &account, now)
                };
                self.inner().claim(request, &stale).await
            }
            Some(Bug::HoursInUtc) => {
                let abroad = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    let mut account = account.clone();
                    account.borrower.iter_mut().for_each(|borrower| borrower.time_zone = Some(chrono_tz::UTC));
                    asked.decide(reminder, &account, now)
                };
                self.inner().claim(request, &abroad).await
            }
            Some(Bug::SuppressionIgnored) => {
                let blind = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    asked.decide(reminder, &Account { suppressed: None, ..account.clone() }, now)
                };
                self.inner().claim(request, &blind).await
            }
            Some(Bug::CapsBlindToFlight) => {
                let blind = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    let mut account = account.clone();
                    account.contacts.retain(|contact| contact.progress != Progress::Sending);
                    asked.decide(reminder, &account, now)
                };
                self.inner().claim(request, &blind).await
            }
            Some(Bug::ClaimedByTwo) => {
                let fork = world.memory().fork(Arc::new(world.clock.clone()));
                let mut claimed = self.inner().claim(request, decide).await?;
                let copies =
                    if claimed.sending.is_empty() { Vec::new() } else { fork.claim(request, decide).await?.sending };
                let mut stolen = lock(&world.stolen);
                let mine = |(from, copy): &mut (u32, dueherald::store::ClaimedReminder)| {
                    *from != self.0.number && copy.reminder.key.channel == request.channel
                };
                claimed.sending.extend(stolen.extract_if(.., mine).map(|(_, copy)| copy));
                stolen.extend(copies.into_iter().map(|copy| (self.0.number, copy)));
                Ok(claimed)
            }
            Some(Bug::OvertakenSent) => {
                let late = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    match asked.decide(reminder, account, now) {
                        // As it would have been when its time came.
                        Decision::Skip(SkipReason::Superseded) => {
                            match asked.decide(reminder, account, reminder.not_before) {
                                Decision::Send(to_send) => {
                                    Decision::Send(SendPlan { until: now + TimeDelta::hours(1), ..to_send })
                                }
                                other => other,
                            }
                        }
                        other => other,
                    }
                };
                self.inner().claim(request, &late).await
            }
            Some(Bug::HeldSent) => {
                let blind = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| {
                    asked.decide(reminder, &Account { stopped: false, ..account.clone() }, now)
                };
                self.inner().claim(request, &blind).await
            }
            Some(Bug::ReleaserAsleep) => {
                // Under a cause that no operation of the store takes away: only the reconciler finds that it is over.
                let elsewhere = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| match asked
                    .decide(reminder, account, now)
                {
                    Decision::Hold(_) => Decision::Hold(HoldCause::new(HoldReason::Paused, "nobody")),
                    other => other,
                };
                self.inner().claim(request, &elsewhere).await
            }
            Some(Bug::OthersGateway) => self.claim_anywhere(request, asked).await,
            _ => self.inner().claim(request, decide).await,
        }
    }

    /// Claims for a gateway whatever it finds there.
    async fn claim_anywhere(&self, request: &ClaimRequest, asked: Arc<dyn Decider>) -> Result<ClaimResult, StoreError> {
        let policy = policy(0, self.world().caps.clone());
        let anywhere = move |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| match asked
            .decide(reminder, account, now)
        {
            Decision::PassOn { .. } => plan::decide(&policy, reminder, account, now),
            other => other,
        };
        self.inner().claim(request, &anywhere).await
    }

    pub(crate) async fn settle_as(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let world = self.world();
        if world.has(Bug::NoFence) {
            for late in settlements {
                let Some(view) = view(&*self.inner(), late.reminder()).await else { continue };
                if view.attempts != late.number()
                    && let Some(attempt) = mint(world, late.reminder()).await
                {
                    let forged = attempt.settle(late.outcome().clone(), late.next().clone(), self.0.now());
                    self.inner().settle(&[forged]).await?;
                }
            }
        }
        let counted = self.inner().settle(settlements).await?;
        if world.has(Bug::FallbackForUnknown) {
            for unknown in settlements.iter().filter(|one| *one.next() == Next::Unknown) {
                let Some(view) = view(&*self.inner(), unknown.reminder()).await else { continue };
                let key = view.reminder.plan.key.clone();
                if key.channel == Channel::Sms && is_late(&key.step) {
                    let key = ReminderKey { channel: Channel::Email, ..key };
                    let next = NewReminder { key, ..view.reminder.plan };
                    self.inner().plan(&[next], self.0.now(), WriteMode::Commit).await?;
                }
            }
        }
        Ok(counted)
    }
}
