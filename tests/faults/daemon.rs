//! The real binary as a process of its own, which ends with the test.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::patience::until;

/// A running `dueherald run --roles dispatch`.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts one with that config. What it logs is appended to `log`.
    pub(crate) fn start(config: &Path, log: &Path) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_dueherald")), config, log, "dispatch")
    }

    /// The same, with a limit on the size of the files that it may write, in KiB. It may be lifted again.
    pub(crate) fn start_with_quota(config: &Path, log: &Path, kib: usize) -> Self {
        let mut shell = Command::new("bash");
        // Without the trap the process would be ended by the signal, not told that the disk is full.
        let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_dueherald"));
        Self::start_by(shell, config, log, "dispatch")
    }

    /// One that serves pages as well.
    pub(crate) fn start_with_pages(config: &Path, log: &Path) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_dueherald")), config, log, "web,dispatch")
    }

    /// One that serves pages and sends nothing.
    pub(crate) fn start_pages_alone(config: &Path, log: &Path) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_dueherald")), config, log, "web")
    }

    /// One that serves the console alone.
    pub(crate) fn start_console_alone(config: &Path, log: &Path) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_dueherald")), config, log, "console")
    }

    /// One that serves pages and sends, with so many file descriptors at most.
    pub(crate) fn start_with_descriptors(config: &Path, log: &Path, descriptors: usize) -> Self {
        let mut shell = Command::new("bash");
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_dueherald"));
        Self::start_by(shell, config, log, "web,dispatch")
    }

    fn start_by(mut command: Command, config: &Path, log: &Path, roles: &str) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let copy = file.try_clone().expect("a handle can be copied");
        command.arg("--config").arg(config).args(["run", "--roles", roles]);
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        let child = command.spawn().expect("the binary can be started");
        Self { child, log: log.to_owned() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Whether it ended by itself.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("a daemon ends", async || self.is_gone()).await;
        self.child.wait().expect("it is ours")
    }

    /// Where it serves pages, once it does: what it listens on first is for operations.
    pub(crate) fn pages(&self) -> Option<String> {
        self.listens(1)
    }

    /// Where it serves the API, if it does.
    pub(crate) fn api(&self) -> Option<String> {
        self.listens(2)
    }

    /// Where it serves operations.
    pub(crate) fn ops(&self) -> Option<String> {
        self.listens(0)
    }

    fn listens(&self, number: usize) -> Option<String> {
        let log = fs::read_to_string(&self.log).ok()?;
        let listening = log.lines().filter(|line| line.contains("listening"));
        let addresses = listening.filter_map(|line| line.rsplit("127.0.0.1:").next());
        let port =
            addresses.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>()).nth(number)?;
        Some(format!("127.0.0.1:{port}"))
    }

    /// The first line of its log that holds `text`.
    pub(crate) fn first_line_with(&self, text: &str) -> String {
        let log = fs::read_to_string(&self.log).expect("the log can be read");
        log.lines().find(|line| line.contains(text)).unwrap_or_default().to_owned()
    }

    /// Whether a line of its log holds `text`.
    pub(crate) fn said(&self, text: &str) -> bool {
        fs::read_to_string(&self.log).is_ok_and(|log| log.contains(text))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the binary to its end.
pub(crate) fn command(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dueherald"));
    command.arg("--config").arg(config).args(arguments).output().expect("the binary can be started")
}

/// Sends a signal to a process that the test started. No program does this: a bare Debian has none.
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the number of a process");
    kill_process(pid, signal).expect("the process is there");
}
