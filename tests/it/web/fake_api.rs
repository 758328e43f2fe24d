//! Pages have no tokens, and make no requests that count once.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::domain::TokenDigest;
use dueherald::store::{
    ApiStore, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, NewToken, RequestClaim, RequestEnd, RequestStart,
    StoreError, TokenRecord,
};

use super::fake::FakeStore;

#[async_trait]
impl ApiStore for FakeStore {
    async fn add_token(&self, _: &NewToken) -> Result<Option<i64>, StoreError> {
        unreachable!("no page makes a token")
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        unreachable!("no page lists tokens")
    }

    async fn revoke_token(&self, _: &str, _: DateTime<Utc>) -> Result<bool, StoreError> {
        unreachable!("no page revokes a token")
    }

    async fn use_token(&self, _: &TokenDigest, _: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        self.answer(None).await
    }

    async fn begin_request(&self, _: &KeyedRequest) -> Result<RequestStart, StoreError> {
        unreachable!("no page has a key")
    }

    async fn end_request(&self, _: &RequestClaim, _: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError> {
        unreachable!("no page has a key")
    }

    async fn write_part(
        &self,
        _: &RequestClaim,
        _: TimeDelta,
        _: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError> {
        unreachable!("no page has a key")
    }

    async fn release_request(&self, _: &RequestClaim) -> Result<(), StoreError> {
        unreachable!("no page has a key")
    }
}
