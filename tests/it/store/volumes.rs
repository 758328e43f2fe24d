//! The volume guard: a day of far more reminders than usual waits for a person, whoever scans.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, HoldCause, State};
use dueherald::pipeline::{ScanOrder, ScanReport, ScanScope, scan};
use dueherald::plan::{DayVolume, Horizon, VolumeGuard, VolumeLimits};
use dueherald::store::{ReminderFilter, Store, WriteMode};

use super::sample::{by, claim, date, import, list, merchant, view};
use crate::fixtures::{at, by_hand, installment, policy, row};

fn day() -> NaiveDate {
    date("2026-12-20")
}

/// A scan of a daemon, ten reminders being the most of a merchant's first month.
async fn scan_guarded(store: &dyn Store, now: DateTime<Utc>) -> ScanReport {
    let order = ScanOrder {
        horizon: Horizon { now, until: now + TimeDelta::hours(12) },
        extent: ScanScope::News,
        mode: WriteMode::Commit,
        start_from: None,
        first_day: at("2026-12-20T00:00:00+08:00"),
        guard: Some(VolumeGuard { limits: VolumeLimits { factor: 3, least: 5, first_month: 10 }, day: day() }),
    };
    scan(store, &policy(), &order).await.expect("scanned")
}

async fn owe(store: &dyn Store, borrowers: std::ops::Range<u32>) {
    let rows: Vec<_> =
        borrowers.map(|number| row(&installment(&format!("i{number}"), &format!("b{number}"), "2026-12-23"))).collect();
    import(store, &rows).await;
}

pub(super) async fn a_flood_waits_until_a_person_approves_it(store: &dyn Store, clock: &SimClock) {
    let (morning, due) = (at("2026-12-20T08:00:00+08:00"), at("2026-12-20T10:00:00+08:00"));
    clock.advance((morning - clock.now()).to_std().expect("time goes on"));
    owe(store, 0..8).await;
    let usual = scan_guarded(store, clock.now()).await;
    assert_eq!((usual.planned, usual.held), (8, 0));
    // The reminders of another scan on the same day count as well.
    owe(store, 8..30).await;
    let flood = scan_guarded(store, clock.now()).await;
    assert_eq!((flood.planned, flood.held), (22, 22));
    let cause = HoldCause::volume(&merchant("mall"), day());
    assert_eq!(store.holds().await.expect("listed"), [(cause, Channel::Sms)]);

    clock.advance((due - clock.now()).to_std().expect("time goes on"));
    assert_eq!(claim(store, 100, &by(&policy())).await.sending.len(), 8, "what was planned before");
    assert_eq!(store.release_expired(100).await.expect("asked"), 0);
    let held = list(store, ReminderFilter { state: Some(State::Held), limit: 100, ..ReminderFilter::default() }).await;
    assert_eq!(held.len(), 22);
    let last = view(store, held[0]).await.last.expect("it is on record").detail;
    assert_eq!(last.as_deref(), Some("volume:mall/2026-12-20"));

    let (mall, by_person) = (merchant("mall"), by_hand());
    let approve = |day| store.approve_volume(&mall, day, &by_person);
    assert!(!store.approve_volume(&merchant("harbour"), day(), &by_hand()).await.expect("asked"));
    assert!(!approve(date("2026-12-19")).await.expect("asked"));
    assert!(approve(day()).await.expect("approved"));
    assert!(!approve(day()).await.expect("asked"), "once");
    assert_eq!(claim(store, 100, &by(&policy())).await.sending.len(), 22);
    owe(store, 30..45).await;
    let rest = scan_guarded(store, clock.now()).await;
    assert_eq!((rest.planned, rest.held), (15, 0), "the day is approved");
}

pub(super) async fn a_day_is_measured_by_the_thirty_before_it(store: &dyn Store, _: &SimClock) {
    let mall = merchant("mall");
    let note = async |day: &str, planned| store.note_volume(&mall, date(day), planned).await.expect("noted");
    assert_eq!(note("2026-12-20", 0).await, DayVolume::default(), "nothing is known");
    note("2026-10-01", 9_000).await;
    note("2026-12-01", 40).await;
    note("2026-12-10", 50).await;
    store.note_volume(&merchant("harbour"), date("2026-12-10"), 7_000).await.expect("noted");
    let since = Some(date("2026-10-01"));
    assert_eq!(note("2026-12-20", 4).await, DayVolume { planned: 4, most: 50, since, is_approved: false });
    assert_eq!(note("2026-12-20", 3).await.planned, 7);
    // A flood is not what later days are measured by, unless a person has said that it was right.
    note("2026-12-15", 800).await;
    assert_eq!(store.hold_volume(&mall, date("2026-12-15"), &[], at("2026-12-15T00:00:00Z")).await.expect("held"), 0);
    assert_eq!(note("2026-12-20", 0).await.most, 50);
    assert!(store.approve_volume(&mall, date("2026-12-15"), &by_hand()).await.expect("approved"));
    assert_eq!(note("2026-12-20", 0).await.most, 800);
    assert!(note("2026-12-15", 0).await.is_approved);
}
