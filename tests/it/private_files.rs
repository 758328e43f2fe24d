//! Files that hold secrets or personal data are for their owner alone: what others can read is rejected, what dueherald makes is
//! private, and a link is never followed. With the real binary.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rstest::rstest;

use crate::commands::{Desk, today};

fn mode(desk: &Desk, name: &str) -> u32 {
    fs::metadata(desk.path(name)).expect("it is there").mode() & 0o777
}

fn set_mode(desk: &Desk, name: &str, mode: u32) {
    fs::set_permissions(desk.path(name), Permissions::from_mode(mode)).expect("it is ours");
}

fn add_to_config(desk: &Desk, text: &str) {
    let file = desk.path("dueherald.toml");
    let config = fs::read_to_string(&file).expect("init wrote it");
    fs::write(file, config + text).expect("it can be written");
}

/// The command in the error, run as it stands there.
fn follow_advice(desk: &Desk, told: &str) {
    let command = told.split('`').find(|part| part.starts_with("chmod")).expect("it says what to run");
    let words: Vec<_> = command.split(' ').collect();
    let status = std::process::Command::new(words[0]).args(&words[1..]).current_dir(desk.path("")).status();
    assert!(status.expect("chmod is part of every system").success(), "{command}");
}

#[rstest]
#[case::key("link.key", "")]
#[case::config(
    "dueherald.toml",
    "[gateways.spare]\nkind = \"capture\"\nchannel = \"sms\"\ncallback_secret = \"012345678901234567890123\"\n"
)]
#[case::dkim(
    "dkim.pem",
    "[gateways.spare]\nkind = \"capture\"\nchannel = \"sms\"\nbanned_words = [{ file = \"dkim.pem\" }]\n"
)]
fn a_secret_that_others_can_read_is_rejected_until_the_advice_is_followed(#[case] file: &str, #[case] added: &str) {
    let desk = Desk::new(None);
    let base = added.contains("callback_secret").then_some("https://pay.example.com");
    fs::write(desk.path("dkim.pem"), "one\n").expect("a file");
    add_to_config(&desk, &format!("\n{added}"));
    let check = || {
        let mut command = desk.command(&["check"]);
        command.envs(base.map(|base| ("DUEHERALD__LINKS__BASE", base)));
        let output = command.output().expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    set_mode(&desk, file, 0o644);
    let (code, told) = check();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("(mode 644)") && !told.contains("0123456789"), "{told}");
    follow_advice(&desk, &told);
    let (code, told) = check();
    assert_eq!((code, mode(&desk, file)), (Some(0), 0o640), "{told}");
}

#[test]
fn database_captured_messages_and_rejects_are_private() {
    let desk = Desk::new(None);
    let (_, at) = today();
    desk.run(&["migrate"]).went_well();
    let beside = ["dueherald.db", "dueherald.db-wal", "dueherald.db-shm", "rejects.csv"];
    // What an older version left.
    for name in beside {
        fs::OpenOptions::new().create(true).append(true).open(desk.path(name)).expect("a file");
        set_mode(&desk, name, 0o644);
    }
    let sample = fs::read_to_string(desk.path("sample.csv")).expect("init wrote it");
    fs::write(desk.path("faulty.csv"), sample.replace("2,", "two,")).expect("a file");
    desk.run(&["import", "faulty.csv", "--rejects", "rejects.csv"]);
    desk.run(&["import", "sample.csv"]).went_well();
    desk.run(&["scan", "--at", &at]).went_well();
    desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    let captured = fs::read_dir(desk.path("captured")).expect("messages were sent").flatten();
    let captured: Vec<_> = captured.map(|file| format!("captured/{}", file.file_name().display())).collect();
    assert!(!captured.is_empty());
    assert!(fs::metadata(desk.path("rejects.csv")).expect("it is there").len() > 0);
    let present = beside.into_iter().filter(|name| desk.path(name).exists()).map(str::to_owned);
    for name in present.chain(captured) {
        assert_eq!(format!("{:o}", mode(&desk, &name)), "600", "{name}");
    }
    assert_eq!(mode(&desk, "captured"), 0o700);
}

#[rstest]
#[case::database("dueherald.db", &["migrate"])]
#[case::log_of_the_database("dueherald.db-wal", &["migrate"])]
#[case::rejects("rejects.csv", &["import", "sample.csv", "--rejects", "rejects.csv"])]
fn a_link_is_refused_and_what_it_leads_to_is_left_alone(#[case] name: &str, #[case] command: &[&str]) {
    let desk = Desk::new(None);
    if name == "rejects.csv" {
        desk.run(&["migrate"]).went_well();
    }
    fs::write(desk.path("theirs"), "precious").expect("a file");
    symlink(desk.path("theirs"), desk.path(name)).expect("a link");
    let done = desk.run(command);
    assert_eq!(done.code, 1, "{}{}", done.out, done.err);
    assert!(done.err.contains(name) && done.err.contains("is a link"), "{}", done.err);
    assert_eq!(fs::read_to_string(desk.path("theirs")).expect("text"), "precious");
}
