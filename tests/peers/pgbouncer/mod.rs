//! PgBouncer in transaction mode before the store and before a source: each transaction has another backend.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use dueherald::clock::{Clock, SystemClock};
use dueherald::store::{PostgresStore, SchemaStore, TurnStore};
use futures_util::future::join_all;
use rstest::rstest;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::patience::until;
use crate::postgres::{TestDatabase, database};
use crate::process::{Process, free_ports};

/// Settings under which PgBouncer drops what it does not pass on, instead of refusing it.
const IGNORE: &str = "ignore_startup_parameters = extra_float_digits, options";

struct Bouncer {
    port: u16,
    name: String,
    folder: TempDir,
    _process: Process,
    database: TestDatabase,
}

impl Bouncer {
    /// Before a database of the test's own, with two backends for everybody.
    async fn start(settings: &str) -> Self {
        let database = database().await;
        let behind: PgConnectOptions = database.url().parse().expect("a URL");
        let name = behind.get_database().expect("it has a name").to_owned();
        let host = match behind.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => behind.get_host().to_owned(),
        };
        let [port] = free_ports();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let config = format!(
            "[databases]\n{name} = host={host} port={} dbname={name}\n[pgbouncer]\nlisten_addr = \
             127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n{settings}\n",
            behind.get_port()
        );
        // Any user is let in as the one who owns the tests' databases.
        let config =
            config.replace(&format!("dbname={name}"), &format!("dbname={name} user={}", behind.get_username()));
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, config).expect("the config can be written");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        let process = Process::start(&mut program(&file), &folder.path().join("pgbouncer.log"));
        until("PgBouncer listens", async || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { port, name, folder, _process: process, database }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dueherald"));
        command.current_dir(self.folder.path()).args(args).env_remove("RUST_LOG");
        command
    }

    /// The output of a command, which must succeed.
    fn told(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the binary can be started");
        let said = String::from_utf8(output.stdout).expect("it is text");
        assert!(output.status.success(), "dueherald {args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

/// PgBouncer refuses to run as root.
fn program(config: &Path) -> Command {
    let mut command = Command::new("/usr/sbin/pgbouncer");
    if rustix::process::geteuid().is_root() {
        command.arg("--user=postgres");
    }
    command.arg(config);
    command
}

#[rstest]
#[case::that_refuses_settings("")]
#[case::that_drops_settings(IGNORE)]
#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_once_behind_a_pooler(#[case] settings: &str) {
    let bouncer = Bouncer::start(settings).await;
    let now = "2026-12-01T10:00:00+08:00";
    bouncer.told(&["init"]);
    let config = bouncer.folder.path().join("dueherald.toml");
    let text = fs::read_to_string(&config).expect("init wrote it");
    let (before, after) = text.split_once("url = \"sqlite:").expect("the store of a new config is SQLite");
    let (_, after) = after.split_once('"').expect("the URL ends");
    let source = format!(
        r#"
        [[sources]]
        name = "core"
        kind = "sql"
        url = "{}"
        merchant = "mall"
        cron = "0 * * * *"
        time_zone = "UTC"
        payments = "elsewhere"
        page = 100
        query = """
        select id as installment_id, 'p' || id as borrower_id, 'p' || id || '@mail.example' as email, 20.00 as amount,
            'CNY' as currency, due as due_date, updated_at
        from lent where updated_at >= :after and (updated_at > :after or id > :after_key) order by updated_at, id limit :limit
        """
        "#,
        bouncer.url()
    );
    fs::write(&config, format!("{before}url = \"{}\"{after}{source}", bouncer.url()))
        .expect("the config can be written");
    let lent = "create table lent (id int primary key, due date not null, updated_at timestamptz not null); \
                insert into lent select n, date '2026-12-20', timestamptz '2026-11-01' + n * interval '1 minute' from \
                generate_series(1, 250) n";
    let mut lender = PgConnection::connect(&bouncer.database.url()).await.expect("the server answers");
    lender.execute(lent).await.expect("the lender's table is made");

    // Two at once: one waits for the other.
    let migrations = [0, 1].map(|_| bouncer.command(&["migrate"]).stdout(Stdio::null()).spawn().expect("it starts"));
    for mut migration in migrations {
        assert!(migration.wait().expect("it is ours").success(), "the schema is made");
    }
    let checked = bouncer.told(&["check", "--online"]);
    assert!(checked.contains("database: ready") && checked.contains("source core: ready"), "{checked}");
    for _ in 0..3 {
        bouncer.told(&["import", "--source", "core"]);
    }
    let mut csv = String::from("merchant,borrower_id,phone,email,installment_id,amount,currency,due_date\n");
    for number in 0..300 {
        csv.push_str(&format!("mall,b{number},,b{number}@mail.example,i{number},128.50,CNY,2026-12-01\n"));
    }
    fs::write(bouncer.folder.path().join("in.csv"), csv).expect("the file can be written");
    bouncer.told(&["import", "in.csv"]);
    assert!(bouncer.told(&["import", "in.csv"]).contains("same      300"), "the same file changes nothing");
    bouncer.told(&["scan", "--at", now]);
    let dispatches = [0, 1, 2].map(|_| {
        let mut command = bouncer.command(&["dispatch", "--drain", "--at", now]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    });
    for dispatch in dispatches {
        let output = dispatch.wait_with_output().expect("it is ours");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("ERROR"), "{said}");
    }
    assert_eq!(bouncer.told(&["reminders", "list", "--state", "sending", "--format", "json"]).trim(), "[]");
    let sent = bouncer.told(&["reminders", "list", "--channel", "email", "--limit", "1000", "--format", "json"]);
    let sent: serde_json::Value = serde_json::from_str(&sent).expect("a list is JSON");
    let sent = sent.as_array().expect("a list");
    assert!(!sent.is_empty() && sent.iter().all(|one| one["attempts"].as_u64() <= Some(1)), "nothing was tried twice");
    let accepted = sent.iter().filter(|one| one["state"] == "accepted").count();
    assert!(accepted >= 300, "each borrower got one: {accepted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_one_processes_behind_a_pooler() {
    let bouncer = Bouncer::start("").await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(PostgresStore::connect(&bouncer.url().into(), 8, None).await.expect("PgBouncer answers"));
    }
    stores[0].migrate().await.expect("the migrations run");
    let begun = SystemClock.elapsed();
    for round in 0..20 {
        let task = format!("task {round}");
        let turns = join_all(stores.iter().enumerate().map(|(holder, store)| {
            let (task, holder) = (&task, format!("holder {holder}"));
            async move { store.take_turn(task, &holder, TimeDelta::hours(1)).await.expect("the store answers") }
        }));
        assert_eq!(turns.await.into_iter().filter(|taken| *taken).count(), 1);
    }
    assert!((SystemClock.elapsed() - begun).as_secs() < 60);
}
