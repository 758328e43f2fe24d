//! The database goes away while messages are in flight.

use std::time::Duration;

use dueherald::domain::Channel;

use crate::bench::{Bench, IN_FLIGHT, QUICK};
use crate::chance::{Chance, of};
use crate::patience::{pause, until};
use crate::server::Server;
use crate::sink::Reply;

const DAEMONS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_immediately_costs_no_message_and_doubles_none() {
    let mut chance = Chance::seeded("outage");
    let mut server = Server::start().await;
    let mut bench = Bench::on(&server.url(), Channel::Sms, QUICK).await;
    let (reminders, outages) = of((400, 2), (4_000, 20));
    bench.plan(reminders).await;
    let slow = chance.moment();
    bench.sink.behave(move |_, _| Reply::Accept(slow));
    let mut daemons: Vec<_> = (0..DAEMONS).map(|_| bench.start_daemon()).collect();
    for place in chance.places(outages, reminders * 4 / 5) {
        until("the next moment to stop the server", async || bench.sink.total() >= place).await;
        pause(chance.moment()).await;
        server.stop_immediately().await;
        server.resume().await;
    }
    bench.drained().await;
    assert!(daemons.iter_mut().all(|daemon| !daemon.is_gone()), "daemons outlive an outage");
    bench.assert_once_each(outages * DAEMONS * IN_FLIGHT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_started_before_its_database_waits_and_then_sends() {
    let mut server = Server::start().await;
    let mut bench = Bench::on(&server.url(), Channel::Sms, QUICK).await;
    bench.plan(20).await;
    bench.sink.behave(|_, _| Reply::Accept(Duration::ZERO));
    server.stop_immediately().await;
    let mut daemon = bench.start_daemon();
    until("it says what it waits for", async || daemon.said("waiting for the database")).await;
    assert!(!daemon.is_gone(), "it waits");
    server.resume().await;
    bench.drained().await;
    bench.assert_once_each(0).await;
    assert!(!daemon.is_gone());
}
