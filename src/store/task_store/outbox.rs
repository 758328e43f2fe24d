//! The outbox.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::TaskStore;
use crate::domain::{Channel, Code, Event, MessageForm, NewReminder, Next, Outcome, Reminder, ReminderId, Settlement};
use crate::plan::GatewayLists;
use crate::store::{
    ClaimRequest, ClaimResult, DecideFn, NextLook, OutboxStore, QueueCounts, ReconcileStore, RehomeScope,
    ReminderFilter, ReminderStore, ReminderView, SentMessage, Store, StoreError, UnknownReminder, WriteMode,
};

/// A claim on its way to who asked for it. If nobody takes it, nothing of it leaves, and its reminders are planned
/// again at once.
struct ClaimInTransit {
    claimed: Option<ClaimResult>,
    gateway_index: u16,
    store: Arc<dyn Store>,
    running: TaskTracker,
}

impl Drop for ClaimInTransit {
    fn drop(&mut self) {
        let Some(ClaimResult { now, sending, .. }) = self.claimed.take().filter(|claimed| !claimed.sending.is_empty())
        else {
            return;
        };
        // Without a runtime the process ends: the leases run out.
        let Ok(runtime) = Handle::try_current() else { return };
        let next = Next::Retry { not_before: now, gateway_index: self.gateway_index };
        let outcome = Outcome::NotSent { code: Code::new("claimer_gone") };
        let settlements: Vec<_> =
            sending.into_iter().map(|one| one.attempt.settle(outcome.clone(), next.clone(), now)).collect();
        let store = Arc::clone(&self.store);
        self.running.spawn_on(
            async move {
                if let Err(error) = store.settle(&settlements).await {
                    tracing::error!(%error, "a claim that nobody waits for could not be given back; it will be \
                        unknown");
                }
            },
            &runtime,
        );
    }
}

#[async_trait]
impl ReminderStore for TaskStore {
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        self.run(|store| async move { store.queue_counts().await }).await
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.reminders(&filter).await }).await
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        self.run(|store| async move { store.events(reminder).await }).await
    }

    async fn messages(&self, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
        self.run(|store| async move { store.messages(reminder).await }).await
    }
}

#[async_trait]
impl ReconcileStore for TaskStore {
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        self.run(|store| async move { store.unknown(channel, after, limit).await }).await
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        self.run(|store| async move { store.unknown_due(channel, limit).await }).await
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let looks = looks.to_vec();
        self.run(|store| async move { store.look_again(&looks).await }).await
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        self.run(|store| async move { store.fallbacks_due(limit).await }).await
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let pairs = pairs.to_vec();
        self.run(|store| async move { store.fall_back(&pairs, at).await }).await
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        self.run(|store| async move { store.reap(limit).await }).await
    }
}

#[async_trait]
impl OutboxStore for TaskStore {
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let reminders = reminders.to_vec();
        self.run(|store| async move { store.plan(&reminders, at, mode).await }).await
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
        let (settlements, request, decide) = (settlements.to_vec(), request.clone(), decide.shared());
        let running = self.running.clone();
        let claim = self.run(|store| async move {
            let (settled, claimed) = store.settle_and_claim(&settlements, &request, &*decide).await?;
            Ok((
                settled,
                ClaimInTransit { claimed: Some(claimed), gateway_index: request.gateway_index, store, running },
            ))
        });
        let (settled, mut arrived) = claim.await?;
        let claimed = arrived.claimed.take().ok_or(StoreError::Ending)?;
        Ok((settled, claimed))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let settlements = settlements.to_vec();
        self.run(|store| async move { store.settle(&settlements).await }).await
    }

    async fn keep_form(&self, form: &Arc<MessageForm>) -> Result<(), StoreError> {
        let form = Arc::clone(form);
        self.run(|store| async move { store.keep_form(&form).await }).await
    }

    async fn rehome(&self, channel: Channel, lists: &GatewayLists, scope: RehomeScope) -> Result<usize, StoreError> {
        let lists = lists.clone();
        self.run(|store| async move { store.rehome(channel, &lists, scope).await }).await
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.run(|store| async move { store.next_due(channel).await }).await
    }
}
