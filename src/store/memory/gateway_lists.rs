//! Which gateways reminders wait for, in memory.

use super::MemoryStore;
use crate::plan::GatewayLists;

impl MemoryStore {
    /// The same store, in which new reminders wait for the gateways of their merchants.
    #[must_use]
    pub fn with_gateway_lists(self, lists: GatewayLists) -> Self {
        self.tables().outbox.gateway_lists = lists;
        self
    }
}
