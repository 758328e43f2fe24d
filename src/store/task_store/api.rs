//! Tokens of the API, and requests that count once.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::TaskStore;
use crate::domain::TokenDigest;
use crate::store::{
    ApiStore, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, NewToken, RequestClaim, RequestEnd, RequestStart,
    StoreError, TokenRecord,
};

#[async_trait]
impl ApiStore for TaskStore {
    async fn add_token(&self, token: &NewToken) -> Result<Option<i64>, StoreError> {
        let token = token.clone();
        self.run(|store| async move { store.add_token(&token).await }).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.run(|store| async move { store.tokens().await }).await
    }

    async fn revoke_token(&self, name: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.run(|store| async move { store.revoke_token(&name, at).await }).await
    }

    async fn use_token(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<TokenRecord>, StoreError> {
        let digest = *digest;
        self.run(|store| async move { store.use_token(&digest, now).await }).await
    }

    async fn begin_request(&self, request: &KeyedRequest) -> Result<RequestStart, StoreError> {
        let request = request.clone();
        self.run(|store| async move { store.begin_request(&request).await }).await
    }

    async fn end_request(&self, claim: &RequestClaim, end: &RequestEnd) -> Result<Option<KeptAnswer>, StoreError> {
        let (claim, end) = (claim.clone(), end.clone());
        self.run(|store| async move { store.end_request(&claim, &end).await }).await
    }

    async fn write_part(
        &self,
        claim: &RequestClaim,
        lease: TimeDelta,
        part: &LedgerPart,
    ) -> Result<Option<LedgerPartResult>, StoreError> {
        let (claim, part) = (claim.clone(), part.clone());
        self.run(|store| async move { store.write_part(&claim, lease, &part).await }).await
    }

    async fn release_request(&self, claim: &RequestClaim) -> Result<(), StoreError> {
        let claim = claim.clone();
        self.run(|store| async move { store.release_request(&claim).await }).await
    }
}
