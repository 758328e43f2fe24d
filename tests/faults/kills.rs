//! `kill -9` at any moment.

use dueherald::domain::Channel;

use crate::bench::{Bench, IN_FLIGHT, QUICK};
use crate::chance::{Chance, of, tell};
use crate::patience::{pause, until};
use crate::sink::Reply;

/// Sends all with so many daemons, and kills and restarts one of them so often.
async fn survive(case: &str, mut bench: Bench, reminders: usize, daemons: usize, kills: usize) {
    let mut chance = Chance::seeded(case);
    bench.plan(reminders).await;
    let slow = chance.moment();
    bench.sink.behave(move |_, _| Reply::Accept(slow));
    let mut running: Vec<_> = (0..daemons).map(|_| bench.start_daemon()).collect();
    // The last fifth is left alone: what a killed daemon held may never reach the sink.
    for place in chance.places(kills, reminders * 4 / 5) {
        until("the next moment to kill", async || bench.sink.total() >= place).await;
        pause(chance.moment()).await;
        let victim = chance.below(daemons);
        running[victim].kill();
        running[victim] = bench.start_daemon();
    }
    bench.drained().await;
    tell(&format!("{case}: {kills} kills"));
    bench.assert_once_each(kills * IN_FLIGHT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sms_is_sent_twice_and_none_is_lost_when_daemons_are_killed() {
    let bench = Bench::on_postgres(Channel::Sms, QUICK).await;
    survive("SMS, PostgreSQL", bench, of(1_000, 10_000), 3, of(12, 200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_email_is_sent_more_than_twice_and_none_is_lost_when_daemons_are_killed() {
    let bench = Bench::on_postgres(Channel::Email, QUICK).await;
    survive("e-mail, PostgreSQL", bench, of(500, 5_000), 3, of(8, 100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_stands_kills_too() {
    let bench = Bench::on_sqlite(Channel::Sms, QUICK).await;
    survive("SMS, SQLite", bench, of(400, 4_000), 1, of(10, 200)).await;
}
