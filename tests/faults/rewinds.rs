//! The database goes back in time under live daemons: an old backup is restored, a standby that has not heard all is
//! promoted, an SQLite file is copied back. Nothing is sent until it is armed, and nothing twice; what the database
//! forgot is unknown.

use std::fs;
use std::time::Duration;

use dueherald::domain::{Channel, DisarmReason};

use crate::bench::{Bench, QUICK};
use crate::chance::{Chance, of, tell};
use crate::daemon::{Daemon, command};
use crate::patience::until;
use crate::server::Server;
use crate::sink::Reply;

const DAEMONS: usize = 2;

impl Bench {
    /// Returns when the database says that it is disarmed, and why.
    pub(crate) async fn disarmed(&self) -> DisarmReason {
        let mut reason = None;
        until("the database is disarmed", async || {
            let state = self.store.database_state(None).await;
            reason = state.ok().and_then(|state| state.disarm).map(|disarm| disarm.reason);
            reason.is_some()
        })
        .await;
        reason.expect("it is disarmed")
    }

    /// Arms it, as soon as the daemons have told what they handed over.
    async fn arm(&self) {
        let arguments = ["database", "arm", "--actor", "wang", "--reason", "restored for a trial"];
        until("the database can be armed", async || command(&self.config(), &arguments).status.success()).await;
    }

    /// Returns when daemons have looked at the database so often from now on: they know that it has come further.
    async fn looked_at(&self, times: usize) {
        let mut first = None;
        until("the daemons look at the database", async || {
            let Ok(state) = self.store.database_state(None).await else { return false };
            let beats: i64 = state.daemons.iter().map(|one| one.beats).sum();
            beats - *first.get_or_insert(beats) >= i64::try_from(times).expect("a small number")
        })
        .await;
    }

    pub(crate) async fn at_sink(&self, count: usize) {
        until("so many messages are sent", async || self.sink.total() >= count).await;
    }
}

/// How many messages each round plans, and how many rounds there are.
fn extent(rounds: usize) -> (usize, usize) {
    of((150, 1), (400, rounds))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backup_under_live_daemons_doubles_no_sms() {
    let (reminders, restores) = extent(10);
    let mut chance = Chance::seeded("restore");
    for _ in 0..restores {
        let mut server = Server::start().await;
        let mut bench = Bench::on(&server.url(), Channel::Sms, QUICK).await;
        bench.plan(reminders).await;
        // So slow that not all is sent when the daemons have looked.
        let slow = Duration::from_millis(600) + chance.moment();
        bench.sink.behave(move |_, _| Reply::Accept(slow));
        let _daemons: Vec<_> = (0..DAEMONS).map(|_| bench.start_daemon()).collect();
        bench.at_sink(reminders / 5).await;
        server.stop_immediately().await;
        server.back_up();
        server.resume().await;
        bench.looked_at(2 * DAEMONS).await;
        server.stop_immediately().await;
        server.restore();
        server.resume().await;
        let reason = bench.disarmed().await;
        assert_eq!(reason, DisarmReason::MarksBehind);
        assert!(bench.sink.total() < reminders, "the rest is held");
        bench.arm().await;
        bench.drained().await;
        tell(&format!("restored: {reason}"));
        bench.assert_once_each(reminders).await;
    }
}

/// Promotes a standby of a primary that is killed while daemons send. What the standby has not heard is lost.
async fn promote(chance: &mut Chance, reminders: usize, is_synchronous: bool) {
    let mut primary = Server::start().await;
    let mut bench = Bench::on(&primary.url(), Channel::Sms, QUICK).await;
    bench.plan(reminders).await;
    let mut standby = primary.standby().await;
    if is_synchronous {
        primary.run_sql("alter system set synchronous_standby_names = '*'");
        primary.run_sql("select pg_reload_conf()");
    }
    let slow = Duration::from_millis(10) + chance.moment();
    bench.sink.behave(move |_, _| Reply::Accept(slow));
    let _daemons: Vec<_> = (0..DAEMONS).map(|_| bench.start_daemon()).collect();
    bench.at_sink(reminders / 5).await;
    if !is_synchronous {
        // It goes deaf: what is committed from here on is lost.
        standby.run_sql("alter system set primary_conninfo = ''");
        standby.run_sql("select pg_reload_conf()");
    }
    bench.at_sink(reminders / 2).await;
    primary.stop_immediately().await;
    standby.take_place_of(&primary).await;
    let reason = bench.disarmed().await;
    assert_eq!(reason, DisarmReason::HistoryChanged);
    bench.arm().await;
    bench.drained().await;
    tell(&format!("promoted, synchronous: {is_synchronous}: {reason}"));
    bench.assert_once_each(reminders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_promotion_of_a_standby_that_has_lost_commits_doubles_no_sms() {
    let (reminders, promotions) = extent(30);
    let mut chance = Chance::seeded("promotion with loss");
    for _ in 0..promotions {
        promote(&mut chance, reminders, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_promotion_of_a_synchronous_standby_doubles_no_sms() {
    let (reminders, promotions) = extent(30);
    let mut chance = Chance::seeded("synchronous promotion");
    for _ in 0..promotions {
        promote(&mut chance, reminders, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_file_that_is_copied_back_doubles_no_sms() {
    let (reminders, copies) = extent(5);
    let mut chance = Chance::seeded("copied back");
    for _ in 0..copies {
        let mut bench = Bench::on_sqlite(Channel::Sms, QUICK).await;
        bench.plan(reminders).await;
        let slow = Duration::from_millis(10) + chance.moment();
        bench.sink.behave(move |_, _| Reply::Accept(slow));
        let file = bench.sqlite_file();
        let backup = file.with_extension("backup");
        let mut daemon = bench.start_daemon();
        bench.at_sink(reminders / 5).await;
        daemon.kill();
        bench.close_sqlite().await;
        fs::copy(&file, &backup).expect("the file can be copied");
        let mut daemon = bench.start_daemon();
        bench.at_sink(reminders / 2).await;
        daemon.kill();
        for ending in ["-wal", "-shm"] {
            let mut recent_contacts = file.clone().into_os_string();
            recent_contacts.push(ending);
            // One that ended by itself has taken them away.
            let _ = fs::remove_file(recent_contacts);
        }
        fs::copy(&backup, &file).expect("the file can be copied back");
        bench.open_sqlite().await;
        let _daemon: Daemon = bench.start_daemon();
        let reason = bench.disarmed().await;
        assert_eq!(reason, DisarmReason::MarksBehind);
        bench.arm().await;
        bench.drained().await;
        tell(&format!("copied back: {reason}"));
        bench.assert_once_each(reminders).await;
    }
}
