//! No page touches the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::domain::{
    Channel, GatewayState, ManualChange, MerchantId, MessageForm, NewReminder, Receipt, Reminder, ReminderId,
    Settlement,
};
use dueherald::plan::{GatewayLists, Mark, PlanItem};
use dueherald::store::{
    Changes, ClaimRequest, ClaimResult, DecideFn, GatewayStateStore, KeptReport, NextLook, OutboxStore, PlanResult,
    ReconcileStore, RehomeScope, ReplyFilter, ReplyReading, ReplyRecord, ReplyStore, ReportAction, ReportBatch,
    ReportCounts, ReportStore, ScanState, ScanStore, Stop, StopStore, StoreError, TurnStore, UnknownReminder,
    WriteMode,
};

use super::fake::FakeStore;

#[async_trait]
impl TurnStore for FakeStore {
    async fn take_turn(&self, _: &str, _: &str, _: TimeDelta) -> Result<bool, StoreError> {
        unreachable!("no page takes a turn")
    }
}

#[async_trait]
impl GatewayStateStore for FakeStore {
    async fn note_gateway(&self, _: &GatewayState) -> Result<(), StoreError> {
        unreachable!("no page sends")
    }

    async fn gateway_states(&self, _: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        unreachable!("no page asks how gateways do")
    }
}

#[async_trait]
impl StopStore for FakeStore {
    async fn stop(&self, _: &Stop) -> Result<(), StoreError> {
        unreachable!("no page stops")
    }

    async fn lift_stop(
        &self,
        _: Option<&MerchantId>,
        _: Option<Channel>,
        _: &ManualChange,
    ) -> Result<bool, StoreError> {
        unreachable!("no page stops")
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        unreachable!("no page stops")
    }
}

#[async_trait]
impl ReplyStore for FakeStore {
    async fn read_reply(&self, _: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        unreachable!("no page reads answers")
    }

    async fn replies(&self, _: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        unreachable!("no page lists answers")
    }
}

#[async_trait]
impl ReportStore for FakeStore {
    async fn take_in(&self, _: &ReportBatch) -> Result<ReportCounts, StoreError> {
        self.answer(ReportCounts::default()).await
    }

    async fn kept_reports(&self, _: u32) -> Result<Vec<KeptReport>, StoreError> {
        unreachable!("no page reviews reports")
    }

    async fn review_kept(&self, _: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        unreachable!("no page reviews reports")
    }

    async fn record(&self, _: &[Receipt]) -> Result<usize, StoreError> {
        unreachable!("no page records receipts")
    }
}

#[async_trait]
impl ReconcileStore for FakeStore {
    async fn unknown(&self, _: Channel, _: Option<ReminderId>, _: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        unreachable!("no page resolves")
    }

    async fn unknown_due(&self, _: Channel, _: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        unreachable!("no page resolves")
    }

    async fn look_again(&self, _: &[NextLook]) -> Result<(), StoreError> {
        unreachable!("no page resolves")
    }

    async fn fallbacks_due(&self, _: u32) -> Result<Vec<Reminder>, StoreError> {
        unreachable!("no page falls back")
    }

    async fn fall_back(&self, _: &[(ReminderId, Option<NewReminder>)], _: DateTime<Utc>) -> Result<(), StoreError> {
        unreachable!("no page falls back")
    }

    async fn reap(&self, _: u32) -> Result<Vec<ReminderId>, StoreError> {
        unreachable!("no page reaps")
    }
}

#[async_trait]
impl OutboxStore for FakeStore {
    async fn plan(&self, _: &[NewReminder], _: DateTime<Utc>, _: WriteMode) -> Result<Vec<ReminderId>, StoreError> {
        unreachable!("no page plans")
    }

    async fn claim(&self, _: &ClaimRequest, _: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
        unreachable!("no page claims")
    }

    async fn settle_and_claim(
        &self,
        _: &[Settlement],
        _: &ClaimRequest,
        _: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError> {
        unreachable!("no page claims")
    }

    async fn settle(&self, _: &[Settlement]) -> Result<usize, StoreError> {
        unreachable!("no page settles")
    }

    async fn keep_form(&self, _: &Arc<MessageForm>) -> Result<(), StoreError> {
        unreachable!("no page sends")
    }

    async fn rehome(&self, _: Channel, _: &GatewayLists, _: RehomeScope) -> Result<usize, StoreError> {
        unreachable!("no page rehomes")
    }

    async fn next_due(&self, _: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        unreachable!("no page sends")
    }
}

#[async_trait]
impl ScanStore for FakeStore {
    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        unreachable!("no page scans")
    }

    async fn announce(&self, _: &[Mark], _: DateTime<Utc>) -> Result<ScanState, StoreError> {
        unreachable!("no page scans")
    }

    async fn passed(&self, _: &[Mark]) -> Result<(), StoreError> {
        unreachable!("no page scans")
    }

    async fn changes(&self, _: Option<i64>, _: u32) -> Result<Changes, StoreError> {
        unreachable!("no page scans")
    }

    async fn put_in(&self, _: &[PlanItem], _: DateTime<Utc>, _: WriteMode) -> Result<PlanResult, StoreError> {
        unreachable!("no page scans")
    }

    async fn done_with(&self, _: &[i64], _: &str) -> Result<bool, StoreError> {
        unreachable!("no page scans")
    }

    async fn refresh_statistics(&self) -> Result<(), StoreError> {
        unreachable!("no page scans")
    }
}
