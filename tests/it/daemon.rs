//! The daemon as operations see it: it says where it listens, tells its health and figures, and stops when it is told
//! to.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running daemon, ended with the test.
pub(crate) struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    folder: TempDir,
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
        let run = command(&folder, &["run"]);
        Self::start_in(folder, run)
    }

    pub(crate) fn start_in(folder: TempDir, mut run: Command) -> Self {
        let mut child = run.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, log, folder }
    }

    /// The next log line that says `message`; its fields.
    pub(crate) fn until_it_says(&mut self, message: &str) -> serde_json::Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).expect("a line"), 0, "it ended before it said {message:?}");
            let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            let fields = json["fields"].clone();
            if fields["message"].as_str().is_some_and(|said| said.contains(message)) {
                return fields;
            }
        }
    }

    pub(crate) fn address(&mut self) -> String {
        self.until_it_says("listening")["address"].as_str().expect("an address").to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it is there");
    }
}

pub(crate) async fn get(address: &str, path: &str) -> (u16, String) {
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

/// A folder with what `init` writes.
fn initialised() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(command(&folder, &["init"]).output().expect("the binary starts").status.success());
    folder
}

#[test]
fn behind_a_front_server_that_does_not_name_its_clients_no_pages_are_served() {
    let folder = initialised();
    let public = [("DUEHERALD__MERCHANTS__MALL__LINK_BASE", "https://repay.mall.example.com")];
    let refused = command(&folder, &["run"]).envs(public).output().expect("the binary starts");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("http.client_header: is missing") && told.contains("unlimited_clients = true"), "{told}");
    let checked = command(&folder, &["check"]).envs(public).output().expect("the binary starts");
    assert!(String::from_utf8_lossy(&checked.stdout).contains("`dueherald run` serves no pages"), "it is told before");

    assert!(command(&folder, &["migrate"]).output().expect("the binary starts").status.success());
    for (key, value) in [("CLIENT_HEADER", "x-forwarded-for"), ("UNLIMITED_CLIENTS", "true")] {
        let folder = TempDir::new().expect("a temporary folder");
        for arguments in [&["init"][..], &["migrate"]] {
            assert!(command(&folder, arguments).output().expect("the binary starts").status.success());
        }
        let mut run = command(&folder, &["run"]);
        run.envs(public).env(format!("DUEHERALD__HTTP__{key}"), value);
        Daemon::start_in(folder, run).until_it_says("running");
    }
    let mut run = command(&folder, &["run", "--roles", "scan"]);
    run.envs(public);
    Daemon::start_in(folder, run).until_it_says("running");
}

#[rstest]
#[case::terminate(&[Signal::TERM])]
#[case::interrupt(&[Signal::INT])]
#[case::hangup(&[Signal::HUP])]
#[case::a_terminal_that_closes_may_send_it_twice(&[Signal::HUP, Signal::HUP])]
fn a_signal_stops_it_softly(#[case] signals: &[Signal]) {
    let mut daemon = Daemon::start();
    daemon.until_it_says("running");
    signals.iter().for_each(|signal| daemon.signal(*signal));
    daemon.until_it_says("stopping: what is in flight is settled first");
    let status = daemon.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
}

#[test]
fn under_nohup_it_outlives_its_terminal() {
    let folder = initialised();
    assert!(command(&folder, &["migrate"]).output().expect("the binary starts").status.success());
    let daemon = command(&folder, &["run"]);
    let mut shell = Command::new("bash");
    shell.arg("-c").arg("trap '' HUP; exec \"$0\" run").arg(daemon.get_program()).current_dir(folder.path());
    shell.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut daemon = Daemon::start_in(folder, shell);
    daemon.until_it_says("running");
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.until_it_says("stopping")["signal"], "SIGTERM");
    assert!(daemon.child.wait().expect("it ends").success());
}

#[tokio::test]
async fn it_waits_for_a_database_that_is_not_up_and_can_be_stopped_meanwhile() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let folder = initialised();
    // A socket that nobody has made yet.
    let url = format!("postgres://mallory:hunter2@localhost/dueherald?host={}", folder.path().display());
    let notices = folder.path().join("notify");
    let manager = UnixDatagram::bind(&notices).expect("a socket");
    let mut run = command(&folder, &["run"]);
    run.env("DUEHERALD__DATABASE__URL", &url).env("NOTIFY_SOCKET", &notices).env("WATCHDOG_USEC", "200000");
    let mut daemon = Daemon::start_in(folder, run);
    let ops = daemon.address();
    let waits = daemon.until_it_says("waiting for the database");
    let reason = waits["reason"].as_str().expect("a reason");
    assert!(reason.contains("postgres://mallory@") && !reason.contains("hunter2"), "{reason}");
    assert_eq!(get(&ops, "/healthz").await, (200, "ok\n".into()));
    let expected = "not ready: waiting for the database: the database cannot be used; the log says why\n";
    assert_eq!(get(&ops, "/readyz").await, (503, expected.into()));
    assert!(get(&ops, "/metrics").await.1.contains("dueherald_store_up 0"));

    // The service manager neither ends it for being slow to start nor for a silent watchdog.
    let mut told = String::new();
    while !(told.contains("READY=1") && told.matches("WATCHDOG=1").count() > 1) {
        let mut notice = [0; 1024];
        let length = manager.recv(&mut notice).expect("a notice");
        told += &String::from_utf8_lossy(&notice[..length]);
    }
    assert!(told.contains("STATUS=waiting for the database"), "{told}");

    daemon.signal(Signal::TERM);
    daemon.until_it_says("stopping");
    assert!(daemon.child.wait().expect("it ends").success());
}

#[tokio::test]
async fn it_waits_for_a_schema_and_goes_on_once_it_is_there() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let folder = initialised();
    let run = command(&folder, &["run"]);
    let mut daemon = Daemon::start_in(folder, run);
    let ops = daemon.address();
    let reason = daemon.until_it_says("waiting for the database")["reason"].to_string();
    assert!(reason.contains("run `dueherald migrate`"), "{reason}");
    let (status, said) = get(&ops, "/readyz").await;
    assert_eq!(status, 503);
    assert!(said.contains("run `dueherald migrate`"), "{said}");
    assert!(command(&daemon.folder, &["migrate"]).output().expect("the binary starts").status.success());
    daemon.until_it_says("running");
    assert_eq!(get(&ops, "/readyz").await, (200, "ready\n".into()));
}

#[rstest]
#[case::no_url(&[("DATABASE__URL", "mysql://elsewhere")], &["run"], 2)]
#[case::a_command_that_ends(&[("DATABASE__URL", "postgres://a@localhost/b?host=/nowhere")], &["scan"], 1)]
#[case::not_migrated(&[], &["scan"], 1)]
fn what_no_waiting_mends_and_who_does_not_wait(
    #[case] settings: &[(&str, &str)],
    #[case] arguments: &[&str],
    #[case] code: i32,
) {
    let folder = initialised();
    let mut command = command(&folder, arguments);
    command.envs(settings.iter().map(|(name, value)| (format!("DUEHERALD__{name}"), value)));
    let ended = command.output().expect("the binary starts");
    assert_eq!(ended.status.code(), Some(code), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_log_that_goes_to_a_file_holds_no_colours() {
    let folder = initialised();
    let mut run = command(&folder, &["run"]);
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let mut child = run.env("DUEHERALD__LOG__FORMAT", "text").stderr(log).spawn().expect("the binary starts");
    let said = || std::fs::read_to_string(folder.path().join("log")).expect("text");
    while !said().contains("waiting for the database") {
        assert!(child.try_wait().expect("it is ours").is_none(), "{}", said());
        std::thread::yield_now();
    }
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    assert!(!said().contains('\u{1b}'), "{}", said());
}
