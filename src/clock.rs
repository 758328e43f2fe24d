//! Level 0: the only door to time and chance. Everything else asks a [`Clock`]; clippy's disallowed-methods hold that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::Notify;

/// A source of time.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time of day, to the microsecond: both databases keep that and no more.
    fn now(&self) -> DateTime<Utc>;

    /// Time since some fixed point. Never goes back, and goes on while the machine is suspended: for leases.
    fn elapsed(&self) -> Duration;

    /// Returns when `pause` has passed.
    async fn sleep(&self, pause: Duration);
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    fn elapsed(&self) -> Duration {
        // Boottime, not Monotonic: a laptop or a virtual machine that slept past its lease must notice.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// A clock that stands still until somebody moves it: for tests, the simulation, the demo and `--at`.
#[derive(Debug, Clone)]
pub struct SimClock {
    now: Arc<Mutex<SimTime>>,
    moved: Arc<Notify>,
}

#[derive(Debug)]
struct SimTime {
    wall: DateTime<Utc>,
    elapsed: Duration,
}

impl SimClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: DateTime<Utc>) -> Self {
        let time = SimTime { wall: start.trunc_subsecs(6), elapsed: Duration::ZERO };
        Self { now: Arc::new(Mutex::new(time)), moved: Arc::new(Notify::new()) }
    }

    /// Lets time pass: wall clock and lease clock together. Wakes sleepers whose time has come.
    pub fn advance(&self, by: Duration) {
        let mut time = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        time.elapsed += by;
        time.wall += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        drop(time);
        self.moved.notify_waiters();
    }

    /// Steps the wall clock alone, as an administrator or NTP does; no time passes.
    pub fn step_to(&self, wall: DateTime<Utc>) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).wall = wall.trunc_subsecs(6);
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).wall
    }

    fn elapsed(&self) -> Duration {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).elapsed
    }

    async fn sleep(&self, pause: Duration) {
        let until = self.elapsed() + pause;
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Enabled before the look at the clock, so that a move in between is not missed.
            moved.as_mut().enable();
            if self.elapsed() >= until {
                return;
            }
            moved.await;
        }
    }
}

/// Time that is measured on [`Clock::elapsed`] and runs out: no byte of a message leaves once it has.
#[derive(Debug, Clone)]
pub struct Deadline {
    clock: Arc<dyn Clock>,
    at: Duration,
}

impl Deadline {
    /// Runs out `after` the reading `from` of the clock's [`Clock::elapsed`].
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, from: Duration, after: Duration) -> Self {
        Self { clock, at: from + after }
    }

    /// What is left; `None` when it has run out.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.at.checked_sub(self.clock.elapsed()).filter(|left| !left.is_zero())
    }
}

/// Fresh random bytes from the operating system, for keys.
///
/// # Errors
/// When the operating system has no source of randomness.
#[expect(clippy::disallowed_methods, reason = "this is the door to chance")]
pub fn entropy<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
