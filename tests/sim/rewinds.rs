//! The database goes back in time: it is backed up, restored under the daemons, and armed again by an operator; and
//! state directories are lost. Only worlds in memory play this.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::Clock;
use dueherald::domain::{ManualChange, Suppression};
use dueherald::journal::{Journal, SimulatedFolder};
use dueherald::pipeline::Guard;
use dueherald::plan::not_handed_in;
use dueherald::store::{MemoryStore, ReminderFilter, Stop, Store, WriteMode};
use tokio_util::sync::CancellationToken;

use crate::faults::Bug;
use crate::life::Life;
use crate::world::{NoticeAction, World, lock};

/// How long until the operator tries again what cannot be done now.
const LATER: Duration = Duration::from_secs(10 * 60);

/// A machine that daemons run on, one after the other, with its state directory.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    folder: SimulatedFolder,
    /// How often its state directory was lost.
    losses: u32,
    /// When it was lost last.
    pub(crate) lost_at: Duration,
    /// Whether it is called differently after each loss, as a new container is.
    is_renamed: bool,
    /// When a daemon on it last began a look that found the database as it was.
    looked_at: Duration,
}

impl Machine {
    fn name(&self, place: usize) -> String {
        let times = if self.is_renamed { self.losses } else { 0 };
        format!("machine {place}.{times}")
    }
}

/// The state that the operator keeps.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    backup: Option<(Duration, Arc<MemoryStore>)>,
    /// The moment that the database went back to, until it is armed.
    back_to: Option<DateTime<Utc>>,
    /// Daemons that are gone for good.
    gone: Vec<String>,
    /// The suppressions known to the lender's own systems.
    pub(crate) suppressions: Vec<Suppression>,
}

/// The machines and who looks after them.
#[derive(Debug, Default)]
pub(crate) struct Rewinds {
    pub(crate) machines: [Mutex<Machine>; 2],
    pub(crate) operator: Mutex<Operator>,
    /// Wakes the guards: sessions break when a server is restored, and held daemons look often.
    changed: tokio::sync::Notify,
}

/// The guard of a daemon that starts on its machine.
pub(crate) fn guard(life: &Arc<Life>, store: Arc<dyn Store>) -> Arc<Guard> {
    let world = &life.world;
    if world.has(Bug::Unguarded) || !world.faults.rewinds() {
        return Arc::new(Guard::off());
    }
    let machine = lock(&world.rewinds.machines[life.machine]);
    let journal = Journal::simulated(&machine.folder);
    Arc::new(Guard::new(store, Arc::clone(life) as Arc<dyn Clock>, journal, machine.name(life.machine)))
}

/// Looks at the database now and then, and at once when it was restored. Cancels `looked` after the first look.
pub(crate) async fn watch(life: Arc<Life>, guard: Arc<Guard>, looked: CancellationToken, stop: CancellationToken) {
    let world = &life.world;
    while !stop.is_cancelled() {
        let changed = world.rewinds.changed.notified();
        let begun = world.clock.elapsed();
        let before = guard.hold();
        let is_done = guard.look().await.is_ok();
        let hold = guard.hold();
        if hold != before {
            world.note(format!("daemon {} is held: {hold:?}", life.number));
        }
        // The first look leaves no mark in the database by which the guard could recognise an older copy.
        if is_done && before.is_none() && hold.is_none() {
            lock(&world.rewinds.machines[life.machine]).looked_at = begun;
        }
        if is_done {
            looked.cancel();
        }
        let pause = match hold {
            None if is_done => world.minutes(20, 120),
            Some(_) if is_done => LATER,
            _ => Duration::from_secs(60),
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = changed => life.thaw().await,
            () = life.sleep(pause) => {}
        }
    }
}

pub(crate) fn back_up(world: &World) {
    world.note("the database is backed up".to_owned());
    let backup = Arc::new(world.memory().fork(Arc::new(world.clock.clone())));
    lock(&world.rewinds.operator).backup = Some((world.clock.elapsed(), backup));
}

/// Puts the backup in place of the database, once every machine that sends has looked at the database since: real
/// daemons do so each second.
pub(crate) async fn restore(world: &World, alive: &[&Arc<Life>]) {
    let Some((at, backup)) = lock(&world.rewinds.operator).backup.clone() else { return };
    let is_known = world.rewinds.machines.iter().all(|machine| lock(machine).looked_at > at);
    let is_awake = alive.iter().all(|life| !life.is_frozen());
    // The calm days at the end are for what is under way: nothing is held any more when they are over.
    if world.is_calm() || lock(&world.oracle).is_rewound() {
        return;
    }
    if !is_known || !is_awake {
        return world.after(LATER, NoticeAction::Restore);
    }
    world.note("the database is restored".to_owned());
    world.memory().restore(&backup);
    let age = TimeDelta::from_std(world.clock.elapsed() - at).expect("a month has few days");
    lock(&world.rewinds.operator).back_to = Some(world.clock.now() - age);
    let views = all(world).await;
    lock(&world.oracle).rewound(world.clock.elapsed(), &views);
    world.rewinds.changed.notify_waiters();
    let pause = world.minutes(1, 12 * 60);
    world.after(pause, NoticeAction::Arm);
}

/// The state directory of a machine is gone, while no daemon runs on it.
pub(crate) fn lose_state(world: &World, place: usize) {
    if world.is_calm() {
        return;
    }
    let mut machine = lock(&world.rewinds.machines[place]);
    world.note(format!("the state directory of machine {place} is lost"));
    let before = machine.name(place);
    machine.folder = SimulatedFolder::default();
    machine.losses += 1;
    machine.lost_at = world.clock.elapsed();
    machine.is_renamed = world.draw(|rng| rng.bool());
    if machine.name(place) != before {
        lock(&world.rewinds.operator).gone.push(before);
    }
    let pause = world.minutes(1, 12 * 60);
    world.after(pause, NoticeAction::Arm);
}

/// The operator brings the books up to date and arms the database, once every daemon has put in what it handed over.
pub(crate) async fn arm(world: &World) {
    let store = &world.store;
    let state = store.database_state(None).await.expect("memory answers");
    let mut gone = lock(&world.rewinds.operator).gone.clone();
    if state.disarm.is_none() && !lock(&world.oracle).is_rewound() {
        // The operator sees which daemons send from it. These look every second, not every hour.
        let sends = |machine: &Mutex<Machine>| {
            let machine = lock(machine);
            machine.looked_at > machine.lost_at
        };
        let names = (0..2).filter(|place| sends(&world.rewinds.machines[*place]));
        gone.extend(names.map(|place| lock(&world.rewinds.machines[place]).name(place)));
    }
    let waited_for: Vec<_> = not_handed_in(&state).filter(|one| !gone.contains(&one.daemon)).collect();
    if !waited_for.is_empty() {
        return world.after(LATER, NoticeAction::Arm);
    }
    let rows = lock(&world.oracle).rows.clone();
    store.import(&rows, WriteMode::Commit).await.expect("memory answers");
    let back_to = lock(&world.rewinds.operator).back_to.take();
    if let Some(back_to) = back_to {
        // The database hears only now of what changed since.
        lock(&world.oracle).learns_late(back_to, world.clock.now());
    }
    let suppressions = lock(&world.rewinds.operator).suppressions.clone();
    store.suppress(&suppressions, None).await.expect("memory answers");
    let by = ManualChange { actor: "ann".into(), reason: "restored".into(), at: world.clock.now() };
    let stops = lock(&world.oracle).stops.clone();
    for stop in store.stops().await.expect("memory answers") {
        if !stops.contains(&(stop.merchant.clone(), stop.channel)) {
            store.lift_stop(stop.merchant.as_ref(), stop.channel, &by).await.expect("memory answers");
        }
    }
    for (merchant, channel) in stops {
        let (actor, reason) = ("ann".to_owned(), "a drill".to_owned());
        let stop = Stop { merchant, channel, actor, reason, since: world.clock.now() };
        store.stop(&stop).await.expect("memory answers");
    }
    let views = all(world).await;
    let lost_at = [0, 1].map(|place| lock(&world.rewinds.machines[place]).lost_at);
    {
        let mut oracle = lock(&world.oracle);
        views.iter().for_each(|view| oracle.observe(view));
        oracle.armed(&views, lost_at);
    }
    store.arm(&by, 1).await.expect("memory answers");
    world.note("the database is armed".to_owned());
    world.rewinds.changed.notify_waiters();
}

async fn all(world: &World) -> Vec<dueherald::store::ReminderView> {
    let all = ReminderFilter { limit: u32::MAX, ..ReminderFilter::default() };
    world.store.reminders(&all).await.expect("memory answers")
}
