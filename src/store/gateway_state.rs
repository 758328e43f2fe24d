//! The state of gateways.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::GatewayState;

/// Reports of processes about their gateways.
#[async_trait]
pub trait GatewayStateStore: Debug + Send + Sync {
    /// Replaces a process's latest state of a gateway, and deletes the states of all processes that are more than
    /// [`GATEWAY_STATE_KEPT`](super::GATEWAY_STATE_KEPT) older.
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError>;

    /// The gateway states that processes wrote since then, ordered by gateway and process.
    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError>;
}
