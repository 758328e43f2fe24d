//! Deliveries are kept by the store behind, without faults.

use async_trait::async_trait;
use dueherald::domain::SourceName;
use dueherald::store::{Delivery, DeliveryStore, KeptDelivery, NewDelivery, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl DeliveryStore for FaultyStore {
    async fn keep_delivery(&self, delivery: &NewDelivery) -> Result<KeptDelivery, StoreError> {
        self.inner().keep_delivery(delivery).await
    }

    async fn waiting_deliveries(&self, source: &SourceName, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.inner().waiting_deliveries(source, limit).await
    }

    async fn end_delivery(&self, id: i64) -> Result<(), StoreError> {
        self.inner().end_delivery(id).await
    }
}
