//! No page takes deliveries.

use async_trait::async_trait;
use dueherald::domain::SourceName;
use dueherald::store::{Delivery, DeliveryStore, KeptDelivery, NewDelivery, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl DeliveryStore for FakeStore {
    async fn keep_delivery(&self, _: &NewDelivery) -> Result<KeptDelivery, StoreError> {
        unreachable!("no page takes deliveries")
    }

    async fn waiting_deliveries(&self, _: &SourceName, _: u32) -> Result<Vec<Delivery>, StoreError> {
        unreachable!("no page applies deliveries")
    }

    async fn end_delivery(&self, _: i64) -> Result<(), StoreError> {
        unreachable!("no page applies deliveries")
    }
}
