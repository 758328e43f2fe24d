//! The state that everything in a run shares: the one source of chance, the true time, the database, the planned
//! events, and the record of past ones.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, MerchantId, Receipt};
use dueherald::plan::Caps;
use dueherald::render::LinkKeys;
use dueherald::store::{ClaimedReminder, MemoryStore, Store};
use fastrand::Rng;
use tokio_util::task::TaskTracker;

use crate::database::Opened;
use crate::faults::{Bug, Faults};
use crate::oracle::Oracle;
use crate::rewinds::Rewinds;
use crate::town::{Size, caps};

/// Something that happens to the daemons or in the lender's books at a moment.
#[derive(Debug, Clone)]
pub(crate) enum NoticeAction {
    Pay(usize),
    Cancel(usize),
    Move(usize, i64),
    OptOut(usize, Channel),
    Stop(Option<MerchantId>, Option<Channel>),
    Lift(Option<MerchantId>, Option<Channel>),
    Start(usize),
    Reload(usize),
    StepClock(usize, TimeDelta),
    Outage(usize, Duration),
    Downtime(Duration),
    BackUp,
    Restore,
    LoseState(usize),
    Arm,
    Receipt(Receipt),
    Audit,
}

/// How many events a failed run prints.
const LAST: usize = 40;

/// The hash of all events, and the last of them in words.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hasher: DefaultHasher,
    pub(crate) last: VecDeque<String>,
    pub(crate) whole: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) faults: Faults,
    pub(crate) bug: Option<Bug>,
    /// The frequency caps of every daemon's config.
    pub(crate) caps: Option<Caps>,
    /// The true time, which is also the store's.
    pub(crate) clock: SimClock,
    pub(crate) store: Arc<dyn Store>,
    memory: Option<Arc<MemoryStore>>,
    /// How many operations of the store a daemon waits for.
    pub(crate) busy: AtomicU64,
    /// The operations that run in the store: also those of daemons that have died meanwhile.
    running: TaskTracker,
    pub(crate) size: Size,
    pub(crate) links: Arc<LinkKeys>,
    rng: Mutex<Rng>,
    /// How often a fake was at work: when it stays the same, everybody waits for time to pass.
    pub(crate) activity: AtomicU64,
    /// No more faults.
    pub(crate) calm: AtomicBool,
    agenda: Mutex<BTreeMap<(Duration, u64), NoticeAction>>,
    pub(crate) oracle: Mutex<Oracle>,
    /// From the read of a state until the oracle knows it.
    pub(crate) turn_to_observe: tokio::sync::Mutex<()>,
    pub(crate) trace: Mutex<Trace>,
    /// Until when each gateway is down.
    pub(crate) down: Mutex<[Duration; 4]>,
    /// Daemons that died since the driver looked, by number of their life.
    pub(crate) deaths: Mutex<Vec<u32>>,
    /// Planted bug: what was handed out once already, and to which life.
    pub(crate) stolen: Mutex<Vec<(u32, ClaimedReminder)>>,
    pub(crate) rewinds: Rewinds,
}

/// Locks; a panic elsewhere ends the run anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds a lock")
}

impl World {
    pub(crate) fn new(
        clock: SimClock,
        mut rng: Rng,
        (faults, bug): (Faults, Option<Bug>),
        oracle: Oracle,
        (opened, size): (&Opened, Size),
    ) -> Self {
        Self {
            faults,
            bug,
            caps: caps(&mut rng),
            store: Arc::clone(&opened.store),
            memory: opened.memory.clone(),
            busy: AtomicU64::new(0),
            running: opened.running.clone(),
            size,
            clock,
            links: Arc::new(LinkKeys::new([(1, [0_u8; 32])]).expect("a key")),
            rng: Mutex::new(rng),
            activity: AtomicU64::new(0),
            calm: AtomicBool::new(false),
            agenda: Mutex::default(),
            oracle: Mutex::new(oracle),
            turn_to_observe: tokio::sync::Mutex::default(),
            trace: Mutex::default(),
            down: Mutex::default(),
            deaths: Mutex::default(),
            stolen: Mutex::default(),
            rewinds: Rewinds::default(),
        }
    }

    /// Asks chance; holds no lock afterwards.
    pub(crate) fn draw<T>(&self, ask: impl FnOnce(&mut Rng) -> T) -> T {
        ask(&mut lock(&self.rng))
    }

    /// Whether a fault of this probability strikes now; never once the faults have stopped.
    pub(crate) fn strikes(&self, per_ten_thousand: u32) -> bool {
        per_ten_thousand > 0 && !self.is_calm() && self.draw(|rng| rng.u32(0..10_000)) < per_ten_thousand
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// The store, where it is memory.
    pub(crate) fn memory(&self) -> &MemoryStore {
        self.memory.as_deref().expect("planted bugs are played in memory")
    }

    /// Whether operations of the store wait for real I/O.
    pub(crate) fn has_real_store(&self) -> bool {
        self.memory.is_none()
    }

    /// Whether an operation of the store is under way, for a daemon or after its death.
    pub(crate) fn has_running_operations(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0 || !self.running.is_empty()
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(crate) fn minutes(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.draw(|rng| rng.u64(least * 60_000..=most * 60_000)))
    }

    pub(crate) fn note(&self, line: String) {
        let mut trace = lock(&self.trace);
        let line = format!("{} {line}", self.clock.now().format("%m-%dT%H:%M:%S%.3f"));
        trace.hasher.write(line.as_bytes());
        if let Some(whole) = &mut trace.whole {
            whole.push(line.clone());
        }
        if trace.last.len() == LAST {
            trace.last.pop_front();
        }
        trace.last.push_back(line);
    }

    /// Puts something on the agenda.
    pub(crate) fn after(&self, pause: Duration, act: NoticeAction) {
        let mut agenda = lock(&self.agenda);
        let number = self.activity.fetch_add(1, Ordering::Relaxed);
        agenda.insert((self.clock.elapsed() + pause, number), act);
    }

    /// The next action that is due now; call it until there is none.
    pub(crate) fn next_act(&self) -> Option<NoticeAction> {
        let mut agenda = lock(&self.agenda);
        let first = agenda.first_entry()?;
        (first.key().0 <= self.clock.elapsed()).then(|| first.remove())
    }

    /// How long until something happens; `None` if nothing will.
    pub(crate) fn until_next(&self) -> Option<Duration> {
        let act = lock(&self.agenda).first_key_value().map(|(key, _)| key.0.saturating_sub(self.clock.elapsed()));
        act.into_iter().chain(self.clock.until_next_wake()).min()
    }
}
