//! How far sources have been read, in memory.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::domain::{InstallmentId, MerchantId, SourceName, SourceState};
use crate::store::audit_entries;
use crate::store::{OpenFilter, OpenInstallment, SourceStore, StoreError, VanishedSettlement};

#[async_trait]
impl SourceStore for MemoryStore {
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        self.tables().note_source(state);
        Ok(())
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        Ok(self.tables().sources.values().cloned().collect())
    }

    async fn open_of_source(
        &self,
        source: &SourceName,
        which: &OpenFilter,
    ) -> Result<Vec<OpenInstallment>, StoreError> {
        Ok(self.tables().ledger.open_of_source(source, which))
    }

    async fn settle_vanished(
        &self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        settlement: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let holds = *settlement == VanishedSettlement::Hold;
        let settled = tables.ledger.settle_vanished(source, gone, holds, now);
        tables.release_not_rejected(now);
        if let VanishedSettlement::Cancel(Some(by)) = settlement {
            tables.note(self.origin.as_ref(), &[audit_entries::accept_vanished(source, settled, by)]);
        }
        Ok(settled)
    }
}

impl Tables {
    pub(super) fn note_source(&mut self, state: &SourceState) {
        let known = self.sources.entry(state.name.clone()).or_insert_with(|| state.clone());
        known.read_to = known.read_to.max(state.read_to);
        known.pulled_at = known.pulled_at.max(state.pulled_at);
        known.data_at = known.data_at.max(state.data_at);
        known.full_read_at = known.full_read_at.max(state.full_read_at);
        for (branch, read_to) in &state.branches {
            let known = known.branches.entry(branch.clone()).or_insert(*read_to);
            *known = (*known).max(*read_to);
        }
        known.merchants.extend(state.merchants.iter().cloned());
    }
}
