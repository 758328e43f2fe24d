//! Tasks of the daemon that panic or end by themselves: they are started again, and operations see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dueherald::app::{AppParts, Time};
use dueherald::clock::{Clock, SimClock};
use dueherald::config::{Config, Inputs};
use dueherald::daemon::{Role, StopOrder, Supervisor, run_until};
use dueherald::domain::{Channel, GatewayName, LinkMode, Outcome, Report};
use dueherald::gateway::{Gateway, GatewayError, Handover};
use dueherald::http::health::{Health, TaskKind};
use dueherald::http::ops::{Figures, Ops, router};
use dueherald::store::{MemoryStore, Store};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::commands::Desk;
use crate::fixtures::at;
use crate::route_gate::with_figures;
use crate::web::get;

/// How a task fails.
#[derive(Debug, Clone, Copy)]
enum End {
    Panic,
    Return,
}

/// A supervisor on a clock that stands still, and what operations see of it.
struct Bench {
    clock: SimClock,
    stop: CancellationToken,
    supervisor: Supervisor,
    ops: Ops,
    starts: Arc<AtomicUsize>,
}

impl Bench {
    fn new(figures: Figures) -> Self {
        let clock = SimClock::at(at("2026-11-22T02:00:00Z"));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::clone(&shared)));
        let (stop, health) = (CancellationToken::new(), Health::default());
        let supervisor = Supervisor::new(Arc::clone(&shared), stop.clone(), health.clone());
        let ops = Ops { store: store.into(), clock: shared, figures, freshness: Arc::default(), health };
        Self { clock, stop, supervisor, ops, starts: Arc::default() }
    }

    /// Starts a task that fails in its first `bad` lives and then works until the stop.
    fn start(&self, kind: TaskKind, bad: usize, end: End) {
        let starts = Arc::clone(&self.starts);
        self.supervisor.spawn("pull:core", kind, move |stop| {
            let life = starts.fetch_add(1, Ordering::SeqCst);
            async move {
                match end {
                    _ if life >= bad => stop.cancelled().await,
                    End::Panic => panic!("13800138000 owes 1280.50"),
                    End::Return => {}
                }
            }
        });
    }

    async fn after(&self, seconds: u64) -> usize {
        settle().await;
        self.clock.advance(Duration::from_secs(seconds));
        settle().await;
        self.starts.load(Ordering::SeqCst)
    }

    async fn ready(&self) -> (u16, String) {
        let answer = get(router(self.ops.clone()), "/readyz").await;
        (answer.status.as_u16(), answer.body)
    }
}

/// Lets every task run until it waits. One that only waits for others on this thread needs few turns.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[rstest]
#[case::panic(End::Panic)]
#[case::end(End::Return)]
fn a_task_that_fails_is_started_again_ever_more_slowly_and_everybody_can_see_it(#[case] end: End) {
    with_figures(async |figures| {
        let bench = Bench::new(figures.clone());
        bench.start(TaskKind::Worker, 3, end);
        assert_eq!(bench.after(0).await, 1);
        let (status, said) = bench.ready().await;
        assert_eq!(status, 200, "a pull that fails takes no page away from borrowers");
        assert!(
            said.contains("task pull:core failed 1 times in a row, last at 2026-11-22T02:00:00Z; it will be"),
            "{said}"
        );
        assert_eq!(bench.after(1).await, 2);
        assert_eq!(bench.after(1).await, 2, "the second pause is longer");
        assert_eq!(bench.after(1).await, 3);
        assert_eq!(bench.after(4).await, 4, "it works now");
        let (_, said) = bench.ready().await;
        assert!(said.contains("failed 3 times in a row") && said.contains("runs again"), "{said}");
        assert!(!said.contains("138") && !said.contains("owes"), "a panic may quote anything: {said}");
        assert!(figures.text().contains(r#"dueherald_task_restarts_total{task="pull:core"} 3"#), "{}", figures.text());
        bench.after(600).await;
        assert_eq!(bench.ready().await, (200, "ready\n".into()), "it has recovered");
        bench.stop.cancel();
        bench.supervisor.ended().await;
        assert_eq!(bench.starts.load(Ordering::SeqCst), 4, "the end after a stop is no failure");
    });
}

#[test]
fn a_server_that_is_down_makes_the_process_unready() {
    with_figures(async |figures| {
        let bench = Bench::new(figures);
        bench.start(TaskKind::Server, 1, End::Panic);
        bench.after(0).await;
        assert_eq!(bench.ready().await, (503, "not ready: task pull:core is being started again\n".into()));
        bench.after(1).await;
        assert_eq!(bench.ready().await.0, 200);
    });
}

#[test]
fn a_task_that_fails_for_ever_is_tried_once_a_minute_and_does_not_keep_the_process_from_stopping() {
    with_figures(async |figures| {
        let bench = Bench::new(figures);
        bench.start(TaskKind::Worker, usize::MAX, End::Panic);
        bench.after(0).await;
        for _ in 0..20 {
            bench.after(60).await;
        }
        assert_eq!(bench.starts.load(Ordering::SeqCst), 21, "one restart in each minute");
        bench.stop.cancel();
        bench.supervisor.ended().await;
    });
}

/// A gateway of which several methods panic once, as a driver may.
#[derive(Debug)]
struct Panicky {
    name: GatewayName,
    polled: AtomicUsize,
    laned: AtomicUsize,
}

#[async_trait]
impl Gateway for Panicky {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn link_mode(&self) -> LinkMode {
        LinkMode::Personal
    }

    fn max_in_flight(&self) -> usize {
        // The daemon asks once for the file descriptors; the first lane is the second to ask.
        assert_ne!(self.laned.fetch_add(1, Ordering::SeqCst), 1, "the lane dies of this");
        1
    }

    async fn send(&self, _handover: &Handover<'_>) -> Outcome {
        Outcome::Accepted { provider_id: None }
    }

    async fn poll(&self) -> Result<Vec<Report>, GatewayError> {
        assert!(self.polled.fetch_add(1, Ordering::SeqCst) > 0, "the poll dies of this");
        Ok(Vec::new())
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

#[tokio::test]
async fn the_tasks_of_the_daemon_itself_are_supervised() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let file = desk.path("dueherald.toml");
    let text = std::fs::read_to_string(&file).expect("written by init");
    let database = format!("sqlite:{}", desk.path("dueherald.db").display());
    let settings =
        [("DATABASE__URL", database.as_str()), ("HTTP__PUBLIC", "127.0.0.1:0"), ("HTTP__OPS", "127.0.0.1:0")];
    let settings = settings.map(|(name, value)| (format!("DUEHERALD__{name}"), value.to_owned()));
    let inputs = Inputs {
        file: &file,
        text: &text,
        environment: &settings.into(),
        read_file: &|path| std::fs::read_to_string(path),
        exposure: &|_| None,
    };
    let config = Config::load(&inputs).expect("a sound config");
    let clock = SimClock::at(at("2026-11-22T02:00:00Z"));
    let mut parts = AppParts::new(config, &Time::Rehearsal(clock.clone())).expect("they come together");
    let name: GatewayName = "capture-sms".parse().expect("a name");
    let gateway = Arc::new(Panicky { name: name.clone(), polled: AtomicUsize::new(0), laned: AtomicUsize::new(0) });
    assert!(parts.gateways.insert(name, gateway.clone()).is_some(), "it takes the place of the sample's");
    let order = StopOrder::default();
    let roles = [Role::Dispatch].into();
    let again = async {
        while gateway.polled.load(Ordering::SeqCst) < 2 || gateway.laned.load(Ordering::SeqCst) < 3 {
            clock.advance(Duration::from_millis(100));
            settle().await;
        }
        order.soft.cancel();
    };
    let (ended, ()) = tokio::join!(run_until(parts, &roles, &order), again);
    ended.expect("it stops softly");
}
