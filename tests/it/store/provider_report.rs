//! A provider's report over unknown reminders, with the real binary.

use std::fs;
use std::sync::Arc;

use dueherald::clock::SimClock;
use dueherald::domain::State;
use dueherald::store::{PostgresStore, SqliteStore, Store};
use tempfile::TempDir;

use super::bench::{START, sqlite_url};
use super::outcomes::{settle, unknown};
use super::sample::{claim_all, instant, plan_due, view};
use crate::commands::Desk;

async fn a_report_settles_what_it_can(store: &dyn Store, clock: &SimClock, url: String) {
    let desk = Desk::new(Some(url));
    store.migrate().await.expect("the migrations run");
    let ids = plan_due(store, 6).await;
    let mut claimed = claim_all(store).await.sending;
    claimed.truncate(5);
    for claimed in claimed {
        assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    }
    let outcomes = ["sent", "Delivered", "undelivered", "not_sent", "lost", "sent"];
    let mut report = String::from("outcome,reminder,text\n");
    for (outcome, id) in outcomes.iter().zip(&ids) {
        report.push_str(&format!("{outcome},{id},private\n"));
    }
    report.push_str("sent,,\n");
    fs::write(desk.path("report.csv"), report).expect("the file can be written");
    let resolve = |file| {
        let signed = ["--actor", "ana", "--reason", "report of the provider"];
        desk.run(&[&["reminders", "resolve", "--file", file][..], &signed].concat())
    };
    let done = resolve("report.csv");
    assert_eq!(done.code, 3, "{}{}", done.out, done.err);
    assert!(done.out.contains("4 settled, 3 not"), "{}", done.out);
    for told in ["line 6: the column outcome", "line 7: reminder", "line 8: the column reminder"] {
        assert!(done.out.contains(told), "{told}: {}", done.out);
    }
    assert!(!done.out.contains("private"), "no other cell is repeated");
    let mut states = Vec::new();
    for id in &ids {
        states.push(view(store, *id).await.state);
    }
    use State::{Accepted, Delivered, Planned, Sending, Undelivered, Unknown};
    assert_eq!(states, [Accepted, Delivered, Undelivered, Planned, Unknown, Sending]);
    // The command has gone by the clock on the wall.
    clock.advance(std::time::Duration::from_secs(100 * 365 * 24 * 3600));
    let due = store.fallbacks_due(10).await.expect("fallbacks are listed");
    let due: Vec<_> = due.into_iter().map(|one| one.id).collect();
    assert_eq!(due, [ids[2]], "what is known not to have arrived goes to another channel");
    let events = store.events(ids[3]).await.expect("events are read");
    let told = events.last().and_then(|event| event.detail.as_deref());
    assert_eq!(told, Some("ana: report of the provider"));

    assert_eq!(resolve("report.csv").code, 1, "nothing is left that it could settle");
    fs::write(desk.path("other.csv"), "id,state\n1,sent\n").expect("the file can be written");
    let done = resolve("other.csv");
    assert!(done.code == 2 && done.err.contains("no column reminder"), "{}{}", done.code, done.err);
}

#[tokio::test]
async fn on_sqlite() {
    let folder = TempDir::new().expect("a temporary folder");
    let (url, clock) = (sqlite_url(&folder), SimClock::at(instant(START)));
    let store = SqliteStore::open(&url, Arc::new(clock.clone())).await.expect("the file can be made");
    a_report_settles_what_it_can(&store, &clock, url).await;
}

#[tokio::test]
async fn on_postgres() {
    let (database, clock) = (crate::postgres::database().await, SimClock::at(instant(START)));
    let url = database.url();
    let store =
        PostgresStore::connect(&url.clone().into(), 2, Some(Arc::new(clock.clone()))).await.expect("it is there");
    a_report_settles_what_it_can(&store, &clock, url).await;
}
