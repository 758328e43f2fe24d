//! Two servers in one URL: the primary dies and its standby is promoted, and back. Sessions follow the primary, and
//! nothing is sent until two persons have said that it is the right one.

use std::fs;
use std::time::Duration;

use dueherald::domain::{Channel, DisarmReason};

use crate::bench::{Bench, QUICK};
use crate::chance::{of, tell};
use crate::crowd::ask;
use crate::daemon::{Daemon, command};
use crate::patience::until;
use crate::server::Server;
use crate::sink::Reply;

/// The output of a command, of both streams, and whether it succeeded.
fn told(bench: &Bench, arguments: &[&str]) -> (bool, String) {
    let output = command(&bench.config(), arguments);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Every place that a person or a monitor asks says why nothing is sent: of a daemon that serves pages only as well,
/// which stays ready.
async fn the_hold_is_shown(bench: &Bench, daemons: [&Daemon; 2]) {
    for ops in daemons.map(|daemon| daemon.ops().expect("it listens")) {
        until("/readyz says so", async || ask(&ops, "/readyz").await.0.contains("another history")).await;
        let (ready, _) = ask(&ops, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 200"), "pages work on: {ready}");
        assert!(ready.contains("database arm"), "it says what to do: {ready}");
        let (figures, _) = ask(&ops, "/metrics").await;
        assert!(figures.lines().any(|line| line == "dueherald_database_disarmed 1"), "{figures}");
    }
    let (is_well, checked) = told(bench, &["check", "--online"]);
    assert!(!is_well && checked.contains("another history"), "{checked}");
    let (_, explained) = told(bench, &["explain", "--borrower", "b0"]);
    assert!(explained.contains("another history"), "{explained}");
}

/// The same person twice is one person.
async fn two_persons_arm(bench: &Bench) {
    let arm = |actor| told(bench, &["database", "arm", "--actor", actor, "--reason", "the standby was promoted"]);
    until("the daemons have told what they handed over", async || arm("wang").0).await;
    assert!(arm("wang").1.contains("a second person"));
    assert!(bench.store.database_state(None).await.expect("it answers").disarm.is_some());
    let (is_done, text) = arm("li");
    assert!(is_done && text.contains("armed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_follow_the_primary_to_a_promoted_standby_and_back() {
    let reminders = of(120, 600);
    let mut first = Server::start().await;
    let mut second = first.standby().await;
    let both = format!(
        "postgres://postgres@localhost/postgres?host={},{}&target_session_attrs=read-write",
        second.home().display(),
        first.home().display()
    );
    let mut bench = Bench::on(&both, Channel::Sms, QUICK).await;
    let config = fs::read_to_string(bench.config()).expect("it was written");
    fs::write(bench.config(), config.replace("[database]", "[database]\npersons_to_arm = 2")).expect("it is ours");
    bench.plan(reminders).await;
    bench.sink.behave(|_, _| Reply::Accept(Duration::from_millis(60)));
    let daemons = [bench.start_daemon(), bench.start_daemon()];
    let pages = Daemon::start_pages_alone(&bench.config(), &bench.folder.join("pages.log"));
    bench.at_sink(reminders / 6).await;

    first.stop_immediately().await;
    second.run_sql("select pg_promote()");
    assert_eq!(bench.disarmed().await, DisarmReason::HistoryChanged);
    the_hold_is_shown(&bench, [&daemons[0], &pages]).await;
    let sent = bench.sink.total();
    assert!(sent < reminders, "the rest is held");
    two_persons_arm(&bench).await;
    bench.at_sink(sent + (reminders - sent) / 3).await;

    // The way back: a standby where the first one was.
    let mut third = second.standby().await;
    second.stop_immediately().await;
    third.take_place_of(&first).await;
    assert_eq!(bench.disarmed().await, DisarmReason::HistoryChanged);
    two_persons_arm(&bench).await;
    bench.drained().await;
    tell(&format!("failed over and back, {sent} sent before"));
    bench.assert_once_each(reminders).await;
}
