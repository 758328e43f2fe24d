//! Supervision: a task that panics or returns before the stop is started again, after a pause that grows, and
//! operations see it: in the log, in the metric [`TASK_RESTARTS`] and in `/readyz`.
//!
//! The text of a panic may quote anything, a phone number for instance. It is never logged; the panic hook logs the
//! place alone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::domain::Backoff;
use crate::http::health::{Health, TaskKind};
use crate::pipeline::figures::TASK_RESTARTS;

/// The pauses before restarts: once the cause is gone, the task works again within a minute.
const RESTARTS: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// A task that has run for so long has recovered, and its failures are forgotten.
const RECOVERED_AFTER: Duration = Duration::from_secs(600);

/// Starts the daemon's tasks, and starts them again when they fail.
#[derive(Debug, Clone)]
pub struct Supervisor {
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    tracker: TaskTracker,
    health: Health,
}

impl Supervisor {
    /// Has no task yet. Once `stop` is cancelled, every task is expected to end and none is started again.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, stop: CancellationToken, health: Health) -> Self {
        Self { clock, stop, tracker: TaskTracker::new(), health }
    }

    /// Runs a worker under `name`; see [`Supervisor::spawn`].
    pub fn worker<T>(&self, name: &str, task: impl FnMut(CancellationToken) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, TaskKind::Worker, task);
    }

    /// Runs a task until the stop. `task` makes its future, at the start and for each restart; what must outlive a
    /// restart belongs outside of that future. `name` is what operations see, `pull:core` for instance.
    pub fn spawn<T>(&self, name: &str, kind: TaskKind, task: impl FnMut(CancellationToken) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        // At 0 from the start, so that an alert sees the first restart as a rise.
        metrics::counter!(TASK_RESTARTS, "task" => name.to_owned()).increment(0);
        self.tracker.spawn(self.clone().supervise(name.to_owned(), kind, task));
    }

    /// Waits until every task has ended; call it after the stop.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    async fn supervise<T>(self, name: String, kind: TaskKind, mut task: impl FnMut(CancellationToken) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let mut failures = 0;
        loop {
            let began = self.clock.elapsed();
            let mut running = tokio::spawn(task(self.stop.clone()));
            let ended = tokio::select! {
                ended = &mut running => ended,
                () = self.clock.sleep(RECOVERED_AFTER) => {
                    self.health.task_recovered(&name);
                    running.await
                }
            };
            let panicked = ended.is_err();
            if self.stop.is_cancelled() {
                if panicked {
                    tracing::error!(task = name, "task panicked while it was stopping; the line before says where");
                }
                return;
            }
            if self.clock.elapsed().saturating_sub(began) >= RECOVERED_AFTER {
                failures = 0;
            }
            failures += 1;
            self.note_failure(&name, kind, failures, panicked);
            tokio::select! {
                () = self.clock.sleep(RESTARTS.pause(failures)) => {}
                () = self.stop.cancelled() => return,
            }
            self.health.task_restarted(&name);
        }
    }

    fn note_failure(&self, name: &str, kind: TaskKind, failures: u32, panicked: bool) {
        let restart_in = RESTARTS.pause(failures).as_secs();
        if panicked {
            tracing::error!(
                task = name,
                failures,
                restart_in,
                "task panicked; it is started again (the line before says where)"
            );
        } else {
            tracing::error!(
                task = name,
                failures,
                restart_in,
                "task ended although nobody stopped it; it is started again"
            );
        }
        metrics::counter!(TASK_RESTARTS, "task" => name.to_owned()).increment(1);
        self.health.task_failed(name, kind, failures, self.clock.now());
    }
}
