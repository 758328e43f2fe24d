//! What is kept of landing pages: clicks, and tries of a phone's last digits.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Click, ReminderId};
use dueherald::plan::TryOf;
use dueherald::store::Store;
use futures_util::future::join_all;

use super::sample::instant;

pub(super) async fn clicks_are_kept_in_their_order(store: &dyn Store, _: &SimClock) {
    let click = |at, reminder, route: &str| Click {
        at: instant(at),
        reminder: ReminderId(reminder),
        route: route.parse().expect("a key"),
    };
    let all = [
        click("2026-11-22T01:00:00Z", 7, "web"),
        click("2026-11-22T01:00:00.000001Z", 7, "web"),
        click("2026-11-22T02:00:00Z", 8, "app"),
    ];
    for one in [&all[2], &all[0], &all[1]] {
        store.add_click(one).await.expect("written");
    }
    assert_eq!(store.clicks(instant("2026-11-22T01:00:00Z")).await.expect("read"), all);
    assert_eq!(store.clicks(instant("2026-11-22T01:00:00.000001Z")).await.expect("read"), all[1..]);
}

pub(super) async fn tries_run_out_and_come_back(store: &dyn Store, clock: &SimClock) {
    let (mine, other) = (ReminderId(7), ReminderId(8));
    let try_it = async |reminder| store.try_digits(reminder).await.expect("counted");
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(try_it(mine).await, TryOf::Counted { left });
    }
    let until = clock.now() + TimeDelta::minutes(15);
    assert_eq!(try_it(mine).await, TryOf::Paused { until });
    assert_eq!(try_it(other).await, TryOf::Counted { left: 4 }, "each page has its own");
    clock.advance(Duration::from_secs(899));
    assert_eq!(try_it(mine).await, TryOf::Paused { until }, "a try in the pause does not lengthen it");
    clock.advance(Duration::from_secs(1));
    assert_eq!(try_it(mine).await, TryOf::Counted { left: 4 });
    store.forget_tries(mine).await.expect("forgotten");
    assert_eq!(try_it(mine).await, TryOf::Counted { left: 4 });
    assert_eq!(try_it(other).await, TryOf::Counted { left: 3 });
}

pub(super) async fn many_tries_at_once_are_no_more_than_in_a_row(store: &dyn Store, _: &SimClock) {
    let tries = join_all((0..20).map(|_| store.try_digits(ReminderId(7)))).await;
    let counted = tries.iter().filter(|told| matches!(told, Ok(TryOf::Counted { .. }))).count();
    assert_eq!((counted, tries.iter().filter(|told| told.is_err()).count()), (5, 0), "{tries:?}");
}
