//! A daemon: the real lanes, reconciler and scanner of the pipeline, over the fakes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Channel, GatewayName, LinkMode};
use dueherald::gateway::Gateway;
use dueherald::pipeline::{
    Composer, DispatchSettings, Dispatcher, Freshness, GatewayHandle, LaneEnd, MessageForms, Reconciler, Registry,
    ScanOrder, ScanScope, SendLane, TemplateFailures, scan,
};
use dueherald::plan::{Horizon, Policy, RateLimit, RetryPolicy};
use dueherald::render::Renderer;
use dueherald::store::{Store, WriteMode};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::gateway::FaultyGateway;
use crate::life::Life;
use crate::rewinds;
use crate::store::FaultyStore;
use crate::town::{policy, routes};
use crate::world::{World, lock};

/// How long a claim lasts.
const LEASE: Duration = Duration::from_secs(4 * 60);
/// How often an idle lane looks; what is planned wakes it in time.
pub(crate) const POLL: Duration = Duration::from_secs(4 * 3600);
const RECONCILE: Duration = Duration::from_secs(2 * 3600);
const SCAN: Duration = Duration::from_secs(12 * 3600);
/// How far ahead is planned.
const AHEAD: TimeDelta = TimeDelta::hours(30);

static RENDERER: LazyLock<Arc<Renderer>> =
    LazyLock::new(|| Arc::new(Renderer::new(Vec::new()).expect("the built-in templates are sound")));

#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) life: Arc<Life>,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Daemon {
    /// Starts one with the rules of `version`.
    pub(crate) fn start(world: &Arc<World>, (number, machine): (u32, usize), version: u32, ahead: TimeDelta) -> Self {
        let life = Life::begin(world, (number, machine), ahead);
        world.note(format!("daemon {number} starts with rules {version}"));
        let store: Arc<dyn Store> = Arc::new(FaultyStore(Arc::clone(&life)));
        let guard = rewinds::guard(&life, Arc::clone(&store));
        let dispatcher = Arc::new(Dispatcher {
            store,
            policy: Arc::new(policy(version, world.caps.clone())),
            composer: Composer {
                renderer: Arc::clone(&RENDERER),
                links: Arc::clone(&world.links),
                routes: Arc::new(Registry::of(routes())),
            },
            clock: Arc::clone(&life) as Arc<dyn Clock>,
            settings: DispatchSettings { lease: LEASE, retry: RetryPolicy::default(), poll: POLL, claim_batch: 100 },
            template_failures: TemplateFailures::default(),
            forms: MessageForms::default(),
            freshness: Freshness::default(),
            guard: Arc::clone(&guard),
            holder: format!("daemon {number}"),
        });
        let stop = CancellationToken::new();
        let looked = CancellationToken::new();
        let mut tasks = Vec::new();
        if world.faults.rewinds() {
            tasks.push(tokio::spawn(rewinds::watch(Arc::clone(&life), guard, looked.clone(), stop.clone())));
        } else {
            looked.cancel();
        }
        let posts = posts(&life);
        let gateways: BTreeMap<GatewayName, Arc<dyn Gateway>> =
            posts.iter().map(|(post, _)| (post.name.clone(), Arc::clone(post) as Arc<dyn Gateway>)).collect();
        for channel in Channel::ALL {
            let own = posts.iter().filter(|(gateway, _)| gateway.channel == *channel);
            let own =
                own.map(|(gateway, rate)| GatewayHandle::new(Arc::clone(gateway) as Arc<dyn Gateway>, *rate)).collect();
            for lane in SendLane::of_channel(&dispatcher, *channel, own) {
                let (looked, stop) = (looked.clone(), stop.clone());
                tasks.push(tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        () = looked.cancelled() => drop(lane.run(LaneEnd::Stopped, &stop).await),
                        () = stop.cancelled() => {}
                    }
                }));
            }
        }
        let reconciler = Reconciler::new(Arc::clone(&dispatcher), gateways);
        tasks.push(tokio::spawn(reconciler.run(RECONCILE, stop.clone())));
        tasks.push(tokio::spawn(scan_in_turn(
            Arc::clone(&life),
            Arc::clone(&dispatcher.store),
            Arc::clone(&dispatcher.policy),
            stop.clone(),
        )));
        Self { life, tasks, stop }
    }

    /// Asks it to end by itself: nothing more is claimed, what is in flight is settled.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Ends it at whatever await it stands.
    pub(crate) fn kill(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Whether a task of it has ended although nobody asked: it panicked, or left its work.
    pub(crate) fn has_lost_a_task(&self) -> bool {
        !self.stop.is_cancelled() && self.tasks.iter().any(JoinHandle::is_finished)
    }
}

/// The town's gateways, as this life sees them.
fn posts(life: &Arc<Life>) -> Vec<(Arc<FaultyGateway>, Option<RateLimit>)> {
    let gateway = |number, name: &str, channel, link_mode, can_be_asked| {
        let name = name.parse().expect("a name");
        Arc::new(FaultyGateway { life: Arc::clone(life), name, number, channel, link_mode, can_be_asked })
    };
    let rate = RateLimit { per_second: 20, burst: 10, per_day: None };
    vec![
        (gateway(0, "alpha", Channel::Sms, LinkMode::Personal, true), Some(rate)),
        (gateway(1, "beta", Channel::Sms, LinkMode::Fixed, false), None),
        (gateway(2, "mail", Channel::Email, LinkMode::Personal, false), None),
        (gateway(3, "gamma", Channel::Sms, LinkMode::Personal, true), None),
    ]
}

async fn scan_in_turn(life: Arc<Life>, store: Arc<dyn Store>, policy: Arc<Policy>, stop: CancellationToken) {
    let world = &life.world;
    let holder = life.number.to_string();
    while !stop.is_cancelled() {
        let turn = store.take_turn("scan", &holder, TimeDelta::minutes(10)).await;
        if turn.unwrap_or_default() || world.strikes(world.faults.two_scanners) {
            let now = life.now();
            let order = ScanOrder {
                horizon: Horizon { now, until: now + AHEAD },
                extent: if world.draw(|rng| rng.u32(0..4)) == 0 { ScanScope::Full } else { ScanScope::News },
                mode: WriteMode::Commit,
                start_from: None,
                first_day: now,
                guard: None,
            };
            let begun = life.world.clock.elapsed();
            if let Ok(report) = scan(&*store, &policy, &order).await {
                world.note(format!("{} scanned: {report:?}", life.number));
                // A scan that read, froze for hours and then wrote may be out of date: that is no mistake.
                if report.found > 0 && life.world.clock.elapsed() - begun < Duration::from_secs(300) {
                    lock(&world.oracle).fail("I2", format!("{} reminders were missed by scans", report.found));
                }
            }
        }
        let pause = world.minutes(SCAN.as_secs() / 120, SCAN.as_secs() / 40);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = life.sleep(pause) => {}
        }
    }
}
