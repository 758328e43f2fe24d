//! Operations that are passed on to the database, nearly all of them without faults.

use std::ops::{Range, RangeInclusive};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::domain::{
    ActivityCount, AddressKey, Amendment, AmendmentResult, BorrowerKey, Channel, Click, Event, GatewayState,
    Installment, InstallmentId, LedgerRow, LiftResult, Lifter, ManualChange, ManualPreferences, MerchantId, Receipt,
    ReminderId, RouteHealth, RouteKey, RouteVersion, SentCount, SourceName, SourceState, Suppression,
    SuppressionChange, SuppressionRecord,
};
use dueherald::plan::{Account, AnswerTry, Due, RecentContacts, TryDecision};
use dueherald::store::{
    AnswerStore, Change, DueCursor, FunnelStore, GatewayStateStore, InstallmentFilter, KeptReport, LedgerStore,
    OpenFilter, OpenInstallment, PreferenceStore, PreferencesRecord, QueueCounts, ReminderFilter, ReminderStore,
    ReminderView, ReplyFilter, ReplyReading, ReplyRecord, ReplyStore, ReportAction, ReportBatch, ReportCounts,
    ReportStore, RouteStore, SentMessage, SettledInstallment, SourceStore, Stop, StopStore, StoreError,
    SuppressionChangeFilter, SuppressionFilter, SuppressionStore, VanishedSettlement, WriteMode,
};

use crate::store::FaultyStore;

#[async_trait]
impl GatewayStateStore for FaultyStore {
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        self.inner().note_gateway(state).await
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        self.inner().gateway_states(since).await
    }
}

#[async_trait]
impl StopStore for FaultyStore {
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        self.inner().stop(stop).await
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        self.inner().lift_stop(merchant, channel, by).await
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        self.inner().stops().await
    }
}

#[async_trait]
impl ReplyStore for FaultyStore {
    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        self.inner().read_reply(reading).await
    }

    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        self.inner().replies(filter).await
    }
}

#[async_trait]
impl ReportStore for FaultyStore {
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        self.inner().record(receipts).await
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        self.inner().take_in(told).await
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        self.inner().kept_reports(limit).await
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        self.inner().review_kept(reviewed).await
    }
}

#[async_trait]
impl ReminderStore for FaultyStore {
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        self.inner().queue_counts().await
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        self.inner().reminders(filter).await
    }

    async fn messages(&self, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
        self.inner().messages(reminder).await
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        self.inner().events(reminder).await
    }
}

#[async_trait]
impl AnswerStore for FaultyStore {
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        self.inner().try_digits(attempt).await
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        self.inner().forget_tries(attempt).await
    }
}

#[async_trait]
impl FunnelStore for FaultyStore {
    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        self.inner().add_click(click).await
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        self.inner().clicks(since).await
    }

    async fn clicks_of(&self, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError> {
        self.inner().clicks_of(borrower, limit).await
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        self.inner().sent(span).await
    }

    async fn activity(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
        self.inner().activity(span).await
    }
}

#[async_trait]
impl RouteStore for FaultyStore {
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        self.inner().add_route_version(version).await
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        self.inner().route_versions(key).await
    }

    async fn note_route_health(&self, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError> {
        self.inner().note_route_health(health, merchant).await
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        self.inner().route_health().await
    }
}

#[async_trait]
impl PreferenceStore for FaultyStore {
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        self.inner().set_preferences(said).await
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        self.inner().preferences(borrower).await
    }
}

#[async_trait]
impl SuppressionStore for FaultyStore {
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        self.inner().suppress(suppressions, by).await
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        self.inner().suppressions(filter).await
    }

    async fn suppressions_of(&self, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
        self.inner().suppressions_of(address).await
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError> {
        self.inner().lift_suppression(merchant, address, lifter, by).await
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        self.inner().suppression_changes(filter).await
    }
}

#[async_trait]
impl SourceStore for FaultyStore {
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        self.inner().note_source(state).await
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.inner().sources().await
    }

    async fn open_of_source(
        &self,
        source: &SourceName,
        which: &OpenFilter,
    ) -> Result<Vec<OpenInstallment>, StoreError> {
        self.inner().open_of_source(source, which).await
    }

    async fn settle_vanished(
        &self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        settlement: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        self.inner().settle_vanished(source, gone, settlement).await
    }
}

#[async_trait]
impl LedgerStore for FaultyStore {
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        self.inner().import(rows, mode).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        self.inner().amend(amendments, source, mode).await
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        self.before().await?;
        self.inner().due_page(dates, after, limit).await
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        self.inner().installments(filter).await
    }

    async fn settled_installments(&self, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        self.inner().settled_installments(borrower).await
    }

    async fn account(&self, who: &BorrowerKey, due: NaiveDate, channel: Channel) -> Result<Account, StoreError> {
        self.inner().account(who, due, channel).await
    }

    async fn account_beside(
        &self,
        who: &BorrowerKey,
        due: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        self.inner().account_beside(who, due, channel, recent_contacts).await
    }
}
