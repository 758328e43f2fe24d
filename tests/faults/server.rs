//! A PostgreSQL server of a test's own, to be stopped the hard way.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::send;
use crate::patience::until;
use crate::postgres::missing_server;

/// The folder of the server's programs; `./tests/run` says which.
const PROGRAMS: &str = "DUEHERALD_TEST_POSTGRES_BIN";

pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    process: Option<Child>,
    /// Where its socket is, if not in its own folder.
    sockets: Option<PathBuf>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self { programs: programs(), folder, process: None, sockets: None };
        let home = server.home();
        fs::create_dir(&home).expect("a folder can be made in it");
        fs::set_permissions(server.folder.path(), Permissions::from_mode(0o711)).expect("it is ours");
        give_to_postgres(&home);
        let mut initdb = server.program("initdb");
        initdb.arg("--pgdata").arg(home.join("data")).args(["--username=postgres", "--auth=trust", "--no-sync"]);
        initdb.args(["--encoding=UTF8", "--locale=C"]).stdout(Stdio::null());
        assert!(initdb.status().expect("initdb can be run").success());
        server.resume().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.home().display())
    }

    /// Does the same as `pg_ctl stop -m immediate`: every session ends at once, and the server writes nothing more.
    pub(crate) async fn stop_immediately(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        send(process.id(), Signal::QUIT);
        until("the server is gone", async || process.try_wait().expect("it is ours").is_some()).await;
    }

    /// Stops all its processes where they stand: it answers nobody, and closes nothing.
    pub(crate) fn freeze(&self) -> Frozen {
        let Some(process) = &self.process else { return Frozen(Vec::new()) };
        // The one that would start others first.
        send(process.id(), Signal::STOP);
        let mut pids = vec![process.id()];
        for child in children(process.id()) {
            // One may have just ended.
            if Path::new("/proc").join(child.to_string()).exists() {
                send(child, Signal::STOP);
                pids.push(child);
            }
        }
        Frozen(pids)
    }

    /// How many lines of its log hold `text`.
    pub(crate) fn log_lines(&self, text: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("server.log")).expect("the log can be read");
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Starts it, and waits until it has recovered.
    pub(crate) async fn resume(&mut self) {
        let (home, sockets) = (self.home(), self.sockets());
        let mut postgres = self.program("postgres");
        // A commit is in the system's hands when it is answered; that the disk has it only matters when the machine
        // fails.
        postgres.arg("-D").arg(home.join("data")).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        postgres.args(["-c", &format!("unix_socket_directories={}", sockets.display())]);
        let log = File::options().create(true).append(true).open(self.folder.path().join("server.log"));
        postgres.stdout(Stdio::null()).stderr(log.expect("the log can be written"));
        self.process = Some(postgres.spawn().expect("postgres can be started"));
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.arg("--quiet").arg("--host").arg(&sockets);
        until("the server answers", async || ready.status().expect("pg_isready can be run").success()).await;
    }

    /// Copies its files while it stands.
    pub(crate) fn back_up(&self) {
        copy(&self.home().join("data"), &self.home().join("backup"));
    }

    /// Puts the copy in the place of its files.
    pub(crate) fn restore(&self) {
        let (data, backup) = (self.home().join("data"), self.home().join("backup"));
        fs::remove_dir_all(&data).expect("the server stands");
        copy(&backup, &data);
    }

    /// A standby of it, which has all that it has.
    pub(crate) async fn standby(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut standby = Self { programs: programs(), folder, process: None, sockets: None };
        let home = standby.home();
        fs::create_dir(&home).expect("a folder can be made in it");
        fs::set_permissions(standby.folder.path(), Permissions::from_mode(0o711)).expect("it is ours");
        give_to_postgres(&home);
        let mut backup = standby.program("pg_basebackup");
        backup.arg("--host").arg(self.home()).args([
            "--username=postgres",
            "--write-recovery-conf",
            "--checkpoint=fast",
        ]);
        backup.args(["--no-sync", "--wal-method=stream"]).arg("--pgdata").arg(home.join("data"));
        assert!(backup.status().expect("pg_basebackup can be run").success());
        standby.resume().await;
        standby
    }

    /// Stops, and starts again as a primary where the other one was to be reached.
    pub(crate) async fn take_place_of(&mut self, other: &Self) {
        self.stop_immediately().await;
        self.sockets = Some(other.home());
        self.resume().await;
        self.run_sql("select pg_promote()");
    }

    /// Runs a statement by itself.
    pub(crate) fn run_sql(&self, statement: &str) {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.arg("--host").arg(self.sockets()).args(["--username=postgres", "--quiet", "--no-psqlrc", "-c", statement]);
        assert!(psql.stdout(Stdio::null()).status().expect("psql can be run").success(), "{statement}");
    }

    /// The folder of the socket that it listens on.
    fn sockets(&self) -> PathBuf {
        self.sockets.clone().unwrap_or_else(|| self.home())
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A program of the server's, run as its user: PostgreSQL refuses to run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }
}

/// The processes of a server that stands still; they go on when this is dropped.
pub(crate) struct Frozen(Vec<u32>);

impl Frozen {
    pub(crate) fn thaw(self) {}
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in self.0.iter().rev() {
            send(*pid, Signal::CONT);
        }
    }
}

/// The processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let is_child = |status: String| status.lines().any(|line| line == format!("PPid:\t{pid}"));
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(is_child)).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT, not SIGKILL: the server's children must go with it.
        if let Some(mut process) = self.process.take() {
            send(process.id(), Signal::QUIT);
            let _ = process.wait();
        }
    }
}

/// Gives a folder to the server's user.
fn give_to_postgres(home: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("postgres").arg(home).status().expect("chown can be run");
        assert!(given.success(), "PostgreSQL's user can be given a folder");
    }
}

/// Copies a folder with its owner.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--archive").arg(from).arg(to).status().expect("cp can be run");
    assert!(copied.success(), "a folder can be copied");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return folder.into();
    }
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok()).max();
    let newest = newest.unwrap_or_else(|| missing_server::fail(PROGRAMS));
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}
