//! Nothing is sent from a ledger that is too old.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::Clock;
use dueherald::domain::{SourceName, SourceState};
use dueherald::pipeline::{Freshness, Tally};
use dueherald::store::{LedgerStore, SourceStore, VanishedSettlement, WriteMode};

use super::bench::{Bench, DUE, Setup};
use crate::fixtures::{installment, row};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn source(name: &str) -> SourceName {
    name.parse().expect("a name")
}

/// A pull that has ended.
async fn pulled(bench: &Bench, name: &str) {
    note(bench, name, Some(bench.clock.now()), &[]).await;
}

async fn note(bench: &Bench, name: &str, pulled_at: Option<DateTime<Utc>>, merchants: &[&str]) {
    let merchants = merchants.iter().map(|name| name.parse().expect("a name")).collect();
    let state = SourceState { pulled_at, merchants, ..SourceState::new(source(name)) };
    bench.store.note_source(&state).await.expect("noted");
}

#[tokio::test]
async fn dispatch_holds_while_a_source_is_too_old_and_goes_on_by_itself() {
    let limit = Some(TimeDelta::hours(2));
    let ledger_age = vec![(source("core"), limit), (source("payments"), limit), (source("archive"), None)];
    let bench = Bench::of(Setup { ledger_age, lasts: TimeDelta::days(2), ..Setup::default() });
    bench.add(2).await;
    let held = Tally { held: 2, ..Tally::default() };
    assert_eq!(bench.drain().await, held, "neither was ever pulled");
    pulled(&bench, "core").await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 0, "one is not enough");
    pulled(&bench, "payments").await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 2, "what may be old does not hold");

    bench.clock.advance(HOUR);
    pulled(&bench, "core").await;
    bench.clock.advance(HOUR);
    bench.add(1).await;
    assert_eq!(bench.drain().await.accepted, 1, "two hours is not longer than two hours");
    bench.clock.advance(Duration::from_secs(1));
    bench.add(1).await;
    assert_eq!(bench.drain().await, Tally { held: 1, ..Tally::default() });
    assert_eq!(bench.story(4).await, ["0 held stale_source:payments/mall"]);
    assert_eq!(bench.reconcile_and_drain().await, Tally::default(), "once");
    pulled(&bench, "payments").await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
}

#[tokio::test]
async fn a_source_that_feeds_one_merchant_holds_nobody_elses_reminders() {
    for (fed, sent) in [("harbour", 2), ("mall", 0)] {
        let ledger_age = vec![(source("core"), Some(TimeDelta::hours(2)))];
        let feeds = vec![(source("core"), fed.parse().expect("a name"))];
        let bench = Bench::of(Setup { ledger_age, feeds, ..Setup::default() });
        bench.add(2).await;
        let tally = bench.drain().await;
        assert_eq!((tally.accepted, tally.held), (sent, 2 - sent), "reminders of mall, a source of {fed}");
    }
}

#[tokio::test]
async fn a_stale_source_holds_the_merchants_that_its_rows_named() {
    for (named, sent) in [(&["harbour"][..], 2), (&["harbour", "mall"], 0), (&[], 0)] {
        let ledger_age = vec![(source("core"), Some(TimeDelta::hours(2)))];
        let bench = Bench::of(Setup { ledger_age, ..Setup::default() });
        note(&bench, "core", Some(bench.clock.now()), named).await;
        bench.clock.advance(3 * HOUR);
        bench.add(2).await;
        let tally = bench.drain().await;
        assert_eq!((tally.accepted, tally.held), (sent, 2 - sent), "reminders of mall, a source that named {named:?}");
    }
}

/// A pull that broke off has not named all merchants. Whoever is not among those of the first whole one is freed by it.
#[tokio::test]
async fn a_source_holds_everybody_until_its_first_pull_has_come_to_its_end() {
    let ledger_age = vec![(source("core"), Some(TimeDelta::hours(2)))];
    let bench = Bench::of(Setup { ledger_age, lasts: TimeDelta::days(1), ..Setup::default() });
    note(&bench, "core", None, &["harbour"]).await;
    bench.add(2).await;
    assert_eq!(bench.drain().await, Tally { held: 2, ..Tally::default() });
    assert_eq!(bench.reconcile_and_drain().await, Tally::default(), "nothing has changed");

    let long_ago = bench.clock.now() - TimeDelta::hours(3);
    note(&bench, "core", Some(long_ago), &["harbour"]).await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 2, "it is stale all the while, and feeds another merchant");
}

/// A loan was foreclosed: the lender has its instalment no longer.
#[tokio::test]
async fn an_instalment_that_vanished_is_not_reminded_of() {
    let bench = Bench::of(Setup { lasts: TimeDelta::days(2), ..Setup::default() });
    bench.add(2).await;
    let core = source("core");
    let mut gone = Vec::new();
    for who in ["b0", "b1"] {
        let mut row = row(&installment(&format!("i-{who}"), who, DUE));
        row.source = Some(core.clone());
        bench.store.import(&[row.clone()], WriteMode::Commit).await.expect("imported");
        gone.push((row.borrower.merchant, row.installment));
    }
    let settle =
        async |gone: &[_], settlement| bench.store.settle_vanished(&core, gone, &settlement).await.expect("settled");
    assert_eq!(settle(&gone[..1], VanishedSettlement::Hold).await, 1);
    assert_eq!(settle(&gone[1..], VanishedSettlement::Cancel(None)).await, 1);
    let tally = bench.drain().await;
    assert_eq!((tally.held, tally.skipped.values().sum::<u64>(), tally.accepted), (1, 1, 0));
    assert_eq!(bench.story(1).await, ["0 held vanished:mall/i-b0"]);
    assert_eq!(settle(&gone, VanishedSettlement::Cancel(None)).await, 1);
    let tally = bench.reconcile_and_drain().await;
    assert_eq!((tally.held, tally.skipped.values().sum::<u64>(), tally.accepted), (0, 1, 0));
}

/// A replica that lags behind is pulled in time, and what it has is old all the same.
#[tokio::test]
async fn data_that_is_too_old_holds_although_it_was_pulled() {
    let limits = [(source("core"), Some(TimeDelta::minutes(20)))];
    let freshness = Freshness::new(limits).with_data_age([source("core")]);
    let bench = Bench::of(Setup::default());
    let now = bench.clock.now();
    let stale = async |data_at: Option<DateTime<Utc>>| {
        let mall = "mall".parse().expect("a name");
        let state =
            SourceState { pulled_at: Some(now), data_at, merchants: [mall].into(), ..SourceState::new(source("core")) };
        bench.store.note_source(&state).await.expect("noted");
        let stale = freshness.stale_now(&*bench.store, now).await.expect("asked");
        stale.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        stale(None).await,
        ["the `freshness` of source core has told no time yet, and its max_ledger_age is 20m"]
    );
    assert_eq!(
        stale(Some(now - TimeDelta::minutes(30))).await,
        ["the newest data of source core is 30m old, as its `freshness` says (a replica may lag behind), and its \
         max_ledger_age is 20m"]
    );
    assert_eq!(stale(Some(now - TimeDelta::minutes(20))).await, [""; 0]);
}
