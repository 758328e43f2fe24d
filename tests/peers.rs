//! dueherald beside the real programs that it works with, each as Debian packages it, started by the test from a folder
//! of its own on free ports of the loopback, and ended by its pid. `./tests/run peers` brings the packages and plays
//! all of it.

#[path = "peers/api/mod.rs"]
mod api;
#[path = "peers/chromium/mod.rs"]
mod chromium;
#[path = "peers/console/mod.rs"]
mod console;
#[path = "peers/daemon.rs"]
mod daemon;
#[path = "peers/kannel/mod.rs"]
mod kannel;
#[path = "peers/mail/mod.rs"]
mod mail;
#[path = "faults/noon.rs"]
mod noon;
#[expect(dead_code, reason = "the process tests wait for more")]
#[path = "faults/patience.rs"]
mod patience;
#[path = "peers/pgbouncer/mod.rs"]
mod pgbouncer;
#[path = "peers/postfix/mod.rs"]
mod postfix;
#[path = "it/postgres.rs"]
mod postgres;
#[path = "peers/process.rs"]
mod process;
#[expect(dead_code, reason = "the integration tests vouch for others too")]
#[path = "it/sinks/tls.rs"]
mod tls;
#[path = "peers/webhooks/mod.rs"]
mod webhooks;
