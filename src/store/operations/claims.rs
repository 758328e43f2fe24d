//! Claims and settlements.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::schema::end;
use super::{SqlStore, audit, claim, messages, outbox, views};
use crate::domain::{Channel, MessageForm, NewReminder, ReminderId, Settlement};
use crate::plan::GatewayLists;
use crate::store::audit_entries;
use crate::store::sql::queue::Move;
use crate::store::{ClaimRequest, ClaimResult, DecideFn, OutboxStore, RehomeScope, StoreError, WriteMode};

impl SqlStore {
    pub(super) fn moves(&self, settlements: &[Settlement]) -> Vec<Move> {
        let ring = self.ring();
        settlements.iter().map(|settlement| Move::of(settlement, ring.as_deref())).collect()
    }
}

#[async_trait]
impl OutboxStore for SqlStore {
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let mut tx = self.write().await?;
        let planned = outbox::plan(&mut tx, reminders, at).await?;
        end(tx, mode).await?;
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
        let moves = self.moves(settlements);
        claim::settle_and_claim(self, &moves, request, decide).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let moves = self.moves(settlements);
        if self.origin.is_some() && settlements.iter().any(|one| one.resolver().is_some()) {
            let mut tx = self.write().await?;
            let settled = outbox::record(&mut tx, &moves).await?;
            let counted = settlements.iter().filter(|one| settled.contains(&one.reminder()));
            audit::note(&mut tx, &Vec::from_iter(counted.filter_map(audit_entries::resolve))).await?;
            tx.commit().await?;
            return Ok(settled.len());
        }
        let mut alone = self.write_alone().await?;
        let settled = outbox::record(&mut alone, &moves).await?;
        self.commit_alone(alone).await?;
        Ok(settled.len())
    }

    async fn keep_form(&self, form: &Arc<MessageForm>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        messages::keep_form(&mut tx, form).await?;
        Ok(tx.commit().await?)
    }

    async fn rehome(&self, channel: Channel, lists: &GatewayLists, scope: RehomeScope) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let moved = match scope {
            RehomeScope::All => outbox::rehome(&mut tx, channel, lists).await?,
            RehomeScope::Stranded { due_before } => outbox::rescue(&mut tx, channel, lists, due_before).await?,
        };
        tx.commit().await?;
        Ok(moved)
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::next_due(&mut tx, channel).await?;
        Ok(tx.finish(read).await)
    }
}
