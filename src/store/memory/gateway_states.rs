//! The state of gateways, in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::domain::GatewayState;
use crate::store::{GATEWAY_STATE_KEPT, GatewayStateStore, StoreError};

#[async_trait]
impl GatewayStateStore for MemoryStore {
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let known = &mut self.tables().gateways;
        known.insert((state.gateway.clone(), state.holder.clone()), state.clone());
        known.retain(|_, known| known.at >= state.at - GATEWAY_STATE_KEPT);
        Ok(())
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        Ok(self.tables().gateways.values().filter(|known| known.at >= since).cloned().collect())
    }
}
