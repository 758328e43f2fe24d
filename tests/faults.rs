//! The real binary with its plug pulled: daemons are killed, stopped, cut off from their database, their gateway or
//! their disk, while sinks in this process count what they take over. Whatever happens, no SMS is taken over twice, no
//! e-mail more than twice, and afterwards it can be said of each reminder what became of it.
//!
//! `./tests/run` plays a short form; `./tests/run faults` the long one (`DUEHERALD_FAULTS=long`). Moments of faults are
//! places in the sequence of messages, drawn from a seed that is printed; `DUEHERALD_FAULTS_SEED` plays it again.
//! Processes cannot be waited for other than by looking, so conditions are polled with a short pause in between, and
//! given up after minutes.

#[path = "faults/bench.rs"]
mod bench;
#[path = "faults/chance.rs"]
mod chance;
#[path = "faults/crowd.rs"]
mod crowd;
#[path = "faults/daemon.rs"]
mod daemon;
#[path = "faults/desk.rs"]
mod desk;
#[path = "faults/failover.rs"]
mod failover;
#[path = "faults/full_disk.rs"]
mod full_disk;
#[path = "faults/gateways.rs"]
mod gateways;
#[path = "faults/hangups.rs"]
mod hangups;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/noon.rs"]
mod noon;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/patience.rs"]
mod patience;
#[path = "it/postgres.rs"]
mod postgres;
#[path = "faults/replays.rs"]
mod replays;
#[path = "faults/rewinds.rs"]
mod rewinds;
#[path = "faults/rotation.rs"]
mod rotation;
#[path = "faults/server.rs"]
mod server;
#[path = "faults/sink.rs"]
mod sink;
#[path = "faults/stops.rs"]
mod stops;
#[path = "faults/webhooks.rs"]
mod webhooks;
#[path = "faults/zombies.rs"]
mod zombies;
