//! The state of gateways.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::TaskStore;
use crate::domain::GatewayState;
use crate::store::{GatewayStateStore, StoreError};

#[async_trait]
impl GatewayStateStore for TaskStore {
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let state = state.clone();
        self.run(|store| async move { store.note_gateway(&state).await }).await
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        self.run(|store| async move { store.gateway_states(since).await }).await
    }
}
