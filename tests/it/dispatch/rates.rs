//! Gateways that may be fed only so fast.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::plan::{DailyQuota, RateLimit};
use dueherald::store::ReminderStore;
use rstest::rstest;

use super::bench::{Bench, Setup, TEN};
use crate::fixtures::at;

fn rate(per_second: u32, burst: u32, per_day: Option<u32>) -> Option<RateLimit> {
    let per_day = per_day.map(|most| DailyQuota { most, zone: chrono_tz::Tz::UTC });
    Some(RateLimit { per_second, burst, per_day })
}

#[rstest]
#[case::alone(1)]
#[case::three_machines_together(3)]
#[tokio::test]
async fn messages_leave_evenly_and_as_fast_as_allowed(#[case] machines: usize) {
    let bench = Bench::of(Setup { rate: rate(10, 1, None), machines, ..Setup::default() });
    bench.add(40).await;
    assert_eq!(bench.drain_in_time().await.accepted, 40);
    let mut left: Vec<_> = bench.gateway("script").seen().iter().map(|sent| sent.at).collect();
    left.sort();
    let closest = left.windows(2).map(|pair| pair[1] - pair[0]).min().expect("forty");
    assert!(closest >= TimeDelta::milliseconds(99), "two left within {closest}");
    let took = left[39] - left[0];
    assert!(took <= TimeDelta::milliseconds(4_100), "forty at ten a second took {took}");
}

#[tokio::test]
async fn a_burst_leaves_at_once_and_the_rest_evenly() {
    let bench = Bench::of(Setup { rate: rate(2, 4, None), ..Setup::default() });
    bench.add(8).await;
    bench.drain_in_time().await;
    let after: Vec<_> =
        bench.gateway("script").seen().iter().map(|sent| (sent.at - at(TEN)).num_milliseconds()).collect();
    assert_eq!(after, [0, 0, 0, 0, 500, 1000, 1500, 2000]);
}

#[tokio::test]
async fn what_is_over_the_days_share_waits_for_the_next_day() {
    let lasts = TimeDelta::days(2);
    let bench = Bench::of(Setup { rate: rate(1000, 1000, Some(5)), lasts, ..Setup::default() });
    bench.add(8).await;
    assert_eq!(bench.drain_in_time().await.accepted, 5);
    assert!(bench.clock.now() < at(TEN) + TimeDelta::minutes(1), "a drain does not wait for tomorrow");
    let due: u64 = bench.store.queue_counts().await.expect("counted").iter().map(|counts| counts.due).sum();
    assert_eq!(due, 3);

    bench.clock.step_to(at("2026-11-22T12:00:00Z"));
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.drain_in_time().await.accepted, 0);
    bench.clock.step_to(at("2026-11-23T02:00:00Z"));
    assert_eq!(bench.drain_in_time().await.accepted, 3);
}

#[tokio::test]
async fn each_gateway_has_a_rate_of_its_own() {
    let bench = Bench::of(Setup { rate: rate(1, 2, None), ..Setup::pair() });
    bench.gateway("first").answers(vec![super::bench::not_sent(); 2]);
    bench.add(2).await;
    assert_eq!(bench.drain_in_time().await.accepted, 2);
    let second = bench.gateway("second").seen();
    assert_eq!(second[0].at, second[1].at, "what the first could not take used no permit of the second");
}
