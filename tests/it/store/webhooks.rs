//! The records that webhooks tell, and the progress of each endpoint.

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Click, EndpointKey, EndpointState, FinalEnd, InstallmentStatus, Receipt, RecordPosition, RecordTable, ReminderId,
    RouteHealth, SuppressionReason, WaitingBorrower, WebhookEvent, WebhookType,
};
use dueherald::store::{EndpointProgress, FieldUpdate, LedgerRow, PostgresStore, Store, WebhookStore};
use sqlx::{Connection, Executor, PgConnection};

use super::outcomes::{accepted, settle};
use super::receipts::{delivered, record};
use super::sample::{PHONE, claim_all, import, key, merchant, plan, row_with_phone, sms, suppression};
use crate::fixtures::by_hand;

const START: RecordPosition = RecordPosition([0; 4]);

/// All records of the merchant.
async fn all(store: &dyn Store) -> Vec<WebhookEvent> {
    let ends = store.record_ends().await.expect("read").ends;
    let page = store.record_page(&[merchant("mall")], START, ends).await.expect("read");
    assert_eq!(page.end, ends);
    page.events
}

fn types(events: &[WebhookEvent]) -> Vec<WebhookType> {
    events.iter().map(|event| event.kind).collect()
}

/// Sends a message to a borrower, who gets it and follows its link.
async fn clicked(store: &dyn Store, clock: &SimClock, borrower: &str) -> ReminderId {
    import(store, &[row_with_phone(borrower, borrower)]).await;
    let id = plan(store, &[sms(borrower, super::bench::START)]).await[0];
    for claimed in claim_all(store).await.sending {
        settle(store, &accepted(claimed, clock)).await;
    }
    record(store, &[Receipt { at: clock.now(), ..delivered(id) }]).await;
    store
        .add_click(&Click { at: clock.now(), reminder: id, route: "web".parse().expect("a key") })
        .await
        .expect("kept");
    id
}

pub(super) async fn what_happens_to_a_borrower_is_told_in_order(store: &dyn Store, clock: &SimClock) {
    let id = clicked(store, clock, "b1").await;
    clock.advance(std::time::Duration::from_secs(60));
    let paid = LedgerRow { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..row_with_phone("b1", "b1") };
    for _ in 0..2 {
        import(store, std::slice::from_ref(&paid)).await;
    }
    let events = all(store).await;
    use WebhookType::{Accepted, Clicked, Delivered, PaidAfterClick};
    let mut found = types(&events);
    found.sort_unstable();
    assert_eq!(found, [Accepted, Delivered, Clicked, PaidAfterClick], "a payment is told once");
    assert_eq!((events[0].kind, events[3].kind), (Accepted, PaidAfterClick));
    for event in &events {
        assert_eq!(event.borrower.as_ref(), Some(&key("b1").id), "{event:?}");
        assert_eq!((event.reminder, event.installments.len()), (Some(id), 1), "{event:?}");
    }
    let (mall, b1) = (merchant("mall"), key("b1").id);
    let ends = store.record_ends().await.expect("read").ends;
    assert_eq!(store.records_of(&mall, Some(&b1), START, ends).await.expect("read"), events);
    let later = START.with(RecordTable::Event, ends.of(RecordTable::Event));
    let rest = store.records_of(&mall, Some(&b1), later, ends).await.expect("read");
    assert_eq!(types(&rest), [Clicked, PaidAfterClick]);
    let of_another = store.record_page(&[merchant("arcade")], START, ends).await.expect("read");
    assert_eq!((of_another.events, of_another.end), (Vec::new(), ends));
}

pub(super) async fn a_payment_before_a_click_or_without_one_is_not_told(store: &dyn Store, clock: &SimClock) {
    let paid = |name: &str| LedgerRow {
        status: FieldUpdate::Set(Some(InstallmentStatus::Paid)),
        ..row_with_phone(name, name)
    };
    import(store, &[row_with_phone("b2", "b2"), row_with_phone("b3", "b3")]).await;
    let id = plan(store, &[sms("b2", super::bench::START)]).await[0];
    import(store, &[paid("b2"), paid("b3")]).await;
    clock.advance(std::time::Duration::from_secs(60));
    store
        .add_click(&Click { at: clock.now(), reminder: id, route: "web".parse().expect("a key") })
        .await
        .expect("kept");
    import(store, &[LedgerRow { product: FieldUpdate::Set(Some("sofa".to_owned())), ..paid("b2") }]).await;
    assert_eq!(types(&all(store).await), [WebhookType::Clicked]);
}

pub(super) async fn an_opt_out_is_told_once_for_each_borrower(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b1", "1"), row_with_phone("b2", "2")]).await;
    let mut blocked = suppression(Some("mall"), phone(), SuppressionReason::Bounced);
    store.suppress(&[blocked.clone()], None).await.expect("written");
    assert_eq!(all(store).await, []);
    blocked.reason = SuppressionReason::OptedOut;
    for _ in 0..2 {
        store.suppress(&[blocked.clone()], None).await.expect("written");
    }
    let events = all(store).await;
    assert_eq!(types(&events), [WebhookType::OptedOut; 2]);
    let mut who: Vec<_> = events.iter().filter_map(|event| event.borrower.clone()).collect();
    who.sort_unstable();
    assert_eq!(who, [key("b1").id, key("b2").id]);
    blocked.merchant = None;
    store.suppress(&[blocked], None).await.expect("written");
    assert_eq!(all(store).await.len(), 2, "they were opted out already");
}

pub(super) async fn a_route_is_told_when_it_turns(store: &dyn Store, clock: &SimClock) {
    let health = |degraded| RouteHealth {
        key: "web".parse().expect("a key"),
        url: "https://a.mall.example/".into(),
        degraded,
        since: clock.now(),
        failures: 3,
        successes: 0,
        last_fault: None,
        probed_at: clock.now(),
    };
    for degraded in [true, true, false, true] {
        store.note_route_health(&health(degraded), &merchant("mall")).await.expect("written");
    }
    let events = all(store).await;
    assert_eq!(types(&events), [WebhookType::RouteDegraded; 2]);
    assert!(events.iter().all(|event| event.borrower.is_none() && event.route.is_some()));
    let ends = store.record_ends().await.expect("read").ends;
    let of_routes = store.records_of(&merchant("mall"), None, START, ends).await.expect("read");
    assert_eq!(of_routes, events);
}

fn phone() -> dueherald::domain::Address {
    dueherald::domain::Address::Phone(dueherald::domain::Phone::new(PHONE).expect("a number"))
}

fn endpoint() -> EndpointKey {
    EndpointKey { merchant: merchant("mall"), name: "crm".parse().expect("a name") }
}

/// Progress of an endpoint that begins at the start.
pub(super) fn progress(key: &EndpointKey) -> EndpointProgress {
    let state = EndpointState {
        key: key.clone(),
        position: RecordPosition([4, 3, 2, 1]),
        version: 0,
        failures: 0,
        failing_since: None,
        not_before: None,
        last_fault: None,
        disabled_at: None,
    };
    EndpointProgress { state, before: START, waiting: Vec::new(), served: Vec::new() }
}

pub(super) async fn progress_is_saved_by_who_read_the_state(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    let first = progress(&endpoint());
    assert!(!store.save_webhook_progress(&first).await.expect("asked"), "the endpoint is not known");
    for at in [START, RecordPosition([9; 4])] {
        store.add_webhook_endpoint(&endpoint(), at).await.expect("added");
    }
    let waiting = |name: Option<&str>, failures| WaitingBorrower {
        borrower: name.map(|name| key(name).id),
        position: RecordPosition([1, 2, 3, 4]),
        failures,
        not_before: now,
        since: now + TimeDelta::seconds(failures.into()),
        last_fault: "http-500".to_owned(),
    };
    let failing = EndpointProgress {
        state: EndpointState {
            failures: 3,
            failing_since: Some(now),
            not_before: Some(now),
            last_fault: Some("timeout".to_owned()),
            ..first.state.clone()
        },
        waiting: vec![waiting(None, 1), waiting(Some("b1"), 1)],
        ..first.clone()
    };
    assert!(store.save_webhook_progress(&failing).await.expect("asked"));
    assert!(!store.save_webhook_progress(&failing).await.expect("asked"), "it has moved");
    let states = store.webhook_endpoints().await.expect("read");
    assert_eq!(states, std::slice::from_ref(&failing.state));
    assert_eq!(store.webhook_waiting(&endpoint()).await.expect("read"), failing.waiting);
    let (before, state) = (failing.state.position, failing.state.clone());
    let (still, served) = (waiting(Some("b1"), 2), vec![None]);
    let next = EndpointProgress { state, before, waiting: vec![still.clone()], served };
    assert!(store.save_webhook_progress(&next).await.expect("asked"));
    let kept = WaitingBorrower { since: failing.waiting[1].since, ..still };
    assert_eq!(store.webhook_waiting(&endpoint()).await.expect("read"), [kept], "it waits since the first failure");
}

pub(super) async fn a_person_replays_and_enables(store: &dyn Store, clock: &SimClock) {
    clicked(store, clock, "b1").await;
    let nobody = EndpointKey { name: "none".parse().expect("a name"), ..endpoint() };
    for key in [&endpoint(), &nobody] {
        assert!(!store.replay_webhook(key, clock.now(), &by_hand()).await.expect("asked"));
        assert!(!store.enable_webhook(key, &by_hand()).await.expect("asked"));
    }
    let ends = store.record_ends().await.expect("read").ends;
    store.add_webhook_endpoint(&endpoint(), ends).await.expect("added");
    let state = store.webhook_endpoints().await.expect("read").remove(0);
    let disabled = EndpointState { disabled_at: Some(clock.now()), failures: 2, ..state };
    let progress = EndpointProgress { state: disabled, before: ends, waiting: Vec::new(), served: Vec::new() };
    assert!(store.save_webhook_progress(&progress).await.expect("asked"));
    assert!(store.enable_webhook(&endpoint(), &by_hand()).await.expect("asked"));
    let enabled = store.webhook_endpoints().await.expect("read").remove(0);
    assert_eq!((enabled.disabled_at, enabled.failures, enabled.version), (None, 0, 1));
    assert_eq!(enabled.position, ends, "it goes on where it was");
    let replay = async |from| {
        assert!(store.replay_webhook(&endpoint(), from, &by_hand()).await.expect("asked"));
        store.webhook_endpoints().await.expect("read").remove(0).position
    };
    assert_eq!(replay(clock.now() - TimeDelta::days(400)).await, START);
    assert_eq!(replay(clock.now() + TimeDelta::days(400)).await, ends);
    assert!(!store.save_webhook_progress(&progress).await.expect("asked"), "what a daemon read before is void");
}

/// A row whose transaction commits after a later one is not passed over.
#[tokio::test]
async fn a_row_that_commits_late_on_postgres_is_not_passed_over() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    dueherald::store::SchemaStore::migrate(&store).await.expect("migrated");
    let insert = "insert into click (at, reminder_id, route_key) values (now(), 1, 'web')";
    let mut late = PgConnection::connect(&database.url()).await.expect("the database is there");
    late.execute("begin").await.expect("begun");
    late.execute(insert).await.expect("inserted");
    let mut other = PgConnection::connect(&database.url()).await.expect("the database is there");
    other.execute(insert).await.expect("inserted");
    let (mut end, click) = (FinalEnd::default(), RecordTable::Click);
    let read = store.record_ends().await.expect("read");
    assert_eq!((read.ends.of(click), read.writers.len()), (2, 1));
    assert_eq!(end.advance(read), None);
    assert_eq!(end.advance(store.record_ends().await.expect("read")), None, "1 may still come");
    late.execute("commit").await.expect("committed");
    let last = end.advance(store.record_ends().await.expect("read")).expect("nobody writes");
    assert_eq!(last.of(click), 2);
}
