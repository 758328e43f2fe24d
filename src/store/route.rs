//! Routes.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{MerchantId, RouteHealth, RouteKey, RouteVersion};

/// Ways to repay, and whether they work.
#[async_trait]
pub trait RouteStore: Debug + Send + Sync {
    /// Keeps what somebody made of a route; nothing that was kept before is changed.
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError>;

    /// Every version of one route, oldest first; with `None` the newest of each, by key.
    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError>;

    /// Puts what is known of how a route of a merchant is doing in the place of what was known.
    async fn note_route_health(&self, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError>;

    /// How each route is doing that was ever probed, by key.
    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError>;
}
