//! Hand-overs that a daemon remembers and the outbox does not know.

use chrono::{DateTime, Utc};

use super::{Outbox, QueueRow, QueueStage};
use crate::domain::{DATABASE_REWOUND, Event, EventKind, HandoverRecord, Marks, Reminder, ReminderId};

impl Outbox {
    /// Makes a hand-over `unknown` if the outbox does not know it. Returns `true` in that case.
    pub(in crate::store::memory) fn hand_in(&mut self, one: &HandoverRecord, marks: Marks, now: DateTime<Utc>) -> bool {
        self.continue_behind = self.continue_behind.max(marks.reminders);
        let key = &one.reminder.key;
        let id = match self.keys.get(key) {
            Some(id) => *id,
            None => {
                let own = Some(one.id).filter(|id| !self.reminders.contains_key(id));
                let id = own.unwrap_or(ReminderId(self.last_number().0 + 1));
                self.keys.insert(key.clone(), id);
                self.reminders.insert(id, Reminder { id, planned_at: one.at, plan: one.reminder.clone() });
                id
            }
        };
        let last = self.events(id).last();
        // A report that it arrived settles more than any attempt.
        if !self.queue.contains_key(&id) && last.is_some_and(|event| event.kind == EventKind::Delivered) {
            return false;
        }
        let last = last.map_or(0, |event| event.attempt);
        if self.queue.get(&id).map_or(last, |queued| queued.attempt) >= one.attempt {
            return false;
        }
        let (attempt, gateway) = (one.attempt, Some(one.gateway.clone()));
        let stage = QueueStage::Unknown { look_at: one.can_be_looked_up(id).then_some(now) };
        self.put(id, QueueRow { channel: key.channel, gateway_index: 0, attempt, gateway: gateway.clone(), stage });
        let (kind, detail) = (EventKind::Unknown, Some(DATABASE_REWOUND.to_owned()));
        self.append(Event { reminder: id, attempt, at: now, kind, gateway, provider_id: None, detail });
        true
    }
}
