//! The daemon as operations see it: it says where it listens, tells its health and figures, and stops when it is told to.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running daemon, ended with the test.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which is what most tests want.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("dueherald"));
    command.current_dir(folder.path()).args(arguments).env_remove("DUEHERALD_CONFIG").env_remove("NOTIFY_SOCKET");
    for (name, value) in [("HTTP__PUBLIC", "127.0.0.1:0"), ("HTTP__OPS", "127.0.0.1:0"), ("LOG__FORMAT", "json")] {
        command.env(format!("DUEHERALD__{name}"), value);
    }
    command
}

impl Daemon {
    fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for arguments in [&["init"][..], &["migrate"]] {
            assert!(command(&folder, arguments).output().expect("the binary starts").status.success());
        }
        let mut child = command(&folder, &["run"]).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, log, _folder: folder }
    }

    /// The next log line that says `message`; its fields.
    fn until_it_says(&mut self, message: &str) -> serde_json::Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).expect("a line"), 0, "it ended before it said {message:?}");
            let fields = serde_json::from_str::<serde_json::Value>(&line).expect("JSON")["fields"].clone();
            if fields["message"].as_str().is_some_and(|said| said.contains(message)) {
                return fields;
            }
        }
    }

    fn address(&mut self) -> String {
        self.until_it_says("listening")["address"].as_str().expect("an address").to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it is there");
    }
}

async fn get(address: &str, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://{address}{path}")).await.expect("it answers");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn it_tells_its_health_and_stops_softly() {
    // reqwest is built without a TLS provider of its own; the gateways install one when they are made.
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut daemon = Daemon::start();
    let (ops, public) = (daemon.address(), daemon.address());
    daemon.until_it_says("running");
    assert_eq!(get(&ops, "/healthz").await, (200, "ok\n".into()));
    assert_eq!(get(&ops, "/readyz").await, (200, "ready\n".into()));
    let (status, figures) = get(&ops, "/metrics").await;
    assert_eq!(status, 200);
    assert!(figures.contains("dueherald_queue_planned{channel=\"sms\"} 0"), "{figures}");
    assert_eq!(get(&public, "/r/nobodys-token").await.0, 404);
    assert_eq!(get(&public, "/metrics").await.0, 404, "figures are not for the public");

    daemon.signal(Signal::TERM);
    daemon.until_it_says("stopping");
    assert!(daemon.child.wait().expect("it ends").success());
}

#[test]
fn without_a_schema_it_says_what_to_do() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(command(&folder, &["init"]).output().expect("the binary starts").status.success());
    let ended = command(&folder, &["run"]).output().expect("the binary starts");
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("dueherald migrate"), "{said}");
}
