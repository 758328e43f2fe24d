//! The state of the daemon apart from its store: failing tasks, a database that cannot be used yet, a missing way to
//! the internet. The daemon writes it, `/readyz` shows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::store::{Store, StoreError};

/// The purpose of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// It serves pages: while it is down, the process is not ready for visitors.
    Server,
    /// It works in the background: while it is down, pages are served all the same.
    Worker,
}

/// The failures of one task since it last ran for long.
#[derive(Debug, Clone, Copy)]
struct Failures {
    kind: TaskKind,
    in_a_row: u32,
    last_at: DateTime<Utc>,
    /// It waits to be started again.
    is_down: bool,
}

#[derive(Debug, Default)]
struct Notes {
    tasks: BTreeMap<String, Failures>,
    offline_since: Option<DateTime<Utc>>,
    /// Why this process sends nothing.
    held: Option<String>,
    /// Why the database is not used yet.
    waiting: Option<String>,
}

/// The state of the process. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Notes>>);

impl Health {
    /// A task ended although nobody stopped it; `in_a_row` counts this and the failures before that it has not
    /// recovered from.
    pub fn task_failed(&self, task: &str, kind: TaskKind, in_a_row: u32, at: DateTime<Utc>) {
        self.notes().tasks.insert(task.to_owned(), Failures { kind, in_a_row, last_at: at, is_down: true });
    }

    /// A task that had failed runs again.
    pub fn task_restarted(&self, task: &str) {
        if let Some(failures) = self.notes().tasks.get_mut(task) {
            failures.is_down = false;
        }
    }

    /// A task has run long enough since its last failure.
    pub fn task_recovered(&self, task: &str) {
        self.notes().tasks.remove(task);
    }

    /// Since when this machine reaches none of the hosts that it probes; `None` when it reaches one.
    pub fn set_offline(&self, since: Option<DateTime<Utc>>) {
        self.notes().offline_since = since;
    }

    /// Since when this machine reaches nobody, if it does not.
    #[must_use]
    pub fn offline_since(&self) -> Option<DateTime<Utc>> {
        self.notes().offline_since
    }

    /// Why this process sends nothing from its database; `None` while it sends.
    pub fn set_held(&self, reason: Option<String>) {
        self.notes().held = reason;
    }

    /// Why the database cannot be used yet, as [`plain_reason`] has it.
    pub fn set_waiting(&self, reason: String) {
        self.notes().waiting = Some(reason);
    }

    /// The task that keeps the process from being ready, if there is one.
    pub(super) fn unready(&self) -> Option<String> {
        let notes = self.notes();
        let down = notes.tasks.iter().find(|(_, failures)| failures.is_down && failures.kind == TaskKind::Server);
        down.map(|(task, _)| format!("task {task} is being started again"))
    }

    /// Why the database cannot be used yet, for as long as there is none.
    pub(super) fn waiting(&self) -> String {
        let waiting = self.notes().waiting.clone();
        format!("waiting for the database: {}", waiting.unwrap_or_else(|| "it is being opened".into()))
    }

    /// Lines about what does not work, though the process is ready.
    pub(super) fn remarks(&self) -> Vec<String> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let notes = self.notes();
        let failed = notes.tasks.iter().map(|(task, Failures { in_a_row, last_at, is_down, .. })| {
            let now = if *is_down { "it will be started again" } else { "it runs again" };
            format!(
                "task {task} failed {in_a_row} times in a row, last at {}; {now}, the log says where",
                time(*last_at)
            )
        });
        let offline = notes.offline_since.map(|since| {
            format!("no connectivity since {}: this machine reaches no route and judges none", time(since))
        });
        let held = notes.held.as_ref().map(|reason| format!("sending is held: {reason}"));
        held.into_iter().chain(failed).chain(offline).collect()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Each note is written at once, so it is whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store that may not be there yet. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct LateStore(Arc<OnceLock<Arc<dyn Store>>>);

impl LateStore {
    /// Hands in the store. A second one is ignored.
    pub fn set(&self, store: Arc<dyn Store>) {
        _ = self.0.set(store);
    }

    /// The store, once it is there.
    #[must_use]
    pub fn get(&self) -> Option<&dyn Store> {
        self.0.get().map(|store| &**store)
    }
}

impl From<Arc<dyn Store>> for LateStore {
    fn from(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(OnceLock::from(store)))
    }
}

/// A reason that anybody may read. A database's own words stay in the log: they may name a host or a user.
#[must_use]
pub fn plain_reason(error: &StoreError) -> String {
    match error {
        StoreError::NotMigrated
        | StoreError::NewerSchema
        | StoreError::NotEncrypted
        | StoreError::WrongKeys(_)
        | StoreError::ReadOnly(_) => error.to_string(),
        _ => "the database cannot be used; the log says why".to_owned(),
    }
}
