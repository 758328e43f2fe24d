//! How far sources have been read, in memory.

use super::Tables;
use crate::domain::SourceState;

impl Tables {
    pub(super) fn note_source(&mut self, state: &SourceState) {
        let known = self.sources.entry(state.name.clone()).or_insert_with(|| state.clone());
        known.read_to = known.read_to.max(state.read_to);
        known.pulled_at = known.pulled_at.max(state.pulled_at);
        known.merchants.extend(state.merchants.iter().cloned());
    }
}
