//! The database goes away while messages are in flight.

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
        // One that was just starting ends without a database, and its service manager starts it again.
        for daemon in daemons.iter_mut().filter_map(|daemon| daemon.is_gone().then_some(daemon)) {
            *daemon = bench.start_daemon();
        }
    }
    bench.drained().await;
    assert!(daemons.iter_mut().all(|daemon| !daemon.is_gone()), "daemons outlive an outage");
    bench.assert_once_each(outages * DAEMONS * IN_FLIGHT).await;
}
