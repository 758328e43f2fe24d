//! Nobody makes a notice in these worlds; what is asked is answered without faults.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::domain::{BorrowerKey, MerchantId, Notice, NoticeChange, NoticeName, NoticeState, Recipient};
use dueherald::store::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl NoticeStore for FaultyStore {
    async fn add_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        self.inner().add_notice(notice).await
    }

    async fn notices(&self, name: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError> {
        self.inner().notices(name).await
    }

    async fn move_notice(
        &self,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
    ) -> Result<bool, StoreError> {
        self.inner().move_notice(name, from, change).await
    }

    async fn notice_merchants(&self, name: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError> {
        self.inner().notice_merchants(name).await
    }

    async fn notice_audience(&self, name: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError> {
        self.inner().notice_audience(name).await
    }

    async fn notice_changes(&self, name: &NoticeName) -> Result<Vec<NoticeChange>, StoreError> {
        self.inner().notice_changes(name).await
    }

    async fn add_recipients(&self, name: &NoticeName, recipients: &[Recipient]) -> Result<usize, StoreError> {
        self.inner().add_recipients(name, recipients).await
    }

    async fn put_out(
        &self,
        name: &NoticeName,
        limit: u32,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        self.inner().put_out(name, limit, at, expires_at).await
    }

    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError> {
        self.inner().unfinished_notices().await
    }

    async fn notice_counts(&self, name: &NoticeName) -> Result<Vec<NoticeCount>, StoreError> {
        self.inner().notice_counts(name).await
    }

    async fn held(&self, about: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError> {
        self.inner().held(about).await
    }
}
