//! Events in the order in which they were appended.

use super::Outbox;
use crate::domain::Event;

impl Outbox {
    pub(super) fn append(&mut self, event: Event) {
        let reminder = event.reminder;
        let events = self.events.entry(reminder).or_default();
        self.log.push((reminder, events.len()));
        events.push(event);
    }

    /// All events.
    pub(in crate::store::memory) fn log(&self) -> impl Iterator<Item = &Event> {
        self.log.iter().filter_map(|(reminder, place)| self.events(*reminder).get(*place))
    }
}
