//! No page knows of notices.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::domain::{BorrowerKey, MerchantId, Notice, NoticeChange, NoticeName, NoticeState, Recipient};
use dueherald::store::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl NoticeStore for FakeStore {
    async fn add_notice(&self, _: &Notice) -> Result<bool, StoreError> {
        unreachable!("no page makes a notice")
    }

    async fn notices(&self, _: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn move_notice(&self, _: &NoticeName, _: NoticeState, _: &NoticeChange) -> Result<bool, StoreError> {
        unreachable!("no page changes a notice")
    }

    async fn notice_merchants(&self, _: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn notice_audience(&self, _: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn notice_changes(&self, _: &NoticeName) -> Result<Vec<NoticeChange>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn add_recipients(&self, _: &NoticeName, _: &[Recipient]) -> Result<usize, StoreError> {
        unreachable!("no page changes a notice")
    }

    async fn put_out(&self, _: &NoticeName, _: u32, _: DateTime<Utc>, _: DateTime<Utc>) -> Result<usize, StoreError> {
        unreachable!("no page sends")
    }

    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn notice_counts(&self, _: &NoticeName) -> Result<Vec<NoticeCount>, StoreError> {
        unreachable!("no page asks for notices")
    }

    async fn held(&self, _: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError> {
        unreachable!("no page asks what others hold")
    }
}
