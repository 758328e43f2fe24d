//! Several daemons on one PostgreSQL meet over a gateway's rate, and over receipts.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Receipt, ReminderId, Settlement, State};
use dueherald::plan::RateLimit;
use dueherald::store::{ClaimRequest, ClaimResult, PostgresStore, ReminderFilter, Store};
use futures_util::future::{join, join_all};

use super::bench::START;
use super::outcomes::accepted;
use super::receipts::{delivered, undelivered};
use super::sample::{claim_all, instant, list, plan, request, send, sms};
use crate::postgres::TestDatabase;

const DAEMONS: usize = 4;

/// Daemons with a pool each.
async fn daemons(database: &TestDatabase, clock: Option<&SimClock>) -> Vec<Arc<dyn Store>> {
    let mut daemons: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..DAEMONS {
        let clock = clock.map(|clock| -> Arc<dyn Clock> { Arc::new(clock.clone()) });
        let store = PostgresStore::connect(&database.url().into(), 2, clock).await;
        daemons.push(Arc::new(store.expect("the database is there")));
    }
    daemons[0].migrate().await.expect("the migrations run");
    daemons
}

async fn plan_past(store: &dyn Store, count: usize) -> Vec<ReminderId> {
    let reminders: Vec<_> = (0..count).map(|number| sms(&format!("b{number:04}"), "2020-01-01T00:00:00Z")).collect();
    plan(store, &reminders).await
}

async fn claim_within(store: &dyn Store, rate: RateLimit, limit: u32) -> ClaimResult {
    let request = ClaimRequest { rate: Some(rate), ..request(limit) };
    store.claim(&request, &send).await.expect("the claim is recorded")
}

fn moments(claimed: &ClaimResult) -> Vec<DateTime<Utc>> {
    claimed.sending.iter().map(|one| claimed.now + one.pause).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_together_keep_a_gateways_rate_and_use_it() {
    const RATE: RateLimit = RateLimit { per_second: 200, burst: 1, per_day: None };
    const SECONDS: usize = 5;
    let (database, clock) = (crate::postgres::database().await, SimClock::at(instant(START)));
    let daemons = daemons(&database, Some(&clock)).await;
    plan_past(&*daemons[0], 200 * (SECONDS + 1)).await;
    let mut left = Vec::new();
    for _ in 0..SECONDS * 10 {
        let claims = daemons.iter().cloned().map(|daemon| {
            let claim = async move { moments(&claim_within(&*daemon, RATE, 20).await) };
            tokio::spawn(claim)
        });
        for claimed in join_all(claims).await {
            left.extend(claimed.expect("the claim ends"));
        }
        clock.advance(Duration::from_millis(100));
    }
    left.sort_unstable();
    let within =
        |from: &DateTime<Utc>| left.iter().filter(|at| (*from..*from + TimeDelta::seconds(1)).contains(at)).count();
    let most = left.iter().map(within).max().expect("some left");
    assert!(most <= 210, "{most} in a second");
    assert!(left.len() >= 190 * SECONDS, "{} in {SECONDS} s", left.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_databases_clock_no_moment_is_given_twice() {
    const RATE: RateLimit = RateLimit { per_second: 2_000, burst: 1, per_day: None };
    const REMINDERS: usize = 400;
    let database = crate::postgres::database().await;
    let daemons = daemons(&database, None).await;
    plan_past(&*daemons[0], REMINDERS).await;
    let claims = daemons.into_iter().map(|daemon| {
        tokio::spawn(async move {
            let mut left = Vec::new();
            loop {
                let claimed = claim_within(&*daemon, RATE, 10).await;
                if claimed.sending.is_empty() && claimed.allowed > 0 {
                    return left;
                }
                left.extend(moments(&claimed));
            }
        })
    });
    let mut left: Vec<_> = join_all(claims).await.into_iter().flat_map(|left| left.expect("the claims end")).collect();
    left.sort_unstable();
    assert_eq!(left.len(), REMINDERS);
    let close = left.windows(2).filter(|pair| pair[1] - pair[0] < TimeDelta::microseconds(500)).count();
    assert_eq!(close, 0, "moments closer than the rate allows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_meet_count_once_and_what_arrived_has_arrived() {
    let (database, clock) = (crate::postgres::database().await, SimClock::at(instant(START)));
    let daemons = daemons(&database, Some(&clock)).await;
    let ids = plan_past(&*daemons[0], 200).await;
    let settled: Vec<_> = claim_all(&*daemons[0]).await.sending.into_iter().map(|one| accepted(one, &clock)).collect();
    assert_eq!(daemons[0].settle(&settled).await.expect("outcomes are recorded"), 200);
    let counts = daemons.into_iter().enumerate().map(|(number, daemon)| {
        let of = if number % 2 == 0 { delivered } else { undelivered };
        let mut receipts: Vec<Receipt> = ids.iter().map(|id| of(*id)).collect();
        if number > 1 {
            receipts.reverse();
        }
        tokio::spawn(async move {
            let mut counted = 0;
            for batch in receipts.chunks(20) {
                counted += daemon.record(batch).await.expect("receipts are recorded");
            }
            (number % 2 == 0, counted, daemon)
        })
    });
    let counts: Vec<_> = join_all(counts).await.into_iter().map(|count| count.expect("the daemon ends")).collect();
    let arrived: usize = counts.iter().filter(|count| count.0).map(|count| count.1).sum();
    let missed: usize = counts.iter().filter(|count| !count.0).map(|count| count.1).sum();
    assert_eq!(arrived, 200);
    assert!(missed <= 200, "{missed} counted");
    let filter = ReminderFilter { state: Some(State::Delivered), limit: 1_000, ..ReminderFilter::default() };
    assert_eq!(list(&*counts[0].2, filter).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_stands_that_crosses_the_answer() {
    let (database, clock) = (crate::postgres::database().await, SimClock::at(instant(START)));
    let daemons = daemons(&database, Some(&clock)).await;
    let ids = plan_past(&*daemons[0], 400).await;
    let at = clock.now() + TimeDelta::days(1);
    let settle = |(number, one)| {
        let settlement: Settlement = accepted(one, &clock);
        if number % 2 == 0 { settlement.falling_back_at(at) } else { settlement }
    };
    let settlements: Vec<_> = claim_all(&*daemons[0]).await.sending.into_iter().enumerate().map(settle).collect();
    // Answers one by one, receipts in batches: some of a batch are answered before it is recorded, some meanwhile, some
    // after.
    for (answers, reminders) in settlements.chunks(8).zip(ids.chunks(8)) {
        let receipt = |id: &ReminderId| Receipt { at: instant(START), ..undelivered(*id) };
        let receipts: Vec<_> = reminders.iter().map(receipt).collect();
        let settle = async {
            for answer in answers {
                assert_eq!(daemons[1].settle(std::slice::from_ref(answer)).await.expect("it is recorded"), 1);
            }
        };
        let (recorded, ()) = join(daemons[2].record(&receipts), settle).await;
        assert_eq!(recorded.expect("receipts are recorded"), receipts.len());
    }
    let filter = ReminderFilter { state: Some(State::Undelivered), limit: 1_000, ..ReminderFilter::default() };
    assert_eq!(list(&*daemons[0], filter).await.len(), 400);
    assert_eq!(daemons[3].fallbacks_due(1_000).await.expect("fallbacks are listed").len(), 200);
}
