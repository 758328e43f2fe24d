//! A source as operations meet it: in the config, `check`, `import --source`, `dispatch` and the daemon.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

use super::lender::{COLUMNS, Lender, PAGED};
use crate::commands::write_private;

fn dueherald(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("dueherald"));
    command.current_dir(folder).args(arguments).env_remove("DUEHERALD_CONFIG").env_remove("NOTIFY_SOCKET");
    command
}

/// The exit code, and what was said.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = dueherald(folder, arguments).output().expect("the binary starts");
    let said = [stdout, stderr].concat();
    (status.code().unwrap_or(-1), String::from_utf8(said).expect("UTF-8"))
}

/// A folder with the sample config and the lender's database as a source.
fn desk(url: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    assert_eq!(run(folder.path(), &["init"]).0, 0);
    let file = folder.path().join("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("the config");
    let source = format!(
        "[[sources]]\nname = \"core\"\nkind = \"sql\"\nurl = {{ file = \"core.url\" }}\nmerchant = \"mall\"\n\
         cron = \"*/5 * * * *\"\npage = 2\noverlap = \"5m\"\nmax_ledger_age = \"2h\"\n\
         query = \"\"\"\nselect {COLUMNS}\nfrom instalment {PAGED}\n\"\"\"\n"
    );
    write_private(&folder.path().join("core.url"), url);
    std::fs::write(&file, format!("{config}\n{source}")).expect("written");
    assert_eq!(run(folder.path(), &["migrate"]).0, 0);
    folder
}

async fn walk_through(lender: Lender) {
    lender.owes(1..4, "2026-01-22 01:00:00").await;
    lender.run("update instalment set amount = '-1' where id = 2").await;
    let folder = desk(&lender.url);
    let (code, said) = run(folder.path(), &["check", "--online"]);
    let held = "nothing is sent for mall: source core was never pulled, and its max_ledger_age is 2h";
    assert!(code == 1 && said.contains(&format!("source core: {held}")), "{said}");
    assert!(said.contains("\nSources\n  core: "), "{said}");
    let (_, said) = run(folder.path(), &["dispatch", "--drain"]);
    assert!(said.contains(&format!("{held}; pull it with `dueherald import --source core`")), "{said}");

    let (code, said) = run(folder.path(), &["import", "--source", "core"]);
    assert_eq!(
        (code, said.as_str()),
        (
            3,
            "source core: 3 rows\n  new       2\n  changed   0\n  same      0\n  rejected  1\ninstalment 2: amount is \
             negative\n\
             what was rejected holds the reminders of its instalment; see: dueherald rejects list\n"
        )
    );
    let (code, said) = run(folder.path(), &["check", "--online"]);
    assert!(code == 0 && said.contains("source core: ready"), "{said}");
    for line in [
        "    of the first 2 rows 1 are sound, 1 would be rejected\n",
        "    1 would be rejected: amount is negative\n",
        "    for example 1 of mall: borrower b1, 李…, …8000, CNY 128.50, due 2026-12-01\n",
        "    times without a zone are taken for UTC, and the days that a query works out are of the database's own ",
    ] {
        assert!(said.contains(line), "no {line} in\n{said}");
    }
    let (code, said) = run(folder.path(), &["dispatch", "--drain"]);
    assert!(code == 0 && !said.contains("nothing is sent"), "{said}");

    let (code, said) = run(folder.path(), &["import", "--source", "core", "--from-start", "--summary", "json"]);
    assert!(code == 3 && said.contains("\"same\":2") && said.contains("\"installment_id\":\"2\""), "{said}");
    let rejects = ["import", "--source", "core", "--from-start", "--rejects", "bad.jsonl"];
    let (code, said) = run(folder.path(), &rejects);
    assert!(
        code == 3 && said.contains("every rejected row is in bad.jsonl; mend the source, or the file and"),
        "{said}"
    );
    let bad = std::fs::read_to_string(folder.path().join("bad.jsonl")).expect("it is there");
    assert!(bad.starts_with("{\"line\":2,\"reason\":\"amount is negative\",\"amount\":\"-1"), "{bad}");
    std::fs::write(folder.path().join("bad.jsonl"), bad.replace("\"amount\":\"-1", "\"amount\":\"1")).expect("mended");
    let (code, said) = run(folder.path(), &["import", "bad.jsonl"]);
    assert!(code == 0 && said.contains("new       1"), "{said}");
    assert!(run(folder.path(), &["rejects", "list"]).1.lines().all(|line| !line.contains("amount")), "it is answered");

    let (code, said) = run(folder.path(), &["import", "--source", "cor"]);
    assert_eq!((code, said.trim()), (2, "dueherald: the config has no source cor; it has core"));
}

#[tokio::test]
async fn a_source_is_checked_pulled_and_waited_for_on_postgresql() {
    walk_through(Lender::postgres().await).await;
}

#[tokio::test]
async fn a_source_is_checked_pulled_and_waited_for_on_mariadb() {
    walk_through(Lender::mariadb().await).await;
}

#[tokio::test]
async fn the_daemon_pulls_at_its_start() {
    let lender = Lender::mariadb().await;
    lender.owes(1..4, "2026-01-22 01:00:00").await;
    let folder = desk(&lender.url);
    let mut daemon = dueherald(folder.path(), &["run"])
        .envs([("DUEHERALD__HTTP__PUBLIC", "127.0.0.1:0"), ("DUEHERALD__HTTP__OPS", "127.0.0.1:0")])
        .env("DUEHERALD__LOG__FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let log = BufReader::new(daemon.stderr.take().expect("it is piped"));
    let told = log.lines().map_while(Result::ok).find(|line| line.contains("\"message\":\"pulled\""));
    daemon.kill().expect("it runs");
    daemon.wait().expect("it ends");
    let told = told.expect("it says so");
    assert!(told.contains("\"source\":\"core\"") && told.contains("\"new\":3"), "{told}");
}
