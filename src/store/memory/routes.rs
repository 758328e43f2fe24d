//! Routes, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{MerchantId, RouteHealth, RouteKey, RouteVersion};
use crate::store::audit_entries;
use crate::store::{RouteStore, StoreError};

#[async_trait]
impl RouteStore for MemoryStore {
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let versions = tables.routes.entry(version.route.key.clone()).or_default();
        let before = versions.last().cloned();
        versions.push(version.clone());
        tables.note(self.origin.as_ref(), &[audit_entries::route_change(before.as_ref(), version)]);
        Ok(())
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let tables = self.tables();
        Ok(match key {
            Some(key) => tables.routes.get(key).cloned().unwrap_or_default(),
            None => tables.routes.values().filter_map(|versions| versions.last().cloned()).collect(),
        })
    }

    async fn note_route_health(&self, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.note_degraded(health, merchant);
        tables.route_health.insert(health.key.clone(), health.clone());
        Ok(())
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        Ok(self.tables().route_health.values().cloned().collect())
    }
}
