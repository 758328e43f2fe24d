//! Changes to planned steps that are already in the outbox, after a scan or a claim.

use chrono::{DateTime, Utc};

use super::{Outbox, QueueRow, QueueStage};
use crate::domain::{Channel, Event, EventKind, NewReminder, ReminderId, ReminderKey, SkipReason};
use crate::plan::{KnownProgress, KnownReminder, PlanItem, Replan, ReplanAction, replan};
use crate::store::{PlanResult, WriteMode};

impl Outbox {
    pub(in crate::store::memory) fn put_in_all(
        &mut self,
        planned: &[PlanItem],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> PlanResult {
        let mut put = PlanResult::default();
        planned.iter().for_each(|one| self.put_in(one, at, mode, &mut put));
        put
    }

    fn put_in(&mut self, one: &PlanItem, at: DateTime<Utc>, mode: WriteMode, put: &mut PlanResult) {
        let key = &one.reminder.key;
        let known: Vec<_> = Channel::ALL.iter().filter_map(|channel| self.known(key, *channel)).collect();
        let is_new = |one: &KnownReminder| one.channel != key.channel;
        if known.iter().all(is_new) && (known.is_empty() || !one.is_sole) {
            let Some(id) = self.plan(&one.reminder, at, mode) else { return };
            let Some(reason) = one.skip else { return put.planned.push(id) };
            put.skipped.push(id);
            if mode == WriteMode::Commit {
                self.skip(Event::skipped(id, 0, reason, at));
            }
        } else if let Some(changes) = replan(one, &known).filter(|_| one.skip.is_none()) {
            self.replan(one, &changes, at, mode, put);
        }
    }

    /// The reminder of a step on a channel, with its progress.
    fn known(&self, key: &ReminderKey, channel: Channel) -> Option<KnownReminder> {
        let id = *self.keys.get(&ReminderKey { channel, ..key.clone() })?;
        let NewReminder { not_before, expires_at, .. } = self.reminders.get(&id)?.plan;
        let progress = match (self.queue.get(&id), self.events(id).last()) {
            (Some(QueueRow { attempt: 0, stage: QueueStage::Planned { .. }, .. }), _) => KnownProgress::Untouched,
            (None, Some(last)) => KnownProgress::ended(last.kind, last.detail.as_deref(), last.attempt),
            _ => KnownProgress::Other,
        };
        Some(KnownReminder { id, channel, not_before, expires_at, progress })
    }

    fn replan(&mut self, one: &PlanItem, changes: &Replan, at: DateTime<Utc>, mode: WriteMode, put: &mut PlanResult) {
        let NewReminder { not_before, expires_at, .. } = one.reminder;
        if mode == WriteMode::Commit {
            for id in &changes.end {
                self.skip(Event::skipped(*id, 0, SkipReason::Superseded, at));
            }
        }
        let id = match changes.then {
            ReplanAction::Keep => return,
            ReplanAction::PutIn => return put.switched.extend(self.plan(&one.reminder, at, mode)),
            ReplanAction::Move(id) => {
                put.moved.push(id);
                id
            }
            ReplanAction::Revive { id, .. } => {
                if changes.end.is_empty() {
                    put.revived.push(id)
                } else {
                    put.switched.push(id)
                }
                id
            }
        };
        if mode == WriteMode::DryRun {
            return;
        }
        let (attempt, kind) = match changes.then {
            ReplanAction::Revive { attempts, .. } => (attempts, EventKind::Revived),
            _ => (0, EventKind::Moved),
        };
        let stage = QueueStage::Planned { not_before };
        let (channel, gateway_index) = (one.reminder.key.channel, self.first_index(&one.reminder));
        self.put(id, QueueRow { channel, gateway_index, attempt, gateway: None, stage });
        self.append(Event { reminder: id, attempt, at, kind, gateway: None, provider_id: None, detail: None });
        if let Some(reminder) = self.reminders.get_mut(&id) {
            (reminder.plan.not_before, reminder.plan.expires_at) = (not_before, expires_at);
        }
    }

    /// Skips a due reminder, and puts in the one that takes its place on another channel; but nothing takes the place
    /// of what may have arrived.
    pub(in crate::store::memory) fn switch(
        &mut self,
        id: ReminderId,
        to: &NewReminder,
        reason: SkipReason,
        now: DateTime<Utc>,
    ) {
        let in_doubt = self.events(id).iter().any(|event| event.kind == EventKind::Unknown);
        self.skip(Event::skipped(id, self.attempts(id), reason, now));
        if !in_doubt {
            self.plan(to, now, WriteMode::Commit);
        }
    }
}
