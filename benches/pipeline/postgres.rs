//! A PostgreSQL of the benchmark's own, as it comes: what is committed is on the disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use crate::Anyhow;
use crate::process::{ask_to_stop, family_cpu};

/// The URL of a server to use instead, on which databases may be made. What it takes is not counted then.
const SERVER: &str = "DUEHERALD_BENCH_POSTGRES";

/// A server, ours or the caller's.
pub(crate) struct Server {
    url: String,
    ours: Option<(Child, tempfile::TempDir)>,
}

impl Server {
    pub(crate) async fn start() -> Anyhow<Self> {
        if let Ok(url) = std::env::var(SERVER) {
            return Ok(Self { url, ours: None });
        }
        let bin = newest_installed()?;
        // Not below TMPDIR: the path of a socket has 107 bytes at most.
        let folder = tempfile::Builder::new().prefix("dueherald-bench.").tempdir_in("/tmp")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let home = folder.path().join("postgres");
        fs::create_dir(&home)?;
        if is_root() {
            chown(&home)?;
        }
        let log = fs::File::create(folder.path().join("log"))?;
        let data = home.join("data");
        let made = run_as_server_user(&bin.join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
            .arg(&data)
            .stdout(log.try_clone()?)
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let server = run_as_server_user(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-c")
            .arg(format!("unix_socket_directories={}", home.display()))
            .args(["-c", "listen_addresses=", "-c", "timezone=UTC", "-c", "max_wal_size=4GB"])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let url = format!("postgres://postgres@localhost/postgres?host={}", home.display());
        let server = Self { url, ours: Some((server, folder)) };
        for _ in 0..300 {
            if server.options()?.connect().await.is_ok() {
                return Ok(server);
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
        Err("PostgreSQL did not start".into())
    }

    /// Makes an empty database and gives its URL.
    pub(crate) async fn database(&self, name: &str) -> Anyhow<String> {
        let mut connection = self.options()?.connect().await?;
        connection.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await?;
        Ok(self.options()?.database(name).to_url_lossy().to_string())
    }

    /// CPU seconds so far, of all its processes. Waits a moment first: one that ends between the looks at it and at its
    /// parent would be counted with neither.
    pub(crate) async fn cpu(&self) -> f64 {
        SystemClock.sleep(Duration::from_millis(300)).await;
        self.ours.as_ref().map_or(0.0, |(server, _)| family_cpu(server.id()))
    }

    fn options(&self) -> Anyhow<PgConnectOptions> {
        Ok(self.url.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.ours {
            _ = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
            if server.wait().is_err() {
                _ = ask_to_stop(server);
            }
        }
    }
}

pub(crate) async fn connect(url: &str) -> Anyhow<PgConnection> {
    Ok(url.parse::<PgConnectOptions>()?.connect().await?)
}

fn newest_installed() -> Anyhow<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    Ok(found.pop().ok_or("no PostgreSQL below /usr/lib/postgresql: install it, or set DUEHERALD_BENCH_POSTGRES")?.1)
}

/// PostgreSQL refuses to run as root; it runs as this user then.
const SERVER_USER: &str = "postgres";

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn run_as_server_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command = Command::new("setpriv");
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups", "--"]).arg(program);
    }
    command.stdin(Stdio::null());
    command
}

fn chown(home: &Path) -> Anyhow<()> {
    let done = Command::new("chown").arg(SERVER_USER).arg(home).status()?;
    if done.success() { Ok(()) } else { Err("chown failed".into()) }
}
