//! The state of gateways.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::GatewayState;

/// Reports of processes about their gateways.
#[async_trait]
pub trait GatewayStateStore: Debug + Send + Sync {
    /// Puts what a process says of a gateway in the place of what it said before, and forgets what any said more than
    /// [`GATEWAY_STATE_KEPT`](super::GATEWAY_STATE_KEPT) before that.
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError>;

    /// What processes said of gateways since then, by gateway and process.
    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError>;
}
