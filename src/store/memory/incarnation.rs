//! Whether anything may be sent, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::domain::{
    Arming, Beat, DaemonRecord, DatabaseState, Disarm, DisarmReason, Fence, HandoverRecord, Incarnation, ManualChange,
    Marks,
};
use crate::store::audit_entries;
use crate::store::{ClaimRequest, IncarnationStore, StoreError};

/// The incarnation of a store in memory.
#[derive(Debug, Default, Clone)]
pub(super) struct Incarnations {
    disarm: Option<Disarm>,
    /// The names of earlier generations.
    past: Vec<String>,
    /// The name of the current generation; `None` until the store is armed for the first time.
    generation: Option<String>,
    /// The persons who asked for a new generation.
    asked: Vec<String>,
    daemons: BTreeMap<String, DaemonRecord>,
}

impl Incarnations {
    fn generation(&self) -> String {
        self.generation.clone().unwrap_or_else(|| "first".to_owned())
    }

    /// Whether a claim with that fence may take anything.
    fn passes(&self, fence: &Fence, marks: Marks) -> bool {
        let beats = |daemon: &str| self.daemons.get(daemon).map_or(0, |known| known.beats);
        self.disarm.is_none()
            && fence.generation == self.generation()
            && !marks.is_behind(&fence.marks)
            && fence.beats.as_ref().is_none_or(|(daemon, least)| beats(daemon) >= *least)
    }
}

impl Tables {
    /// Whether a claim may take anything.
    pub(super) fn passes(&self, request: &ClaimRequest) -> bool {
        request.fence.as_ref().is_none_or(|fence| self.incarnations.passes(fence, self.outbox.marks()))
    }
}

impl MemoryStore {
    /// Goes back to what a fork holds, as a restored database does: for simulations.
    #[doc(hidden)]
    pub fn restore(&self, backup: &Self) {
        let backup = backup.tables().clone();
        *self.tables() = backup;
    }
}

#[async_trait]
impl IncarnationStore for MemoryStore {
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let marks = tables.outbox.marks();
        let own = &mut tables.incarnations;
        let generation = own.generation();
        if let Some(Beat { daemon, handed_in }) = beat {
            let beats = own.daemons.get(daemon).map_or(1, |known| known.beats + 1);
            let handed_in = handed_in.map(ToOwned::to_owned);
            let daemon = daemon.to_owned();
            own.daemons.insert(daemon.clone(), DaemonRecord { daemon, beats, last_at: now, handed_in });
        }
        let incarnation = Incarnation { database: "memory".to_owned(), generation, system: None, timeline: None };
        Ok(DatabaseState {
            incarnation,
            marks,
            durable: 0,
            disarm: own.disarm.clone(),
            daemons: own.daemons.values().cloned().collect(),
            past_generations: own.past.clone(),
            has_synchronous_standby: None,
            waits_for_disk: None,
            now,
        })
    }

    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError> {
        let disarm = Disarm { reason, since: self.clock.now(), daemon: daemon.to_owned() };
        self.tables().incarnations.disarm.get_or_insert(disarm);
        Ok(())
    }

    async fn hand_in(&self, handed_over: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        Ok(handed_over.iter().filter(|one| tables.outbox.hand_in(one, marks, now)).count())
    }

    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let own = &mut tables.incarnations;
        if persons > 1 && own.asked.iter().all(|actor| *actor == by.actor) {
            own.asked.push(by.actor.clone());
            tables.note(self.origin.as_ref(), &[audit_entries::arm(by, &Arming::OnePersonMore)]);
            return Ok(Arming::OnePersonMore);
        }
        let generation = own.generation();
        own.past.push(generation);
        // By the time: a store that goes back before it was armed must not call the next one the same.
        own.generation = Some(format!("{} of {now}", own.past.len()));
        own.asked.clear();
        own.disarm = None;
        tables.note(self.origin.as_ref(), &[audit_entries::arm(by, &Arming::Armed)]);
        Ok(Arming::Armed)
    }
}
