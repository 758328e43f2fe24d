//! Has the database look at the queue again once much was put into it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::ScanStore;

/// From so many reminders on, plans that were made while the queue was empty are wrong.
const MANY: u64 = 1_000;

/// How many reminders one piece of work has put into the queue.
#[derive(Debug, Default)]
pub(super) struct QueueGrowth(AtomicU64);

impl QueueGrowth {
    /// Counts `put_in` more, and has the statistics refreshed when there come to be many: once, while the work goes on,
    /// since lanes send from the queue already. A failure is logged and changes nothing: the statistics get refreshed
    /// by the database itself, only later.
    pub(super) async fn note(&self, put_in: u64, store: &(impl ScanStore + ?Sized)) {
        let before = self.0.fetch_add(put_in, Ordering::Relaxed);
        if before < MANY
            && before + put_in >= MANY
            && let Err(error) = store.refresh_statistics().await
        {
            tracing::warn!(%error, "the database could not look at the queue again; sending may be slow for a minute");
        }
    }
}
