//! The guard: a database that went back in time hands out nothing, and what was handed over already is never handed
//! over again.
//!
//! It looks at the database every second, and gives each claim a [`Fence`], which the claim's own statement checks: so
//! a database that was restored, promoted or replaced since the last look hands out nothing either. What is claimed
//! goes into the [`Journal`] before it leaves.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::{
    Beat, Code, DATABASE_REWOUND, DatabaseState, DisarmReason, Fence, GatewayName, HandoverRecord, KnownDatabase,
    LOST_RECORD, Marks, Next, Outcome, Settlement,
};
use crate::journal::Journal;
use crate::plan::{DaemonMemory, IncarnationVerdict, WaitReason, judge};
use crate::store::{ClaimedReminder, IncarnationStore, StoreError};

/// How many hand-overs are put into the database at once.
const HANDED_IN_AT_ONCE: usize = 500;

/// Why this process sends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardHold {
    /// Nobody may send from the database.
    Disarmed(DisarmReason),
    /// This daemon may not, others may.
    Wait(WaitReason),
    /// It has not looked yet.
    NotLooked,
    /// The journal could not be written.
    CannotWrite,
}

impl GuardHold {
    /// The reason as a colleague would say it, and what to do.
    #[must_use]
    pub fn explained(self) -> String {
        const ARM: &str = "see to it that it is the right one, then run `dueherald database arm`";
        match self {
            Self::Disarmed(reason) => format!("{}; {ARM}", reason.explained()),
            Self::Wait(reason) => format!("{}; {ARM}", reason.explained()),
            Self::NotLooked => "the database was not looked at yet".to_owned(),
            Self::CannotWrite => "a file in `dispatch.state_dir` cannot be written; the log says why".to_owned(),
        }
    }

    /// The reason in a word, for figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Disarmed(reason) => reason.as_str(),
            Self::Wait(WaitReason::RecordLost) => "record_lost",
            Self::Wait(WaitReason::Alone) => "alone",
            Self::NotLooked => "not_looked",
            Self::CannotWrite => "cannot_write",
        }
    }
}

/// The permission of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permission {
    /// Claim what this fence lets through.
    Claim(Option<Fence>),
    /// Claim nothing.
    Held,
}

/// The batch must not leave.
#[derive(Debug)]
pub(super) struct RefusedBatch {
    /// The database is an older one: some of it was handed over already, or the guard noticed meanwhile.
    is_again: bool,
}

impl RefusedBatch {
    /// The settlement of a reminder of the batch: in doubt in a database that hands out again, else due again.
    pub(super) fn settle(&self, claimed: ClaimedReminder, gateway_index: u16, now: DateTime<Utc>) -> Settlement {
        // All of it: another daemon may have handed over the rest.
        if self.is_again {
            let outcome = Outcome::Unknown { code: Code::new(DATABASE_REWOUND) };
            return claimed.attempt.settle(outcome, Next::Unknown, now);
        }
        let outcome = Outcome::NotSent { code: Code::new("sending_held") };
        claimed.attempt.settle(outcome, Next::Retry { not_before: now, gateway_index }, now)
    }
}

/// Guards one process against sending from a database that went back in time; does nothing if empty.
#[derive(Debug)]
pub struct Guard(Option<Watch>);

#[derive(Debug)]
struct Watch {
    store: Arc<dyn IncarnationStore>,
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    /// The name of this daemon in the database.
    daemon: String,
    state: Mutex<GuardState>,
}

#[derive(Debug)]
struct GuardState {
    hold: Option<GuardHold>,
    cannot_write: bool,
    known: Option<KnownDatabase>,
    first_beats: Option<BTreeMap<String, i64>>,
    /// The generation for which everything is in the database.
    handed_in: Option<String>,
    /// The numbers of the last look, and those before it with the place in the log that has to be on the disk before
    /// they count.
    last: Option<Marks>,
    pending: Option<(Marks, i64)>,
}

impl Guard {
    /// One that lets everything through and remembers nothing: for stores that cannot go back in time.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// One for a daemon of that name.
    #[must_use]
    pub fn new(store: Arc<dyn IncarnationStore>, clock: Arc<dyn Clock>, journal: Journal, daemon: String) -> Self {
        let state = GuardState {
            hold: Some(GuardHold::NotLooked),
            cannot_write: false,
            known: journal.known().cloned(),
            first_beats: None,
            handed_in: None,
            last: None,
            pending: None,
        };
        Self(Some(Watch { store, clock, journal: Arc::new(journal), daemon, state: Mutex::new(state) }))
    }

    /// Why nothing is sent; `None` while it is.
    #[must_use]
    pub fn hold(&self) -> Option<GuardHold> {
        let state = self.0.as_ref()?.state();
        state.hold.or_else(|| state.cannot_write.then_some(GuardHold::CannotWrite))
    }

    /// Looks at the database, and does what follows. To be called every second.
    ///
    /// # Errors
    /// When the store fails. A database that is to be disarmed is held by this process all the same.
    pub async fn look(&self) -> Result<(), StoreError> {
        match &self.0 {
            Some(watch) => watch.look().await,
            None => Ok(()),
        }
    }

    /// The current permission of a lane.
    pub(super) fn permission(&self) -> Permission {
        let Some(watch) = &self.0 else { return Permission::Claim(None) };
        let state = watch.state();
        if state.hold.is_some() || state.cannot_write {
            return Permission::Held;
        }
        Permission::Claim(state.known.as_ref().map(|known| Fence {
            generation: known.incarnation.generation.clone(),
            timeline: known.incarnation.timeline.clone(),
            marks: known.marks,
            beats: watch.name().map(|daemon| (daemon.to_owned(), known.beats)),
        }))
    }

    /// Remembers a batch that is about to leave.
    ///
    /// # Errors
    /// When it must not: some of it was handed over already, or it could not be written down.
    pub(super) fn admit(&self, gateway: &GatewayName, batch: &[ClaimedReminder]) -> Result<(), RefusedBatch> {
        match &self.0 {
            Some(watch) if !batch.is_empty() => watch.admit(gateway, batch),
            _ => Ok(()),
        }
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, GuardState> {
        // Each change is made at once, so it is whole whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of this daemon in the database; `None` without a lasting record, because the daemon could not
    /// recognise itself the next time.
    fn name(&self) -> Option<&str> {
        self.journal.is_lasting().then_some(&*self.daemon)
    }

    fn admit(&self, gateway: &GatewayName, batch: &[ClaimedReminder]) -> Result<(), RefusedBatch> {
        let is_again = |one: &&ClaimedReminder| {
            let (id, attempt) = (one.attempt.reminder(), one.attempt.number());
            self.journal.was_handed_over(&one.reminder.key, id, attempt)
        };
        let again = batch.iter().filter(is_again).count();
        if again > 0 {
            tracing::error!(count = again, "the database handed out messages again; nothing of it leaves");
            self.hold(GuardHold::Disarmed(DisarmReason::HandedOutAgain));
            return Err(RefusedBatch { is_again: true });
        }
        let at = self.clock.now();
        let handed_over = batch.iter().map(|one| HandoverRecord {
            at,
            id: one.attempt.reminder(),
            attempt: one.attempt.number(),
            gateway: gateway.clone(),
            reminder: one.reminder.clone(),
        });
        let recorded = self.journal.record(&Vec::from_iter(handed_over));
        recorded.map_err(|error| {
            self.state().cannot_write = true;
            tracing::error!(%error, "what is handed over cannot be written down; nothing is sent until it can");
            RefusedBatch { is_again: false }
        })?;
        // Asked after it was recorded: what is put into a disarmed database is read from the journal once the hold is
        // there.
        let is_held = self.state().hold.is_some();
        if is_held { Err(RefusedBatch { is_again: true }) } else { Ok(()) }
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.see_to_files().await;
        let sends = self.state().hold.is_none();
        let beat = self.name().filter(|_| sends).map(|daemon| Beat { daemon, handed_in: None });
        let database = self.store.database_state(beat).await?;
        let verdict = {
            let mut state = self.state();
            let beats = || database.daemons.iter().map(|one| (one.daemon.clone(), one.beats)).collect();
            let GuardState { known, first_beats, .. } = &mut *state;
            let memory = DaemonMemory {
                daemon: self.name(),
                known: known.as_ref(),
                has_beaten: beat.is_some(),
                is_empty: self.journal.is_empty(),
                first_beats: first_beats.get_or_insert_with(beats),
            };
            judge(memory, &database)
        };
        match verdict {
            IncarnationVerdict::GoOn => self.go_on(&database).await,
            IncarnationVerdict::Join => self.join(&database).await,
            IncarnationVerdict::Disarm(reason) => self.disarm(reason, &database).await,
            IncarnationVerdict::Disarmed => self.wait_disarmed(&database).await,
            // The database may have been read before that record was written, so it is read again.
            IncarnationVerdict::Wait(WaitReason::RecordLost) if self.finds_record().await => {
                Box::pin(self.look()).await
            }
            IncarnationVerdict::Wait(reason) => self.wait(reason, &database).await,
        }
    }

    /// Whether another process of this machine, which started at the same time, has kept a record by now.
    async fn finds_record(&self) -> bool {
        let journal = Arc::clone(&self.journal);
        let found = match journal.has_files() {
            true => tokio::task::spawn_blocking(move || journal.known_by_now()).await.ok().and_then(Result::ok),
            false => journal.known_by_now().ok(),
        };
        let Some(found) = found.flatten() else { return false };
        self.state().known = Some(found);
        true
    }

    /// Files that could not be written are tried again, and what was written is made lasting.
    async fn see_to_files(&self) {
        if !self.journal.has_files() {
            return;
        }
        let journal = Arc::clone(&self.journal);
        let was_held = self.state().cannot_write;
        let sync = tokio::task::spawn_blocking(move || if was_held { journal.probe() } else { journal.sync() });
        match sync.await {
            Ok(Ok(())) => self.state().cannot_write = false,
            Ok(Err(error)) if !was_held => {
                self.state().cannot_write = true;
                tracing::error!(%error, "what was handed over could not be made lasting; nothing is sent until it can");
            }
            // It was logged, or the process ends.
            _ => {}
        }
    }

    async fn go_on(&self, database: &DatabaseState) -> Result<(), StoreError> {
        let hold = self.state().hold;
        if let Some(GuardHold::Disarmed(reason)) = hold {
            // It was noticed here, and could not be recorded.
            return self.disarm(reason, database).await;
        }
        if hold == Some(GuardHold::NotLooked) && self.has_forgotten().await? {
            return self.disarm(DisarmReason::MarksBehind, database).await;
        }
        let mut beats = self.beats(database);
        if hold.is_some() && !self.is_known_to_send(database) {
            beats = self.show_itself().await?;
        }
        let known = {
            let mut state = self.state();
            state.hold = None;
            let pending = state.pending.filter(|(_, position)| database.durable >= *position);
            state.pending = state.last.replace(database.marks).map(|last| (last, database.marks.position));
            // Without a log every commit is on the disk by now.
            let pending = if database.marks.position == 0 { Some((database.marks, 0)) } else { pending };
            let Some(known) = state.known.as_mut() else { return Ok(()) };
            known.marks.position = known.marks.position.max(database.durable);
            if let Some((marks, _)) = pending {
                known.marks.events = marks.events;
                known.marks.reminders = marks.reminders;
            }
            known.beats = beats.max(known.beats);
            // A server that could not say these before may now.
            known.incarnation = database.incarnation.clone();
            known.clone()
        };
        self.keep(&known);
        Ok(())
    }

    /// Whether the database does not know what was handed over last: then it was put back since, to a moment after the
    /// marks were kept.
    async fn has_forgotten(&self) -> Result<bool, StoreError> {
        let newest = if self.journal.has_files() {
            let journal = Arc::clone(&self.journal);
            tokio::task::spawn_blocking(move || journal.newest(HANDED_IN_AT_ONCE)).await
        } else {
            Ok(self.journal.newest(HANDED_IN_AT_ONCE))
        };
        match newest {
            Ok(Ok(newest)) => Ok(self.store.hand_in(&newest, Marks::default()).await? > 0),
            Ok(Err(error)) => {
                tracing::error!(%error, "what was handed over cannot be read from `dispatch.state_dir`");
                Err(StoreError::Ending)
            }
            Err(_) => Err(StoreError::Ending),
        }
    }

    async fn join(&self, database: &DatabaseState) -> Result<(), StoreError> {
        let count = self.hand_in().await?;
        let mut known = KnownDatabase {
            incarnation: database.incarnation.clone(),
            marks: Marks { position: database.durable, ..Marks::default() },
            beats: self.beats(database),
        };
        // Kept before the database knows this daemon: if it shows itself and the answer is lost, or the process ends
        // there, it must not take itself for one that has lost its record.
        self.keep(&known);
        let before = {
            let mut state = self.state();
            state.known = Some(known.clone());
            // The earlier hold is over: if this breaks off here, the next look goes on, and disarms nothing.
            state.hold.replace(GuardHold::NotLooked)
        };
        known.beats = self.show_itself().await?;
        self.keep(&known);
        {
            let mut state = self.state();
            (state.last, state.pending, state.handed_in) = (None, None, None);
            state.known = Some(known);
            state.hold = None;
            if before.is_some_and(|hold| hold != GuardHold::NotLooked) || count > 0 {
                tracing::warn!(unknown = count, "sending from the database begins again");
            }
        }
        Ok(())
    }

    /// Records in the database that this daemon sends. Gives how often it has shown itself.
    async fn show_itself(&self) -> Result<i64, StoreError> {
        let Some(daemon) = self.name() else { return Ok(0) };
        Ok(self.beats(&self.store.database_state(Some(Beat { daemon, handed_in: None })).await?))
    }

    /// Whether the database knows that this daemon sends.
    fn is_known_to_send(&self, database: &DatabaseState) -> bool {
        let own = |daemon: &str| database.daemons.iter().find(|one| one.daemon == daemon);
        self.name().is_none_or(|daemon| own(daemon).is_some_and(|own| own.handed_in.is_none()))
    }

    /// How often this daemon has shown itself.
    fn beats(&self, database: &DatabaseState) -> i64 {
        database.daemons.iter().find(|one| one.daemon == self.daemon).map_or(0, |own| own.beats)
    }

    async fn disarm(&self, reason: DisarmReason, database: &DatabaseState) -> Result<(), StoreError> {
        self.hold(GuardHold::Disarmed(reason));
        self.store.disarm(reason, &self.daemon).await?;
        self.wait_disarmed(database).await
    }

    /// Puts what this daemon remembers into the database, once, and says so.
    async fn wait_disarmed(&self, database: &DatabaseState) -> Result<(), StoreError> {
        if let Some(disarm) = &database.disarm {
            self.hold(GuardHold::Disarmed(disarm.reason));
        }
        let generation = &database.incarnation.generation;
        let is_done = self.state().handed_in.as_ref() == Some(generation);
        if !is_done {
            let count = self.hand_in().await?;
            tracing::warn!(unknown = count, "what was handed over and the database does not know is unknown now");
            self.state().handed_in = Some(generation.clone());
        }
        let Some(daemon) = self.name() else { return Ok(()) };
        let own = database.daemons.iter().find(|one| one.daemon == daemon);
        let has_lost =
            self.state().known.is_none() && own.is_some_and(|own| own.handed_in.as_ref() != Some(generation));
        let word = if has_lost { format!("{LOST_RECORD}{generation}") } else { generation.clone() };
        self.store.database_state(Some(Beat { daemon, handed_in: Some(&word) })).await?;
        Ok(())
    }

    async fn wait(&self, reason: WaitReason, database: &DatabaseState) -> Result<(), StoreError> {
        self.hold(GuardHold::Wait(reason));
        let Some(daemon) = self.name() else { return Ok(()) };
        let generation = &database.incarnation.generation;
        let word = match reason {
            WaitReason::Alone => generation.clone(),
            WaitReason::RecordLost => format!("{LOST_RECORD}{generation}"),
        };
        self.store.database_state(Some(Beat { daemon, handed_in: Some(&word) })).await?;
        Ok(())
    }

    fn hold(&self, hold: GuardHold) {
        let before = self.state().hold.replace(hold);
        if before != Some(hold) {
            tracing::error!(reason = hold.word(), "sending is held: {}", hold.explained());
        }
    }

    fn keep(&self, known: &KnownDatabase) {
        if let Err(error) = self.journal.keep(known) {
            self.state().cannot_write = true;
            tracing::error!(%error, "how far the database has come cannot be written down; nothing is sent until it \
                can");
        }
    }

    /// Puts everything that this machine remembers into the database. Gives how much of it the database did not know.
    async fn hand_in(&self) -> Result<usize, StoreError> {
        let marks = self.state().known.as_ref().map(|known| known.marks).unwrap_or_default();
        let mut count = self.store.hand_in(&[], marks).await?;
        if !self.journal.has_files() {
            let all = self.journal.newest(usize::MAX).map_err(|_| StoreError::Ending)?;
            for batch in all.chunks(HANDED_IN_AT_ONCE) {
                count += self.hand_in_batch(batch, marks).await?;
            }
            return Ok(count);
        }
        let (sender, mut batches) = mpsc::channel(2);
        let journal = Arc::clone(&self.journal);
        let reading = tokio::task::spawn_blocking(move || read_batches(&journal, &sender));
        while let Some(batch) = batches.recv().await {
            count += self.hand_in_batch(&batch, marks).await?;
        }
        if let Ok(Err(error)) = reading.await {
            tracing::error!(%error, "what was handed over cannot be read from `dispatch.state_dir`");
            return Err(StoreError::Ending);
        }
        Ok(count)
    }

    async fn hand_in_batch(&self, batch: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError> {
        let last = batch.iter().map(|one| one.id.0).max().unwrap_or_default();
        let marks = Marks { reminders: marks.reminders.max(last), ..marks };
        self.store.hand_in(batch, marks).await
    }
}

fn read_batches(journal: &Journal, sender: &mpsc::Sender<Vec<HandoverRecord>>) -> io::Result<()> {
    let mut batch = Vec::with_capacity(HANDED_IN_AT_ONCE);
    // Whoever reads may be gone: then nobody needs the rest.
    let send = |batch: Vec<HandoverRecord>| drop(sender.blocking_send(batch));
    journal.each(|one| {
        batch.push(one);
        if batch.len() >= HANDED_IN_AT_ONCE {
            send(std::mem::replace(&mut batch, Vec::with_capacity(HANDED_IN_AT_ONCE)));
        }
    })?;
    send(batch);
    Ok(())
}

#[cfg(test)]
mod tests;
