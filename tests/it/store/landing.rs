//! The stored data of landing pages: clicks, and tries to answer their questions.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Click, ReminderId};
use dueherald::plan::{AnswerTry, TryDecision};
use dueherald::store::Store;
use futures_util::future::join_all;

use super::sample::{instant, key, plan, sms};

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

pub(super) async fn clicks_of_a_borrower_are_newest_first(store: &dyn Store, _: &SimClock) {
    let ids = plan(store, &[sms("b1", "2026-11-22T01:00:00Z"), sms("b2", "2026-11-22T01:00:00Z")]).await;
    let click = |at, reminder, route: &str| Click { at: instant(at), reminder, route: route.parse().expect("a key") };
    let all = [
        click("2026-11-22T01:00:00Z", ids[0], "web"),
        click("2026-11-22T02:00:00Z", ids[1], "web"),
        click("2026-11-22T03:00:00Z", ids[0], "app"),
    ];
    for one in &all {
        store.add_click(one).await.expect("written");
    }
    let of = async |borrower: &str, limit| store.clicks_of(&key(borrower), limit).await.expect("read");
    assert_eq!(of("b1", 9).await, [all[2].clone(), all[0].clone()]);
    assert_eq!(of("b1", 1).await, [all[2].clone()]);
    assert_eq!(of("b2", 9).await, [all[1].clone()]);
    assert_eq!(of("b3", 9).await, []);
}

fn attempt(borrower: &str, client: &str) -> AnswerTry {
    AnswerTry { borrower: key(borrower), client: Some(client.to_owned()) }
}

pub(super) async fn tries_run_out_and_come_back(store: &dyn Store, clock: &SimClock) {
    let (mine, other) = (attempt("b1", "x"), attempt("b2", "x"));
    let try_it = async |attempt: &AnswerTry| store.try_digits(attempt).await.expect("counted");
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(try_it(&mine).await, TryDecision::Counted { left });
    }
    let until = clock.now() + TimeDelta::minutes(15);
    assert_eq!(try_it(&mine).await, TryDecision::Paused { until });
    assert_eq!(try_it(&other).await, TryDecision::Counted { left: 4 }, "each borrower has its own");
    clock.advance(Duration::from_secs(899));
    assert_eq!(try_it(&mine).await, TryDecision::Paused { until }, "a try in the pause does not lengthen it");
    clock.advance(Duration::from_secs(1));
    assert_eq!(try_it(&mine).await, TryDecision::Counted { left: 4 });
    store.forget_tries(&mine).await.expect("forgotten");
    assert_eq!(try_it(&mine).await, TryDecision::Counted { left: 4 });
    assert_eq!(try_it(&other).await, TryDecision::Counted { left: 3 });
    clock.advance(Duration::from_secs(172_800));
    assert_eq!(try_it(&other).await, TryDecision::Counted { left: 4 }, "after two days they are forgotten");
}

pub(super) async fn many_tries_at_once_are_no_more_than_in_a_row(store: &dyn Store, _: &SimClock) {
    let clients: Vec<_> = (0..20).map(|client| attempt("b1", &client.to_string())).collect();
    let tries = join_all(clients.iter().map(|attempt| store.try_digits(attempt))).await;
    let counted = tries.iter().filter(|told| matches!(told, Ok(TryDecision::Counted { .. }))).count();
    assert_eq!((counted, tries.iter().filter(|told| told.is_err()).count()), (5, 0), "{tries:?}");
}

pub(super) async fn a_stranger_keeps_a_borrower_out_for_an_hour_at_most(store: &dyn Store, clock: &SimClock) {
    let (stranger, borrower) = (attempt("b1", "stranger"), attempt("b1", "home"));
    let try_it = async |attempt: &AnswerTry| store.try_digits(attempt).await.expect("counted");
    for pause in [900, 3_600, 3_600 * 6] {
        for _ in 0..5 {
            assert!(matches!(try_it(&stranger).await, TryDecision::Counted { .. }));
        }
        assert!(matches!(try_it(&borrower).await, TryDecision::Paused { .. }), "tries are counted for the borrower");
        clock.advance(Duration::from_secs(pause));
    }
    for _ in 0..5 {
        assert!(matches!(try_it(&stranger).await, TryDecision::Counted { .. }));
    }
    clock.advance(Duration::from_secs(3_600));
    assert!(matches!(try_it(&stranger).await, TryDecision::Paused { .. }), "the stranger waits for a day");
    assert_eq!(try_it(&borrower).await, TryDecision::Counted { left: 4 }, "the borrower does not");
}

pub(super) async fn a_client_has_so_many_tries_at_all_borrowers(store: &dyn Store, clock: &SimClock) {
    let try_it =
        async |number: usize| store.try_digits(&attempt(&format!("b{number}"), "client")).await.expect("counted");
    for number in 0..59 {
        assert!(matches!(try_it(number).await, TryDecision::Counted { .. }), "{number}");
    }
    // A right answer is no wrong try.
    store.forget_tries(&attempt("b58", "client")).await.expect("forgotten");
    for number in 100..102 {
        assert!(matches!(try_it(number).await, TryDecision::Counted { .. }), "{number}");
    }
    assert_eq!(try_it(200).await, TryDecision::Paused { until: clock.now() + TimeDelta::minutes(15) });
    let other = attempt("b200", "another client");
    assert_eq!(store.try_digits(&other).await.expect("counted"), TryDecision::Counted { left: 4 });
}
