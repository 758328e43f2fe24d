//! The release before runs on this version's schema: daemons are replaced one by one, after the migration.
//!
//! `tests/run before` builds the last tagged release and names its binary.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use rstest::rstest;
use tempfile::TempDir;

use crate::commands::today;

/// Where the binary is.
const BINARY: &str = "DUEHERALD_TEST_RELEASE_BEFORE";

fn run(program: &OsStr, folder: &Path, database: Option<&str>, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_remove("DUEHERALD_CONFIG");
    command.envs(database.map(|url| ("DUEHERALD__DATABASE__URL", url)));
    let output = command.output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn the_release_before_sends_on_this_schema(#[case] on_postgres: bool) {
    let Some(before) = std::env::var_os(BINARY) else {
        let why = format!("not run: {BINARY} names no binary; `tests/run before` builds the last release, if any");
        writeln!(std::io::stderr(), "{why}").expect("stderr takes a line");
        return;
    };
    let server = if on_postgres { Some(crate::postgres::database().await) } else { None };
    let url = server.as_ref().map(crate::postgres::TestDatabase::url);
    let folder = TempDir::new().expect("a temporary folder");
    let this = cargo_bin!("dueherald");
    let (_, at) = today();
    let old = |arguments: &[&str]| run(&before, folder.path(), url.as_deref(), arguments);
    let new = |arguments: &[&str]| run(this.as_os_str(), folder.path(), url.as_deref(), arguments);
    // Its config, too, is good enough for this version.
    old(&["init"]);
    new(&["migrate"]);
    old(&["import", "sample.csv"]);
    old(&["scan", "--at", &at]);
    old(&["dispatch", "--drain", "--at", &at]);
    let sent: serde_json::Value =
        serde_json::from_str(&new(&["reminders", "list", "--state", "accepted", "--format", "json"])).expect("JSON");
    assert!(!sent.as_array().expect("a list").is_empty(), "this version sees what the release before sent");
}
