//! Stops and suppressions.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::{
    AddressKey, Channel, LiftResult, Lifter, ManualChange, MerchantId, Suppression, SuppressionChange,
    SuppressionRecord,
};
use crate::store::{Stop, StopStore, StoreError, SuppressionChangeFilter, SuppressionFilter, SuppressionStore};

#[async_trait]
impl StopStore for TaskStore {
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        let stop = stop.clone();
        self.run(|store| async move { store.stop(&stop).await }).await
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let (merchant, by) = (merchant.cloned(), by.clone());
        self.run(|store| async move { store.lift_stop(merchant.as_ref(), channel, &by).await }).await
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        self.run(|store| async move { store.stops().await }).await
    }
}

#[async_trait]
impl SuppressionStore for TaskStore {
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        let (suppressions, by) = (suppressions.to_vec(), by.cloned());
        self.run(|store| async move { store.suppress(&suppressions, by.as_ref()).await }).await
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.suppression_changes(&filter).await }).await
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.suppressions(&filter).await }).await
    }

    async fn suppressions_of(&self, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
        let address = address.clone();
        self.run(|store| async move { store.suppressions_of(&address).await }).await
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError> {
        let (merchant, address, by) = (merchant.cloned(), address.clone(), by.clone());
        self.run(|store| async move { store.lift_suppression(merchant.as_ref(), &address, lifter, &by).await }).await
    }
}
