//! Reconcile: what nobody has been heard of again is brought to light.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How many expired leases one operation moves.
const BATCH: u32 = 500;

/// Moves every reminder whose lease ran out to `unknown`. Gives how many.
///
/// # Errors
/// When the store fails.
pub async fn reap(store: &dyn Store) -> Result<usize, StoreError> {
    let mut moved = 0;
    loop {
        let batch = store.reap(BATCH).await?.len();
        moved += batch;
        if batch < BATCH as usize {
            return Ok(moved);
        }
    }
}

/// Reaps every `every` until `stop`.
pub async fn reap_for_ever(store: Arc<dyn Store>, clock: Arc<dyn Clock>, every: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match reap(&*store).await {
            Ok(0) => {}
            Ok(moved) => {
                tracing::warn!(moved, "the sender of some reminders was not heard of again; they are now unknown")
            }
            Err(error) => tracing::error!(%error, "expired leases could not be looked for; tried again soon"),
        }
        tokio::select! {
            () = clock.sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}
