//! Tokens and keyed requests: the daemons of the simulation have no API.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::domain::TokenDigest;
use dueherald::store::{
    ApiStore, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, NewToken, RequestClaim, RequestEnd, RequestStart,
    StoreError, TokenRecord,
};

use crate::store::FaultyStore;

#[async_trait]
impl ApiStore for FaultyStore {
    async fn add_token(&self, token: &NewToken) -> Result<Option<i64>, StoreError> {
        self.inner().add_token(token).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.inner().tokens().await
    }

    async fn revoke_token(&self, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        self.inner().revoke_token(name, at).await
    }

    async fn use_token(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        self.inner().use_token(digest, now).await
    }

    async fn begin_request(&self, request: &KeyedRequest) -> Result<RequestStart, StoreError> {
        self.inner().begin_request(request).await
    }

    async fn end_request(&self, claim: &RequestClaim, end: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError> {
        self.inner().end_request(claim, end).await
    }

    async fn write_part(
        &self,
        claim: &RequestClaim,
        lease: TimeDelta,
        part: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError> {
        self.inner().write_part(claim, lease, part).await
    }

    async fn release_request(&self, claim: &RequestClaim) -> Result<(), StoreError> {
        self.inner().release_request(claim).await
    }
}
