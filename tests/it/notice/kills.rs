//! A notice whose command is killed in the middle goes on where it stopped.

use std::process::{Child, Stdio};
use std::sync::Arc;

use dueherald::clock::SystemClock;
use dueherald::domain::{NoticeName, State};
use dueherald::store::{NoticeCount, PostgresStore, SqliteStore, Store};

use super::{corrected, create, dispatch, fixed_links, import, remind, replace_route};
use crate::commands::Desk;

const BORROWERS: u32 = 1_000;

/// Starts to send the notice, and kills the process with SIGKILL as soon as its recipients look so.
async fn killed_when(desk: &Desk, store: &dyn Store, sight: impl Fn(&[NoticeCount]) -> bool) {
    let name: NoticeName = "moved".parse().expect("a name");
    let words = create("moved", &["--affected-by-route", "mall-web", "--send"]);
    let mut child: Child = desk.command(&words).stdout(Stdio::null()).spawn().expect("the binary starts");
    while child.try_wait().expect("it can be asked").is_none() {
        if sight(&store.notice_counts(&name).await.expect("they are counted")) {
            child.kill().expect("it is killed");
            child.wait().expect("it is gone");
            return;
        }
    }
}

async fn play(desk: &Desk, store: &dyn Store) {
    desk.run(&["migrate"]).went_well();
    fixed_links(desk);
    remind(desk, 0..BORROWERS);
    replace_route(desk);
    let count = |counts: &[NoticeCount], state: Option<State>| -> u64 {
        counts.iter().filter(|one| one.state == state).map(|one| one.count).sum()
    };
    killed_when(desk, store, |counts| count(counts, None) > 0).await;
    for least in [1, 400, 700] {
        killed_when(desk, store, |counts| count(counts, Some(State::Planned)) >= least).await;
    }
    // A borrower who pays between the kill and the sending gets nothing.
    import(desk, 0..10, |_| "paid");
    let words = create("moved", &["--affected-by-route", "mall-web", "--send"]);
    let made = desk.run(&words).went_well();
    assert!(made.contains("1000 recipients; 1000 to do"), "{made}");
    dispatch(desk);
    desk.run(&words).went_well();
    dispatch(desk);
    let expected = (10..BORROWERS).map(|n| (format!("B{n}"), 1)).collect();
    assert_eq!(corrected(desk, "moved"), expected);
    let shown = desk.run(&["notice", "show", "moved", "--wide"]).went_well();
    let skipped = |line: &str| line.split_whitespace().collect::<Vec<_>>() == ["sms", "skipped", "paid", "10"];
    assert!(shown.lines().any(skipped), "{shown}");
}

#[tokio::test]
async fn a_killed_notice_goes_on_where_it_stopped_on_sqlite() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let url = format!("sqlite://{}", desk.path("dueherald.db").display());
    let store = SqliteStore::open(&url, Arc::new(SystemClock)).await.expect("the file is there");
    play(&desk, &store).await;
}

#[tokio::test]
async fn a_killed_notice_goes_on_where_it_stopped_on_postgresql() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    play(&Desk::new(Some(database.url())), &store).await;
}
