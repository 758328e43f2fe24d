//! Deliveries of the lender's systems, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::SourceName;
use crate::store::{Delivery, DeliveryStore, KeptDelivery, NewDelivery, StoreError};

/// A delivery that was kept.
#[derive(Debug, Clone)]
pub(super) struct DeliveryEntry {
    source: SourceName,
    digest: String,
    is_done: bool,
    delivery: Delivery,
}

#[async_trait]
impl DeliveryStore for MemoryStore {
    async fn keep_delivery(&self, delivery: &NewDelivery) -> Result<KeptDelivery, StoreError> {
        let at = self.clock.now();
        let mut tables = self.tables();
        let id = i64::try_from(tables.deliveries.len()).unwrap_or(i64::MAX) + 1;
        let is_same = |one: &&mut DeliveryEntry| one.source == delivery.source && one.digest == delivery.digest;
        if let Some(entry) = tables.deliveries.iter_mut().find(is_same) {
            if entry.is_done && delivery.is_signal {
                entry.is_done = false;
                entry.delivery = Delivery { id: entry.delivery.id, at, body: delivery.body.clone() };
            }
            return Ok(if entry.is_done { KeptDelivery::Done } else { KeptDelivery::Waiting(entry.delivery.id) });
        }
        tables.deliveries.push(DeliveryEntry {
            source: delivery.source.clone(),
            digest: delivery.digest.clone(),
            is_done: false,
            delivery: Delivery { id, at, body: delivery.body.clone() },
        });
        Ok(KeptDelivery::Waiting(id))
    }

    async fn waiting_deliveries(&self, source: &SourceName, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let tables = self.tables();
        let waiting = tables.deliveries.iter().filter(|one| one.source == *source && !one.is_done);
        let mut waiting: Vec<_> = waiting.map(|one| one.delivery.clone()).collect();
        waiting.sort_by_key(|one| (one.at, one.id));
        waiting.truncate(limit as usize);
        Ok(waiting)
    }

    async fn end_delivery(&self, id: i64) -> Result<(), StoreError> {
        if let Some(entry) = self.tables().deliveries.iter_mut().find(|one| one.delivery.id == id) {
            entry.is_done = true;
            entry.delivery.body = None;
        }
        Ok(())
    }
}
