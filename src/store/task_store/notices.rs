//! Notices.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::TaskStore;
use crate::domain::{BorrowerKey, MerchantId, Notice, NoticeChange, NoticeName, NoticeState, Recipient};
use crate::store::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore, StoreError};

#[async_trait]
impl NoticeStore for TaskStore {
    async fn add_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let notice = notice.clone();
        self.run(|store| async move { store.add_notice(&notice).await }).await
    }

    async fn notices(&self, name: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError> {
        let name = name.cloned();
        self.run(|store| async move { store.notices(name.as_ref()).await }).await
    }

    async fn move_notice(
        &self,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
    ) -> Result<bool, StoreError> {
        let name = name.clone();
        let change = change.clone();
        self.run(|store| async move { store.move_notice(&name, from, &change).await }).await
    }

    async fn notice_merchants(&self, name: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.notice_merchants(&name).await }).await
    }

    async fn notice_audience(&self, name: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.notice_audience(&name).await }).await
    }

    async fn notice_changes(&self, name: &NoticeName) -> Result<Vec<NoticeChange>, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.notice_changes(&name).await }).await
    }

    async fn add_recipients(&self, name: &NoticeName, recipients: &[Recipient]) -> Result<usize, StoreError> {
        let name = name.clone();
        let recipients = recipients.to_vec();
        self.run(|store| async move { store.add_recipients(&name, &recipients).await }).await
    }

    async fn put_out(
        &self,
        name: &NoticeName,
        limit: u32,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.put_out(&name, limit, at, expires_at).await }).await
    }

    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError> {
        self.run(|store| async move { store.unfinished_notices().await }).await
    }

    async fn notice_counts(&self, name: &NoticeName) -> Result<Vec<NoticeCount>, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.notice_counts(&name).await }).await
    }

    async fn held(&self, about: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError> {
        let about = about.to_vec();
        self.run(|store| async move { store.held(&about).await }).await
    }
}
