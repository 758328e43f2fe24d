//! The counts of sent messages, and of the clicks and payments that followed.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    ActivityCount, Channel, Click, EventKind, Funnel, InstallmentStatus, Receipt, ReminderId, Route, RouteKind, Routes,
    SentCount, SkipReason, Stage,
};
use dueherald::http::ops::Figures;
use dueherald::pipeline::{FunnelWatch, Registry};
use dueherald::plan::Decision;
use dueherald::store::{ClaimedReminder, FieldUpdate, FunnelStore, LedgerRow, MemoryStore, Store};

use super::outcomes::{accepted, settle, unknown};
use super::receipts::{delivered, record};
use super::sample::{claim_all, import, instant, merchant, plan, row, sms};
use crate::route_gate::with_figures;

fn click(reminder: ReminderId, clock: &SimClock) -> Click {
    Click { at: clock.now(), reminder, route: "web".parse().expect("a key") }
}

/// Plans a message to each, sends them, that to `b8` with a fixed link, and gives their numbers.
async fn send(store: &dyn Store, clock: &SimClock, borrowers: &[String]) -> Vec<ReminderId> {
    let reminders: Vec<_> = borrowers.iter().map(|borrower| sms(borrower, super::bench::START)).collect();
    let ids = plan(store, &reminders).await;
    let sending = claim_all(store).await.sending;
    assert_eq!(sending.len(), ids.len());
    let fixed = |claimed: &ClaimedReminder| claimed.reminder.key.borrower.id.as_str() == "b8";
    let settlements: Vec<_> = sending
        .into_iter()
        .map(|claimed| {
            let route = fixed(&claimed).then(|| "fixed".parse().expect("a key"));
            accepted(claimed, clock).leading_to(route)
        })
        .collect();
    store.settle(&settlements).await.expect("recorded");
    ids
}

pub(super) async fn what_was_sent_is_counted_by_what_decides_about_its_way(store: &dyn Store, clock: &SimClock) {
    let with = |borrower: &str, number: &str, product: Option<&str>, route: Option<&str>, status| LedgerRow {
        product: FieldUpdate::Set(product.map(str::to_owned)),
        route: FieldUpdate::Set(route.map(|key| key.parse().expect("a key"))),
        status: FieldUpdate::Set(Some(status)),
        ..row(borrower, number)
    };
    use InstallmentStatus::{Cancelled, Open, Paid};
    import(
        store,
        &[
            with("b0", "1", Some("sofa"), None, Paid),
            with("b0", "2", None, None, Cancelled),
            with("b1", "3", Some("sofa"), None, Paid),
            with("b1", "4", Some("sofa"), None, Open),
            with("b2", "5", Some("sofa"), None, Cancelled),
            with("b3", "6", None, Some("special"), Paid),
            with("b9", "7", Some("sofa"), None, Paid),
        ],
    )
    .await;
    let span = clock.now()..clock.now() + TimeDelta::hours(1);
    assert_eq!(store.sent(&span).await.expect("counted"), []);
    let ids = send(store, clock, &["b0", "b1", "b2", "b3"].map(str::to_owned)).await;
    record(store, &[delivered(ids[0]), delivered(ids[3])]).await;
    for id in [ids[0], ids[0], ids[1]] {
        store.add_click(&click(id, clock)).await.expect("recorded");
    }
    // Not known to be sent, and sent later.
    plan(store, &[sms("b9", super::bench::START)]).await;
    settle(store, &unknown(claim_all(store).await.sending.remove(0), clock)).await;
    clock.advance(Duration::from_secs(60 * 60));
    send(store, clock, &["b8".to_owned()]).await;

    let count = |product: Option<&str>, route: Option<&str>, [sent, delivered, clicked, paid]: [u64; 4]| SentCount {
        merchant: merchant("mall"),
        step: "due-soon/-3".parse().expect("a step"),
        channel: Channel::Sms,
        product: product.map(str::to_owned),
        route: route.map(|key| key.parse().expect("a key")),
        funnel: Funnel { sent, delivered, clicked, paid },
    };
    let mut counts = store.sent(&span).await.expect("counted");
    counts.sort_by_key(|count| count.product.clone());
    assert_eq!(counts, [count(None, Some("special"), [1, 1, 0, 1]), count(Some("sofa"), None, [3, 1, 2, 1])]);
    let later = store.sent(&(span.end..span.end + TimeDelta::hours(1))).await.expect("counted");
    assert_eq!(later, [count(None, Some("fixed"), [1, 0, 0, 0])]);
}

pub(super) async fn events_are_counted_in_the_hour_in_which_they_happened(store: &dyn Store, clock: &SimClock) {
    let start = clock.now();
    let ids = send(store, clock, &["b0", "b1"].map(str::to_owned)).await;
    plan(store, &[sms("b2", super::bench::START)]).await;
    let skip = super::sample::always(Decision::Skip(SkipReason::Capped));
    super::sample::claim(store, 9, &skip).await;
    clock.advance(Duration::from_secs(60 * 60));
    record(store, &[Receipt { at: clock.now(), ..delivered(ids[0]) }]).await;
    let counted = async |begin: i64, end: i64| {
        let span = start + TimeDelta::hours(begin)..start + TimeDelta::hours(end);
        let mut counts = store.activity(&span).await.expect("counted");
        counts.sort_by_key(|count| count.kind.as_str());
        let told = |one: ActivityCount| {
            assert_eq!((one.merchant, one.channel), (merchant("mall"), Channel::Sms));
            (one.kind, one.gateway.is_some(), one.reason, one.count)
        };
        counts.into_iter().map(told).collect::<Vec<_>>()
    };
    let capped = Some("capped".to_owned());
    assert_eq!(counted(0, 1).await, [(EventKind::Accepted, true, None, 2), (EventKind::Skipped, false, capped, 1)]);
    assert_eq!(counted(1, 2).await, [(EventKind::Delivered, true, None, 1)]);
    assert_eq!(counted(-1, 0).await, []);
}

#[test]
fn a_route_that_brings_far_fewer_than_before_is_told() {
    let clock = SimClock::at(instant(super::bench::START));
    let store = MemoryStore::new(std::sync::Arc::new(clock.clone()));
    let route = Route {
        key: "web".parse().expect("a key"),
        merchant: merchant("mall"),
        product: None,
        kind: RouteKind::Web { url: "https://pay.mall.example/".into() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    };
    let routes = Registry::of(Routes(vec![route]));
    let watch = FunnelWatch::default();
    let fell = |figures: &Figures| {
        let text = figures.text();
        let line = |stage| format!("dueherald_route_share_fell{{route=\"web\",stage=\"{stage}\"}} 1");
        [line("clicked"), line("paid")].map(|line| text.contains(&line))
    };
    with_figures(async |figures| {
        let look = async || {
            let seen = routes.now(&store, &clock).await.expect("read");
            watch.look(&store, &seen, clock.now()).await.expect("counted")
        };
        let before: Vec<_> = (0..100).map(|number| format!("b{number}")).collect();
        for id in &send(&store, &clock, &before).await[..40] {
            store.add_click(&click(*id, &clock)).await.expect("recorded");
        }
        clock.advance(Duration::from_secs(24 * 60 * 60));
        assert!(look().await.is_empty(), "there is nothing to compare");
        let last: Vec<_> = (0..50).map(|number| format!("c{number}")).collect();
        let ids = send(&store, &clock, &last).await;
        for id in &ids[..9] {
            store.add_click(&click(*id, &clock)).await.expect("recorded");
        }
        clock.advance(Duration::from_secs(2 * 60 * 60));
        assert!(look().await.is_empty(), "it is too early to tell");
        clock.advance(Duration::from_secs(10 * 60 * 60));
        let told: Vec<_> = look().await.into_iter().collect();
        assert_eq!(told, [("web".parse().expect("a key"), Stage::Clicked)]);
        assert_eq!(fell(&figures), [true, false]);
        for id in &ids[9..20] {
            store.add_click(&click(*id, &clock)).await.expect("recorded");
        }
        assert!(look().await.is_empty());
        assert_eq!(fell(&figures), [false, false]);
    });
}
