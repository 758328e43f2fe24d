//! Turns.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::StoreError;

/// Tasks that one process at a time does.
#[async_trait]
pub trait TurnStore: Debug + Send + Sync {
    /// Takes or renews the right to do `task` alone (scanning, say) for `lasts`, on the store's clock. `false` if
    /// another `holder` has it.
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError>;
}
