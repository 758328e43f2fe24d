//! One life of a daemon, from start to crash: it may be stopped or die at every await, and its clock is its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::Clock;

use crate::world::{World, lock};

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) number: u32,
    /// Which machine it runs on.
    pub(crate) machine: usize,
    pub(crate) world: Arc<World>,
    pub(crate) dead: AtomicBool,
    frozen_until: Mutex<Duration>,
    /// How far its clock is ahead of the truth.
    ahead: Mutex<TimeDelta>,
}

impl Life {
    pub(crate) fn begin(world: &Arc<World>, (number, machine): (u32, usize), ahead: TimeDelta) -> Arc<Self> {
        Arc::new(Self {
            number,
            machine,
            world: Arc::clone(world),
            dead: AtomicBool::new(false),
            frozen_until: Mutex::default(),
            ahead: Mutex::new(ahead),
        })
    }

    /// An await: others go first as chance has it; the process may be stopped here, or die.
    pub(crate) async fn point(&self) {
        let world = &self.world;
        world.activity.fetch_add(1, Ordering::Relaxed);
        let turns = world.draw(|rng| rng.u32(0..3));
        for _ in 0..turns {
            tokio::task::yield_now().await;
            world.activity.fetch_add(1, Ordering::Relaxed);
        }
        if world.strikes(world.faults.crash) {
            self.die();
        }
        if world.strikes(world.faults.freeze) {
            let (least, most) = if world.draw(|rng| rng.bool()) { (1, 10) } else { (10, 300) };
            let pause = world.minutes(least, most);
            world.note(format!("daemon {} is stopped for {} s", self.number, pause.as_secs()));
            *lock(&self.frozen_until) = world.clock.elapsed() + pause;
        }
        self.thaw().await;
    }

    pub(crate) fn die(&self) {
        if !self.dead.swap(true, Ordering::Relaxed) {
            self.world.note(format!("daemon {} dies", self.number));
            lock(&self.world.deaths).push(self.number);
        }
    }

    pub(crate) fn step_clock(&self, by: TimeDelta) {
        *lock(&self.ahead) += by;
    }

    pub(crate) fn is_frozen(&self) -> bool {
        *lock(&self.frozen_until) > self.world.clock.elapsed()
    }

    pub(crate) async fn thaw(&self) {
        loop {
            if self.dead.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let until = *lock(&self.frozen_until);
            match until.checked_sub(self.world.clock.elapsed()).filter(|left| !left.is_zero()) {
                Some(left) => self.world.clock.sleep(left).await,
                None => return,
            }
        }
    }
}

#[async_trait]
impl Clock for Life {
    fn now(&self) -> DateTime<Utc> {
        self.world.clock.now() + *lock(&self.ahead)
    }

    fn elapsed(&self) -> Duration {
        self.world.clock.elapsed()
    }

    async fn sleep(&self, pause: Duration) {
        // Timers are coarse, as tokio's: never early, and never nothing.
        self.world.clock.sleep(pause.max(Duration::from_millis(1))).await;
        self.thaw().await;
        self.world.activity.fetch_add(1, Ordering::Relaxed);
    }
}
