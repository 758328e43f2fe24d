//! Level 0: the only door to time and chance. Everything else asks a [`Clock`]; clippy's disallowed-methods hold that.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    time: Arc<Mutex<SimTime>>,
    moved: Arc<Notify>,
}

#[derive(Debug)]
struct SimTime {
    wall: DateTime<Utc>,
    elapsed: Duration,
    /// When each sleeper wants to wake, with a number that tells equal times apart.
    sleepers: BTreeSet<(Duration, u64)>,
    slept: u64,
}

/// A sleeper's entry, taken out when it wakes or is dropped.
struct Sleeper<'a> {
    clock: &'a SimClock,
    entry: (Duration, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.time().sleepers.remove(&self.entry);
    }
}

impl SimClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: DateTime<Utc>) -> Self {
        let wall = start.trunc_subsecs(6);
        let time = SimTime { wall, elapsed: Duration::ZERO, sleepers: BTreeSet::new(), slept: 0 };
        Self { time: Arc::new(Mutex::new(time)), moved: Arc::new(Notify::new()) }
    }

    /// Lets time pass: wall clock and lease clock together. Wakes sleepers whose time has come.
    pub fn advance(&self, by: Duration) {
        let mut time = self.time();
        time.elapsed += by;
        time.wall += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        drop(time);
        self.moved.notify_waiters();
    }

    /// Steps the wall clock alone, as an administrator or NTP does; no time passes.
    pub fn step_to(&self, wall: DateTime<Utc>) {
        self.time().wall = wall.trunc_subsecs(6);
    }

    /// How long until the first sleeper wakes; `None` when nobody sleeps.
    #[must_use]
    pub fn until_next_wake(&self) -> Option<Duration> {
        let time = self.time();
        time.sleepers.first().map(|(until, _)| until.saturating_sub(time.elapsed))
    }

    fn time(&self) -> MutexGuard<'_, SimTime> {
        // Nothing panics while the lock is held.
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fall_asleep(&self, pause: Duration) -> Sleeper<'_> {
        let mut time = self.time();
        time.slept += 1;
        let entry = (time.elapsed + pause, time.slept);
        time.sleepers.insert(entry);
        Sleeper { clock: self, entry }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.time().wall
    }

    fn elapsed(&self) -> Duration {
        self.time().elapsed
    }

    async fn sleep(&self, pause: Duration) {
        let sleeper = self.fall_asleep(pause);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Enabled before the look at the clock, so that a move in between is not missed.
            moved.as_mut().enable();
            if self.elapsed() >= sleeper.entry.0 {
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

    /// The same, or `after` the reading `from` if that comes first.
    #[must_use]
    pub fn or_sooner(&self, from: Duration, after: Duration) -> Self {
        Self { clock: Arc::clone(&self.clock), at: self.at.min(from + after) }
    }

    /// The remaining time; `None` when it has run out.
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
