//! Which gateway a reminder waits for.

use chrono::{DateTime, Utc};

use super::{Outbox, QueueRow, QueueStage};
use crate::domain::{Channel, Event, EventKind, NewReminder, ReminderId};
use crate::plan::{DeferReason, GatewayLists};

impl Outbox {
    /// The gateway index for which a new reminder waits.
    pub(super) fn first_index(&self, new: &NewReminder) -> u16 {
        self.gateway_lists.first_index(new.key.channel, &new.key.borrower.merchant)
    }

    /// Lets a due reminder wait for another gateway.
    pub(in crate::store::memory) fn pass_on(&mut self, id: ReminderId, gateway_index: u16, now: DateTime<Utc>) {
        let Some(queued) = self.take(id) else { return };
        let (attempt, kind) = (queued.attempt, EventKind::Deferred);
        let detail = Some(DeferReason::OtherGateway.as_str().to_owned());
        self.put(id, QueueRow { gateway_index, ..queued });
        self.append(Event { reminder: id, attempt, at: now, kind, gateway: None, provider_id: None, detail });
    }

    pub(in crate::store::memory) fn rehome(&mut self, channel: Channel, lists: &GatewayLists) -> usize {
        let lost = |(id, queued): (&ReminderId, &QueueRow)| {
            let merchant = &self.reminders.get(id)?.plan.key.borrower.merchant;
            let first = lists.first_index(channel, merchant);
            let count = u16::try_from(lists.of(channel, merchant).len()).unwrap_or(GatewayLists::WIDTH);
            let is_waiting = matches!(queued.stage, QueueStage::Planned { .. } | QueueStage::Held { .. });
            let is_lost =
                is_waiting && queued.channel == channel && !(first..first + count).contains(&queued.gateway_index);
            is_lost.then(|| (*id, QueueRow { gateway_index: first, ..queued.clone() }))
        };
        let lost: Vec<_> =
            self.queue.iter().filter_map(lost).filter(|(id, row)| self.queue.get(id) != Some(row)).collect();
        let moved = lost.len();
        for (id, queued) in lost {
            self.put(id, queued);
        }
        moved
    }

    /// Moves what was due and waits for a gateway that no list has.
    pub(in crate::store::memory) fn rescue(
        &mut self,
        channel: Channel,
        lists: &GatewayLists,
        due_before: DateTime<Utc>,
    ) -> usize {
        let stranded = |(id, queued): (&ReminderId, &QueueRow)| {
            let is_due = matches!(queued.stage, QueueStage::Planned { not_before, .. } if not_before <= due_before);
            let next = lists.rescue(channel, queued.gateway_index).filter(|_| is_due && queued.channel == channel)?;
            Some((*id, QueueRow { gateway_index: next, ..queued.clone() }))
        };
        let stranded: Vec<_> = self.queue.iter().filter_map(stranded).collect();
        let moved = stranded.len();
        for (id, queued) in stranded {
            self.put(id, queued);
        }
        moved
    }
}
