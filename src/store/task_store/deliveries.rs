//! Deliveries of the lender's systems.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::SourceName;
use crate::store::{Delivery, DeliveryStore, KeptDelivery, NewDelivery, StoreError};

#[async_trait]
impl DeliveryStore for TaskStore {
    async fn keep_delivery(&self, delivery: &NewDelivery) -> Result<KeptDelivery, StoreError> {
        let delivery = delivery.clone();
        self.run(|store| async move { store.keep_delivery(&delivery).await }).await
    }

    async fn waiting_deliveries(&self, source: &SourceName, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let source = source.clone();
        self.run(move |store| async move { store.waiting_deliveries(&source, limit).await }).await
    }

    async fn end_delivery(&self, id: i64) -> Result<(), StoreError> {
        self.run(move |store| async move { store.end_delivery(id).await }).await
    }
}
