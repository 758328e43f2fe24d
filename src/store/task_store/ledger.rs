//! The ledger, its sources, and contact preferences.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::TaskStore;
use crate::domain::{
    Amendment, AmendmentResult, BorrowerKey, Channel, Installment, InstallmentId, ManualPreferences, MerchantId,
    SourceName, SourceState,
};
use crate::plan::{Account, Due, RecentContacts};
use crate::store::{
    Change, DueCursor, InstallmentFilter, LedgerRow, LedgerStore, OpenFilter, OpenInstallment, PreferenceStore,
    PreferencesRecord, SettledInstallment, SourceStore, StoreError, VanishedSettlement, WriteMode,
};

#[async_trait]
impl PreferenceStore for TaskStore {
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        let said = said.clone();
        self.run(|store| async move { store.set_preferences(&said).await }).await
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.preferences(&borrower).await }).await
    }
}

#[async_trait]
impl SourceStore for TaskStore {
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        let state = state.clone();
        self.run(|store| async move { store.note_source(&state).await }).await
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.run(|store| async move { store.sources().await }).await
    }

    async fn open_of_source(
        &self,
        source: &SourceName,
        which: &OpenFilter,
    ) -> Result<Vec<OpenInstallment>, StoreError> {
        let (source, which) = (source.clone(), which.clone());
        self.run(|store| async move { store.open_of_source(&source, &which).await }).await
    }

    async fn settle_vanished(
        &self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        settlement: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        let (source, gone, settlement) = (source.clone(), gone.to_vec(), settlement.clone());
        self.run(|store| async move { store.settle_vanished(&source, &gone, &settlement).await }).await
    }
}

#[async_trait]
impl LedgerStore for TaskStore {
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        let rows = rows.to_vec();
        self.run(|store| async move { store.import(&rows, mode).await }).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        let (amendments, source) = (amendments.to_vec(), source.cloned());
        self.run(|store| async move { store.amend(&amendments, source.as_ref(), mode).await }).await
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let after = after.cloned();
        self.run(|store| async move { store.due_page(dates, after.as_ref(), limit).await }).await
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.installments(&filter).await }).await
    }

    async fn settled_installments(&self, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.settled_installments(&borrower).await }).await
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.account(&borrower, due_date, channel).await }).await
    }

    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.account_beside(&borrower, due_date, channel, recent_contacts).await }).await
    }
}
