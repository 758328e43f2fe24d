//! Health, readiness and metrics.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::TimeDelta;
use dueherald::domain::{Channel, HoldReason, SourceName, SourceState};
use dueherald::http::STORE_PATIENCE;
use dueherald::http::ops::{BREAKER_OPEN, Figures, OUTCOMES, Ops, PLANNED, SEND_SECONDS, SKIPPED, router};
use dueherald::pipeline::Freshness;
use dueherald::store::QueueCounts;
use futures_util::FutureExt;
use rstest::rstest;

use super::fake::{Health, World, instant};
use super::get;

fn ops(world: World) -> Ops {
    let public = world.public();
    let (freshness, health) = (Arc::default(), Default::default());
    Ops { store: public.store.into(), clock: public.clock, figures: Figures::new(), freshness, health }
}

fn with_health(health: Health) -> World {
    let mut world = World::new();
    world.store.health = health;
    world
}

#[tokio::test]
async fn the_process_lives_whatever_the_store_does() {
    let answer = get(router(ops(with_health(Health::Failing))), "/healthz").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "ok\n"));
}

#[rstest]
#[case::well(Health::Well, StatusCode::OK, "ready\n")]
#[case::not_migrated(
    Health::NotMigrated,
    StatusCode::SERVICE_UNAVAILABLE,
    "not ready: the database schema is missing or out of date; run `dueherald migrate`\n"
)]
#[case::failing(
    Health::Failing,
    StatusCode::SERVICE_UNAVAILABLE,
    "not ready: the database cannot be used; the log says why\n"
)]
#[tokio::test]
async fn ready_says_what_is_wrong_and_no_secret(
    #[case] health: Health,
    #[case] status: StatusCode,
    #[case] said: &str,
) {
    let answer = get(router(ops(with_health(health))), "/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (status, said));
}

#[tokio::test]
async fn ready_does_not_wait_for_a_silent_store() {
    let world = with_health(Health::Silent);
    let clock = world.clock.clone();
    let mut answer = Box::pin(get(router(ops(world)), "/readyz"));
    assert!((&mut answer).now_or_never().is_none());
    clock.advance(STORE_PATIENCE);
    assert_eq!(answer.await.status, StatusCode::SERVICE_UNAVAILABLE);
}

fn sms(planned: u64, oldest_due: Option<&str>) -> QueueCounts {
    QueueCounts {
        planned,
        due: 3,
        sending: 2,
        unknown: 1,
        held: [(HoldReason::Paused, 4)].into(),
        oldest_due: oldest_due.map(instant),
        ..QueueCounts::none(Channel::Sms)
    }
}

#[tokio::test]
async fn metrics_show_the_queue_as_it_is_now_and_what_the_pipeline_recorded() {
    let mut world = World::new();
    world.clock.step_to(instant("2026-11-22T01:00:00Z"));
    world.store.counts = vec![sms(1204, Some("2026-11-22T00:58:30Z"))];
    let ops = ops(world);
    record(&ops.figures);
    let answer = get(router(ops), "/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    insta::assert_snapshot!(sorted(&answer.body));
}

/// Records what the pipeline would, by the same macros.
fn record(figures: &Figures) {
    figures.locally(|| {
        metrics::counter!(OUTCOMES, "gateway" => "aliyun", "outcome" => "accepted").increment(7);
        metrics::counter!(PLANNED).increment(9);
        metrics::counter!(SKIPPED, "reason" => "paid").increment(2);
        metrics::gauge!(BREAKER_OPEN, "gateway" => "aliyun").set(1.0);
        metrics::histogram!(SEND_SECONDS, "gateway" => "aliyun").record(0.03);
    });
}

/// The exporter writes families and label sets in no fixed order; a family's lines stay together.
fn sorted(text: &str) -> String {
    let mut families: Vec<String> = text
        .split("\n\n")
        .filter(|family| !family.trim().is_empty())
        .map(|family| {
            let (help, mut samples): (Vec<_>, Vec<_>) = family.trim().lines().partition(|line| line.starts_with('#'));
            if !family.contains("_bucket{") {
                samples.sort_unstable();
            }
            [help, samples].concat().join("\n")
        })
        .collect();
    families.sort_unstable();
    families.join("\n\n")
}

#[tokio::test]
async fn without_the_store_the_counters_stay_and_the_queue_is_not_a_number() {
    let mut world = World::new();
    world.store.counts = vec![sms(5, None)];
    let well = ops(world);
    record(&well.figures);
    let figures = well.figures.clone();
    assert!(get(router(well), "/metrics").await.body.contains(r#"dueherald_queue_planned{channel="sms"} 5"#));

    let failing = Ops { figures, ..ops(with_health(Health::Failing)) };
    let answer = get(router(failing), "/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    for line in [
        "dueherald_store_up 0",
        r#"dueherald_queue_planned{channel="sms"} NaN"#,
        r#"dueherald_oldest_due_seconds{channel="email"} NaN"#,
        r#"dueherald_outcomes_total{gateway="aliyun",outcome="accepted"} 7"#,
    ] {
        assert!(answer.body.contains(line), "no line {line} in\n{}", answer.body);
    }
}

#[tokio::test]
async fn a_ledger_that_is_too_old_is_told_and_its_age_measured() {
    let source = |name: &str| name.parse::<SourceName>().expect("a name");
    let mut world = World::new();
    world.clock.step_to(instant("2026-11-22T02:00:00Z"));
    world.store.sources = vec![SourceState {
        read_to: Some(instant("2026-11-21T23:00:00Z")),
        pulled_at: Some(instant("2026-11-22T00:30:00Z")),
        merchants: ["mall", "harbour"].map(|name| name.parse().expect("a name")).into(),
        ..SourceState::new(source("core"))
    }];
    let limits = [(source("core"), Some(TimeDelta::hours(1))), (source("payments"), None)];
    let ops = Ops { freshness: Arc::new(Freshness::new(limits)), ..ops(world) };
    let answer = get(router(ops.clone()), "/readyz").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (
            StatusCode::OK,
            "ready\nsending for harbour, mall is held: source core was last pulled 90m ago, and its max_ledger_age is \
             1h\n"
        )
    );
    let answer = get(router(ops), "/metrics").await;
    for line in [
        "dueherald_sending_held 1",
        r#"dueherald_source_age_seconds{source="core"} 5400"#,
        r#"dueherald_source_lag_seconds{source="core"} 10800"#,
        r#"dueherald_source_age_seconds{source="payments"} inf"#,
    ] {
        assert!(answer.body.lines().any(|told| told == line), "no line {line} in\n{}", answer.body);
    }
}

#[tokio::test]
async fn figures_are_shared_by_their_copies() {
    let figures = Figures::new();
    record(&figures.clone());
    figures.keep_up();
    let ops = Ops { figures, ..ops(World::new()) };
    assert!(get(router(ops), "/metrics").await.body.contains("dueherald_send_seconds_count"));
}
