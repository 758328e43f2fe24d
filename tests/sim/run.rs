//! One run: sets the town up, lets time jump from event to event, lets everybody work until they rest, and checks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, FieldUpdate, InstallmentStatus, ManualChange, Receipt, State, Suppression, SuppressionReason,
};
use dueherald::store::{ReminderFilter, Stop, WriteMode};
use fastrand::Rng;

use crate::daemon::Daemon;
use crate::database::Database;
use crate::faults::{Bug, Faults};
use crate::holds::held;
use crate::observation::{observe, view};
use crate::oracle::Oracle;
use crate::planted::plan_again;
use crate::rewinds;
use crate::town::{Size, books, first_day, merchants};
use crate::world::{NoticeAction, World, lock};

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Report {
    /// The same seed gives the same.
    pub(crate) hash: u64,
    /// Messages that a gateway took over.
    pub(crate) acceptances: u64,
    /// The first thing that was wrong, with the last events.
    pub(crate) failure: Option<String>,
    /// Everything that happened, if it was asked for.
    pub(crate) trace: Vec<String>,
}

/// After the faults have stopped, everything is done within so many days.
const CALM_DAYS: u64 = 4;
/// The first scans are done by then.
pub(crate) const SETTLED_IN: Duration = Duration::from_secs(3 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Far more than a run needs: who gets here turns in circles.
const MOST_STEPS: u64 = 1_000_000;
/// So many looks in a row without any activity mean that everybody waits for time to pass.
const QUIET: u32 = 4;
const MOST_TURNS: u64 = 200_000;

/// Runs one seed in memory. `faults` of `None` are drawn from the seed.
pub(crate) fn run(seed: u64, faults: Option<Faults>, bug: Option<Bug>, whole_trace: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    let played = play((seed, faults, bug), whole_trace, (Database::Memory, Size::default()));
    let report = runtime.block_on(played);
    drop(runtime);
    report
}

/// Runs one seed on a real database. The order in which its answers come is not the seed's, so a replay may differ.
pub(crate) fn run_on(database: Database, seed: u64) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(play((seed, None, None), false, (database, Size::SMALL)))
}

async fn play(
    (seed, faults, bug): (u64, Option<Faults>, Option<Bug>),
    whole_trace: bool,
    (database, size): (Database, Size),
) -> Report {
    let mut rng = Rng::with_seed(seed);
    let faults = faults.unwrap_or_else(|| Faults::drawn(&mut rng));
    let first = first_day(&mut rng);
    let mut oracle = Oracle::of(books(&mut rng, first, size));
    oracle.may_miss_one = database != Database::Memory;
    let clock = SimClock::at(first.and_time(NaiveTime::MIN).and_utc());
    let opened = database.open(&clock).await;
    let world = Arc::new(World::new(clock, rng, (faults, bug), oracle, (&opened, size)));
    lock(&world.trace).whole = whole_trace.then(Vec::new);
    let mut driver = Driver {
        world: Arc::clone(&world),
        daemons: [None, None],
        leaving: Vec::new(),
        lives: 0,
        steps: 0,
        rules: 0,
        down_until: Duration::ZERO,
    };
    driver.drive().await;
    driver.daemons.iter().flatten().chain(&driver.leaving).for_each(Daemon::kill);
    let mut trace = lock(&world.trace);
    let oracle = lock(&world.oracle);
    let last = || trace.last.iter().map(|line| format!("\n  {line}")).collect::<String>();
    let failure = oracle.failure.as_ref().map(|what| {
        format!(
            "seed {seed} on {database:?}, step {}: {what}\nreplay: SIM_SEED={seed} cargo test --test sim\nlast \
             events:{}",
            driver.steps,
            last()
        )
    });
    let hash = trace.hash();
    Report { hash, acceptances: oracle.acceptances, failure, trace: trace.whole.take().unwrap_or_default() }
}

struct Driver {
    world: Arc<World>,
    daemons: [Option<Daemon>; 2],
    /// Asked to stop, and not yet dead.
    leaving: Vec<Daemon>,
    lives: u32,
    steps: u64,
    /// The version of the rules in the config file.
    rules: u32,
    /// Nothing starts before.
    down_until: Duration,
}

impl Driver {
    async fn drive(&mut self) {
        self.open_the_books().await;
        self.agree_on_what_happens();
        let end = DAY * self.world.size.days;
        self.until(end).await;
        self.calm_down().await;
        self.until(end + DAY * u32::try_from(CALM_DAYS).unwrap_or_default()).await;
        if !self.failed() {
            let views = self.views().await;
            let start = self.world.store.scan_state().await.expect("the store answers").start;
            let mut oracle = lock(&self.world.oracle);
            oracle.rest(&views, self.world.clock.now());
            oracle.nothing_was_missed(start.map(|start| start + SETTLED_IN), self.world.clock.now());
        }
    }

    fn failed(&self) -> bool {
        lock(&self.world.oracle).failure.is_some()
    }

    async fn open_the_books(&self) {
        let rows = lock(&self.world.oracle).rows.clone();
        self.world.store.import(&rows, WriteMode::Commit).await.expect("the store answers");
    }

    /// Draws what people and machines will do, apart from what strikes on the way.
    fn agree_on_what_happens(&self) {
        let world = &self.world;
        let faults = world.faults;
        let instalments = lock(&world.oracle).rows.len();
        let whole = u64::from(world.size.days) * 24 * 60;
        for place in 0..instalments {
            for (chance, act) in [(faults.pay, NoticeAction::Pay(place)), (faults.cancel, NoticeAction::Cancel(place))]
            {
                if world.strikes(chance) {
                    let moment = world.minutes(0, whole);
                    world.after(moment, act);
                }
            }
            if world.strikes(faults.flap) {
                let (moment, days) = (world.minutes(0, whole), world.draw(|rng| rng.i64(-3..=3)));
                world.after(moment, NoticeAction::Move(place, days));
                if world.draw(|rng| rng.bool()) {
                    let back = world.minutes(1, 3 * 24 * 60);
                    world.after(moment + back, NoticeAction::Move(place, -days));
                }
            }
            if world.strikes(faults.opt_out) {
                let channel = if world.draw(|rng| rng.bool()) { Channel::Sms } else { Channel::Email };
                let moment = world.minutes(0, whole);
                world.after(moment, NoticeAction::OptOut(place, channel));
            }
        }
        for day in 0..world.size.days {
            self.agree_on_a_day(DAY * day);
        }
        world.after(Duration::ZERO, NoticeAction::Start(0));
        world.after(Duration::ZERO, NoticeAction::Start(1));
    }

    fn agree_on_a_day(&self, morning: Duration) {
        let (world, faults) = (&self.world, self.world.faults);
        let moment = || morning + world.minutes(0, 24 * 60);
        world.after(morning, NoticeAction::Audit);
        for daemon in 0..2 {
            if world.strikes(faults.reload) {
                world.after(moment(), NoticeAction::Reload(daemon));
            }
            if world.strikes(faults.clock_step) {
                let seconds = world.draw(|rng| rng.i64(-120..=120));
                world.after(moment(), NoticeAction::StepClock(daemon, TimeDelta::seconds(seconds)));
            }
        }
        if world.strikes(faults.stop) {
            let (whose, channel) = (world.draw(|rng| rng.usize(0..3)), world.strikes(5_000).then_some(Channel::Sms));
            let whose = merchants().into_iter().nth(whose).map(|merchant| merchant.id);
            let (from, hours) = (moment(), world.minutes(10, 20 * 60));
            world.after(from, NoticeAction::Stop(whose.clone(), channel));
            world.after(from + hours, NoticeAction::Lift(whose, channel));
        }
        if morning > SETTLED_IN && world.strikes(faults.downtime) {
            let lasts = world.minutes(60, 4 * 24 * 60);
            world.after(moment(), NoticeAction::Downtime(lasts));
        }
        if !world.has_real_store() && morning > SETTLED_IN {
            if world.strikes(faults.restore) {
                let (from, later) = (moment(), world.minutes(60, 3 * 24 * 60));
                world.after(from, NoticeAction::BackUp);
                world.after(from + later, NoticeAction::Restore);
            }
            if world.strikes(faults.lose_state) {
                world.after(moment(), NoticeAction::LoseState(world.draw(|rng| rng.usize(0..2))));
            }
        }
        if world.strikes(faults.outage) {
            let (gateway, hours) = (world.draw(|rng| rng.usize(0..4)), world.minutes(10, 12 * 60));
            world.after(moment(), NoticeAction::Outage(gateway, hours));
        }
    }

    /// Lets time pass until then, or until something is wrong.
    async fn until(&mut self, end: Duration) {
        loop {
            while let Some(act) = self.world.next_act() {
                if self.world.has_real_store() {
                    // Daemons finish their work of this moment before the books change: the oracle judges a claim by
                    // the books of its moment.
                    self.rest().await;
                }
                self.act(act).await;
                self.rest().await;
                if self.failed() {
                    return;
                }
            }
            self.rest().await;
            self.steps += 1;
            if self.steps > MOST_STEPS {
                lock(&self.world.oracle).fail("I10", "time passes, and the daemons turn in circles".to_owned());
            }
            let left = end.saturating_sub(self.world.clock.elapsed());
            if self.failed() || left.is_zero() {
                return;
            }
            self.world.clock.advance(self.world.until_next().unwrap_or(left).min(left));
        }
    }

    /// Lets everybody work until all wait for time to pass.
    async fn rest(&mut self) {
        let (mut quiet, mut turns, mut before) = (0, 0_u64, u64::MAX);
        while quiet < QUIET {
            tokio::task::yield_now().await;
            self.bury_the_dead().await;
            if self.world.has_running_operations() {
                quiet = 0;
                continue;
            }
            let now = self.world.activity.load(Ordering::Relaxed);
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            turns += 1;
            if turns > MOST_TURNS {
                return lock(&self.world.oracle)
                    .fail("I10", "the daemons work and work while no time passes".to_owned());
            }
        }
        if self.daemons.iter().flatten().any(Daemon::has_lost_a_task) {
            lock(&self.world.oracle).fail("I10", "a task of a daemon has panicked".to_owned());
        }
    }

    async fn bury_the_dead(&mut self) {
        let deaths = std::mem::take(&mut *lock(&self.world.deaths));
        for number in deaths {
            for place in 0..self.daemons.len() {
                if self.daemons[place].as_ref().is_some_and(|daemon| daemon.life.number == number) {
                    self.daemons[place].take().iter().for_each(Daemon::kill);
                    let pause = self.world.minutes(0, 30);
                    self.world.after(pause, NoticeAction::Start(place));
                }
            }
            for gone in self.leaving.extract_if(.., |daemon| daemon.life.number == number) {
                gone.kill();
            }
            if self.world.has(Bug::MarkAfterSend) {
                let sending: Vec<_> =
                    self.views().await.into_iter().filter(|view| view.state == State::Sending).collect();
                for view in sending {
                    plan_again(&self.world, view.reminder.id).await;
                }
            }
        }
    }

    fn start(&mut self, place: usize) {
        if self.daemons[place].is_none() && self.world.clock.elapsed() >= self.down_until {
            self.lives += 1;
            let ahead = if self.world.strikes(self.world.faults.clock_step) {
                TimeDelta::milliseconds(self.world.draw(|rng| rng.i64(-20_000..=20_000)))
            } else {
                TimeDelta::zero()
            };
            self.daemons[place] = Some(Daemon::start(&self.world, (self.lives, place), self.rules, ahead));
        }
    }

    async fn act(&mut self, act: NoticeAction) {
        let world = Arc::clone(&self.world);
        match act {
            NoticeAction::Pay(place) => {
                self.change(place, |row| row.status = FieldUpdate::Set(Some(InstallmentStatus::Paid))).await
            }
            NoticeAction::Cancel(place) => {
                self.change(place, |row| row.status = FieldUpdate::Set(Some(InstallmentStatus::Cancelled))).await;
            }
            NoticeAction::Move(place, days) => self.change(place, |row| row.due_date += TimeDelta::days(days)).await,
            NoticeAction::OptOut(place, channel) => self.opt_out(place, channel).await,
            NoticeAction::Stop(merchant, channel) => {
                let (actor, reason) = ("ann".to_owned(), "a drill".to_owned());
                lock(&world.oracle).stops.insert((merchant.clone(), channel));
                let stop = Stop { merchant, channel, actor, reason, since: world.clock.now() };
                world.store.stop(&stop).await.expect("the store answers");
                world.note("sending is stopped".to_owned());
            }
            NoticeAction::Lift(merchant, channel) => {
                let held = held(&*world.store).await;
                let by = ManualChange { actor: "town".into(), reason: "chance".into(), at: world.clock.now() };
                world.store.lift_stop(merchant.as_ref(), channel, &by).await.expect("the store answers");
                observe(&world, &held).await;
                lock(&world.oracle).stops.remove(&(merchant, channel));
                world.note("a stop is lifted".to_owned());
            }
            NoticeAction::Start(place) => self.start(place),
            NoticeAction::Reload(place) => {
                self.rules += 1;
                if let Some(daemon) = self.daemons[place].take() {
                    daemon.ask_to_stop();
                    self.leaving.push(daemon);
                }
                self.start(place);
            }
            NoticeAction::StepClock(place, by) => {
                if let Some(daemon) = &self.daemons[place] {
                    daemon.life.step_clock(by);
                    world.note(format!("the clock of {} steps by {by}", daemon.life.number));
                }
            }
            NoticeAction::Outage(gateway, lasts) => lock(&world.down)[gateway] = world.clock.elapsed() + lasts,
            NoticeAction::Downtime(lasts) => {
                world.note(format!("everything is down for {} h", lasts.as_secs() / 3600));
                self.down_until = self.down_until.max(world.clock.elapsed() + lasts);
                self.daemons.iter().flatten().for_each(|daemon| daemon.life.die());
                (0..2).for_each(|place| world.after(lasts, NoticeAction::Start(place)));
            }
            NoticeAction::BackUp => rewinds::back_up(&world),
            NoticeAction::Restore => {
                let alive: Vec<_> = self.daemons.iter().flatten().chain(&self.leaving).map(|one| &one.life).collect();
                rewinds::restore(&world, &alive).await;
            }
            NoticeAction::LoseState(place) => {
                let on_it = |daemon: &&Daemon| daemon.life.machine == place;
                self.daemons.iter().flatten().chain(&self.leaving).filter(on_it).for_each(|daemon| daemon.life.die());
                self.bury_the_dead().await;
                rewinds::lose_state(&world, place);
            }
            NoticeAction::Arm => rewinds::arm(&world).await,
            NoticeAction::Receipt(receipt) => self.receive(receipt).await,
            NoticeAction::Audit => self.audit().await,
        }
    }

    /// The lender's books change, and the change is imported at once.
    async fn change(&self, place: usize, change: impl FnOnce(&mut dueherald::domain::LedgerRow)) {
        let row = {
            let mut oracle = lock(&self.world.oracle);
            change(&mut oracle.rows[place]);
            oracle.changed.insert(place, self.world.clock.now());
            oracle.rows[place].clone()
        };
        self.world.note(format!("{} is now due {} {:?}", row.installment, row.due_date, row.status));
        self.world.store.import(&[row], WriteMode::Commit).await.expect("the store answers");
    }

    async fn opt_out(&self, place: usize, channel: Channel) {
        let world = &self.world;
        let (address, merchant) = {
            let oracle = lock(&world.oracle);
            (oracle.address(place, channel), oracle.rows[place].borrower.merchant.clone())
        };
        let Some(address) = address else { return };
        lock(&world.oracle).suppressed.insert((merchant.clone(), address.reveal().to_owned()));
        let suppression = Suppression {
            merchant: Some(merchant),
            address: address.into(),
            reason: SuppressionReason::OptedOut,
            source: "sim".into(),
            since: world.clock.now(),
            until: None,
        };
        lock(&world.rewinds.operator).suppressions.push(suppression.clone());
        world.store.suppress(&[suppression], None).await.expect("the store answers");
        world.note(format!("who owes {place} opts out of {channel}"));
    }

    async fn receive(&self, receipt: Receipt) {
        let world = &self.world;
        let Some(before) = view(&*world.store, receipt.reminder).await else { return };
        if !(world.has(Bug::EarlyReceiptLost) && before.state == State::Sending) {
            world.store.record(std::slice::from_ref(&receipt)).await.expect("the store answers");
        }
        observe(world, &[receipt.reminder]).await;
        let Some(after) = view(&*world.store, receipt.reminder).await else { return };
        world.note(format!("receipt {} for {}: {} → {}", receipt.arrived, receipt.reminder, before.state, after.state));
        let delivered = receipt.arrived && before.state.may_become(State::Delivered);
        if delivered && after.state != State::Delivered {
            lock(&world.oracle).fail("I2", format!("{} arrived, and the receipt did not count", receipt.reminder));
        }
    }

    async fn views(&self) -> Vec<dueherald::store::ReminderView> {
        let all = ReminderFilter { limit: u32::MAX, ..ReminderFilter::default() };
        self.world.store.reminders(&all).await.expect("the store answers")
    }

    async fn audit(&self) {
        let views = self.views().await;
        let counts = self.world.store.queue_counts().await.expect("the store answers");
        let mut oracle = lock(&self.world.oracle);
        oracle.audit(&views, &counts);
        oracle.a_day_passes();
    }

    /// The faults stop: whoever is dead is started, and every stop is lifted.
    async fn calm_down(&mut self) {
        self.world.calm.store(true, Ordering::Relaxed);
        self.down_until = Duration::ZERO;
        let stops = lock(&self.world.oracle).stops.clone();
        for (merchant, channel) in stops {
            self.act(NoticeAction::Lift(merchant, channel)).await;
        }
        for place in 0..2 {
            self.start(place);
        }
        // An audit reads twice: nothing may be written in between.
        self.rest().await;
        self.audit().await;
    }
}
