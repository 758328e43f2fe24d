//! Routes, the funnel, and the question of a page.

use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::TaskStore;
use crate::domain::{ActivityCount, BorrowerKey, Click, MerchantId, RouteHealth, RouteKey, RouteVersion, SentCount};
use crate::plan::{AnswerTry, TryDecision};
use crate::store::{AnswerStore, FunnelStore, RouteStore, StoreError};

#[async_trait]
impl AnswerStore for TaskStore {
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        let attempt = attempt.clone();
        self.run(|store| async move { store.try_digits(&attempt).await }).await
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.run(|store| async move { store.forget_tries(&attempt).await }).await
    }
}

#[async_trait]
impl FunnelStore for TaskStore {
    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        let click = click.clone();
        self.run(|store| async move { store.add_click(&click).await }).await
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        self.run(|store| async move { store.clicks(since).await }).await
    }

    async fn clicks_of(&self, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.clicks_of(&borrower, limit).await }).await
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        let span = span.clone();
        self.run(|store| async move { store.sent(&span).await }).await
    }

    async fn activity(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
        let span = span.clone();
        self.run(|store| async move { store.activity(&span).await }).await
    }
}

#[async_trait]
impl RouteStore for TaskStore {
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        let version = version.clone();
        self.run(|store| async move { store.add_route_version(&version).await }).await
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let key = key.cloned();
        self.run(|store| async move { store.route_versions(key.as_ref()).await }).await
    }

    async fn note_route_health(&self, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError> {
        let (health, merchant) = (health.clone(), merchant.clone());
        self.run(|store| async move { store.note_route_health(&health, &merchant).await }).await
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        self.run(|store| async move { store.route_health().await }).await
    }
}
