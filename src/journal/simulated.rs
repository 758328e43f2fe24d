//! A state directory in memory: what a simulated daemon finds again when it is restarted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{HandoverRecord, KnownDatabase};

/// Shared by the lives of one simulated daemon.
#[derive(Debug, Default, Clone)]
pub struct SimulatedFolder(Arc<Mutex<Files>>);

#[derive(Debug, Default)]
struct Files {
    handed_over: Vec<HandoverRecord>,
    known: Option<KnownDatabase>,
}

impl SimulatedFolder {
    pub(super) fn append(&self, batch: &[HandoverRecord]) {
        self.files().handed_over.extend_from_slice(batch);
    }

    pub(super) fn keep(&self, known: &KnownDatabase) {
        self.files().known = Some(known.clone());
    }

    pub(super) fn known(&self) -> Option<KnownDatabase> {
        self.files().known.clone()
    }

    pub(super) fn each(&self, visit: impl FnMut(HandoverRecord)) {
        let handed_over = self.files().handed_over.clone();
        handed_over.into_iter().for_each(visit);
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // Each change is made at once, so it is whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
