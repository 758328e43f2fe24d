//! The store as one daemon sees it: it refuses, loses answers and takes its time. What is really committed is told to
//! the oracle.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::Clock;
use dueherald::domain::{Channel, MessageForm, NewReminder, Reminder, ReminderId, ReminderKey, Settlement, State};
use dueherald::plan::{GatewayLists, Mark, PlanItem, rules_of};
use dueherald::store::{
    Changes, ClaimRequest, ClaimResult, DecideFn, NextLook, OutboxStore, PlanResult, ReconcileStore, RehomeScope,
    ScanState, ScanStore, SchemaStore, StoreError, TurnStore, UnknownReminder, WriteMode,
};

use crate::database::Busy;
use crate::faults::Bug;
use crate::life::Life;
use crate::observation::{observe, view};
use crate::oracle::is_late;
use crate::planted::plan_again;
use crate::world::{World, lock};

#[derive(Debug)]
pub(crate) struct FaultyStore(pub(crate) Arc<Life>);

fn refusal() -> StoreError {
    StoreError::Database(sqlx::Error::PoolTimedOut)
}

impl FaultyStore {
    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    pub(crate) fn inner(&self) -> Busy<'_> {
        Busy::with(self.world())
    }

    pub(crate) async fn before(&self) -> Result<(), StoreError> {
        let world = self.world();
        self.0.point().await;
        if world.strikes(world.faults.store_slow) {
            let pause = Duration::from_millis(world.draw(|rng| rng.u64(1..30_000)));
            self.0.sleep(pause).await;
        }
        if world.strikes(world.faults.store_error) {
            world.note(format!("the store refuses {}", self.0.number));
            return Err(refusal());
        }
        Ok(())
    }

    pub(crate) async fn after(&self) -> Result<(), StoreError> {
        let world = self.world();
        let lost = world.strikes(world.faults.answer_lost);
        self.0.point().await;
        if lost {
            world.note(format!("the store's answer to {} is lost", self.0.number));
            return Err(refusal());
        }
        Ok(())
    }

    /// Claims, and tells the oracle.
    async fn claim_observed(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
        let world = self.world();
        let claimed = self.claim_as(request, decide).await?;
        let aside: Vec<_> = claimed.not_sent.iter().map(|(id, decision)| (*id, format!("{decision:?}"))).collect();
        for one in &claimed.sending {
            if view(&*self.inner(), one.attempt.reminder())
                .await
                .is_some_and(|view| view.attempts == one.attempt.number())
            {
                world.note(format!("{} claims {} #{}", self.0.number, one.attempt.reminder(), one.attempt.number()));
                let parent = self.parent_of(&one.reminder.key).await;
                lock(&world.oracle).claimed(world, self.0.number, one, request.lease, parent);
            }
        }
        for (id, decision) in &aside {
            world.note(format!("{} puts {id} aside: {decision:.60}", self.0.number));
        }
        let mut seen: Vec<_> = claimed.sending.iter().map(|one| one.attempt.reminder()).collect();
        seen.extend(aside.iter().map(|(id, _)| *id));
        observe(world, &seen).await;
        Ok(claimed)
    }

    /// Settles, and tells the oracle.
    async fn settle_observed(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let world = self.world();
        let mut late = Vec::new();
        for one in settlements {
            let id = one.reminder();
            world.note(format!("{} settles {id} #{} {:?}", self.0.number, one.number(), one.next()));
            if view(&*self.inner(), id).await.is_some_and(|view| view.attempts != one.number()) {
                late.push((id, one.number(), self.told_of(id, one.number()).await?));
            }
        }
        let counted = self.settle_as(settlements).await?;
        // One batch may hold the outcome of the older attempt and that of the latest: only the latter may leave an
        // event.
        for (id, attempt, events) in late {
            if self.told_of(id, attempt).await? != events {
                lock(&world.oracle).fail("I8", format!("an outcome of an older attempt of {id} counted"));
            }
        }
        let seen: Vec<_> = settlements.iter().map(Settlement::reminder).collect();
        observe(world, &seen).await;
        Ok(counted)
    }
}

#[async_trait]
impl SchemaStore for FaultyStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        self.inner().migrate().await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner().ready().await
    }
}

#[async_trait]
impl ScanStore for FaultyStore {
    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        self.before().await?;
        self.inner().scan_state().await
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        self.before().await?;
        let state = self.inner().announce(in_view, first_day).await?;
        if self.world().has(Bug::MarkBeforePass) {
            self.inner().passed(&state.marks).await?;
        }
        self.after().await?;
        Ok(state)
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().passed(marks).await?;
        self.after().await
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        self.before().await?;
        let changes = self.inner().changes(after, limit).await?;
        if self.world().has(Bug::ChangesGoneBeforePlan) {
            let state = self.inner().scan_state().await?;
            self.inner().done_with(&changes.ids, &rules_of(&state.marks)).await?;
        }
        Ok(changes)
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        self.before().await?;
        let put = self.inner().put_in(planned, at, mode).await?;
        for id in &put.revived {
            self.world().note(format!("{} revives {id}", self.0.number));
        }
        for ids in [&put.planned, &put.skipped, &put.revived] {
            observe(self.world(), ids).await;
        }
        self.after().await?;
        Ok(put)
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        self.before().await?;
        let done = self.inner().done_with(changes, rules).await?;
        self.after().await?;
        Ok(done)
    }

    async fn refresh_statistics(&self) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().refresh_statistics().await
    }
}

#[async_trait]
impl OutboxStore for FaultyStore {
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        self.before().await?;
        let planned = self.inner().plan(reminders, at, mode).await?;
        observe(self.world(), &planned).await;
        self.after().await?;
        Ok(planned)
    }

    async fn claim(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
        let (_, claimed) = self.settle_and_claim(&[], request, decide).await?;
        Ok(claimed)
    }

    async fn settle_and_claim(
        &self,
        settlements: &[Settlement],
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError> {
        if let Err(error) = self.before().await {
            let world = self.world();
            if !world.has(Bug::CommitErrorIgnored) {
                return Err(error);
            }
            let claimed = world.memory().fork(Arc::new(world.clock.clone())).claim(request, decide).await?;
            return Ok((0, claimed));
        }
        let counted = self.settle_observed(settlements).await?;
        let claimed = self.claim_observed(request, decide).await?;
        self.after().await?;
        Ok((counted, claimed))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        self.before().await?;
        let counted = self.settle_observed(settlements).await?;
        self.after().await?;
        Ok(counted)
    }

    async fn keep_form(&self, form: &Arc<MessageForm>) -> Result<(), StoreError> {
        self.inner().keep_form(form).await
    }

    async fn rehome(&self, channel: Channel, lists: &GatewayLists, scope: RehomeScope) -> Result<usize, StoreError> {
        self.before().await?;
        self.inner().rehome(channel, lists, scope).await
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.before().await?;
        self.inner().next_due(channel).await
    }
}

#[async_trait]
impl ReconcileStore for FaultyStore {
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        self.before().await?;
        self.inner().unknown(channel, after, limit).await
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        self.before().await?;
        self.inner().unknown_due(channel, limit).await
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().look_again(looks).await?;
        self.after().await
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        self.before().await?;
        self.inner().fallbacks_due(limit).await
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().fall_back(pairs, at).await?;
        for (id, next) in pairs {
            self.world().note(format!("{} lets {id} fall back: {}", self.0.number, next.is_some()));
        }
        let seen: Vec<_> = pairs.iter().map(|(id, _)| *id).collect();
        observe(self.world(), &seen).await;
        self.after().await
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        self.before().await?;
        if self.world().has(Bug::ReaperAsleep) {
            return Ok(Vec::new());
        }
        let reaped = self.inner().reap(limit).await?;
        for id in &reaped {
            self.world().note(format!("{} reaps {id}", self.0.number));
        }
        observe(self.world(), &reaped).await;
        if self.world().has(Bug::ReapToPlanned) {
            for id in &reaped {
                plan_again(self.world(), *id).await;
            }
        }
        self.after().await?;
        Ok(reaped)
    }
}

#[async_trait]
impl TurnStore for FaultyStore {
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        self.before().await?;
        self.inner().take_turn(task, holder, lasts).await
    }
}

impl FaultyStore {
    /// How much is on record about one attempt.
    async fn told_of(&self, id: ReminderId, attempt: u32) -> Result<usize, StoreError> {
        Ok(self.inner().events(id).await?.iter().filter(|event| event.attempt == attempt).count())
    }

    /// How the SMS stands that this e-mail would be the fallback of.
    async fn parent_of(&self, key: &ReminderKey) -> Option<State> {
        if key.channel == Channel::Sms || !is_late(&key.step) {
            return None;
        }
        let parent = ReminderKey { channel: Channel::Sms, ..key.clone() };
        let id = lock(&self.world().oracle).number_of(&parent)?;
        view(&*self.inner(), id).await.map(|view| view.state)
    }
}
