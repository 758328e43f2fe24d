//! Secrets that are not at hand keep no command from working that does not use them.

use crate::commands::Desk;
use rstest::rstest;

/// A config with secrets of every kind, none of which is there, and a mistake in a section that the database knows
/// nothing of.
fn desk() -> Desk {
    let desk = Desk::new(None);
    let file = desk.path("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("init wrote it");
    let gateways = r#"
[gateways.mail]
kind = "smtp"
host = "mail.example.com"
from = "no-reply@mall.example.com"
username = "mall"
password = { env = "NOBODY_SET_THIS" }

[gateways.text]
kind = "http"
url = "https://sms.example.com/send"
callback_secret = { file = "nowhere.key" }
"#;
    let route_key =
        "[merchants.mall]\nroute_key = [{ key = { env = \"NOBODY_SET_THIS\" } }, { file = \"nowhere.key\" }]";
    assert!(config.contains("[merchants.mall]"), "the sample has a merchant");
    let config = config.replacen("[merchants.mall]", route_key, 1) + gateways;
    std::fs::write(&file, config).expect("it can be written");
    std::fs::remove_file(desk.path("link.key")).expect("init wrote it");
    desk
}

#[rstest]
#[case::kill_switch(&["suppress", "stop", "--all", "--actor", "li.na", "--reason", "wrong amounts"])]
#[case::suppressions(&["suppress", "list"])]
#[case::replies(&["replies", "list"])]
#[case::rejects(&["rejects", "list"])]
#[case::import(&["import", "sample.csv"])]
#[case::migrate(&["migrate"])]
fn a_command_on_the_database_needs_the_secret_of_the_database_only(#[case] arguments: &[&str]) {
    let desk = desk();
    desk.run(&["migrate"]).went_well();
    desk.run(arguments).went_well();
}

#[test]
fn a_command_that_uses_a_secret_says_which_is_missing_and_where() {
    let desk = desk();
    let done = desk.run(&["run"]);
    assert_eq!(done.code, 2, "{}", done.err);
    for missing in ["gateways.mail.password", "NOBODY_SET_THIS", "link.key"] {
        assert!(done.err.contains(missing), "{missing}: {}", done.err);
    }
}

/// A key that cannot be read is one mistake, not two.
#[rstest]
#[case::of_encryption("encryption.key", "encryption.keys: is missing")]
#[case::of_links("link.key", "links.keys: is missing")]
fn a_key_file_that_is_not_there_is_told_once(#[case] file: &str, #[case] second: &str) {
    let desk = Desk::new(None);
    std::fs::remove_file(desk.path(file)).expect("init wrote it");
    let done = desk.run(&["check"]);
    assert_eq!(done.code, 2, "{}", done.out);
    assert!(done.err.contains(file) && !done.err.contains(second), "{}", done.err);
}

#[test]
fn a_mistake_about_the_database_is_told_all_the_same() {
    let desk = desk();
    let mut command = desk.command(&["suppress", "list"]);
    let output = command.env("DUEHERALD__DATABASE__URL", "oracle://db").output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("DATABASE__URL"), "{output:?}");
}

#[rstest]
#[case::another_index_key(|desk: &Desk| replace_key(desk, "index.key"), "index_key is not the one")]
#[case::another_key(|desk: &Desk| replace_key(desk, "encryption.key"), "the secret of key 1 is not the one")]
#[case::no_keys(without_encryption, "the config has no [encryption]")]
fn a_command_with_other_keys_than_the_databases_writes_nothing(#[case] spoil: fn(&Desk), #[case] said: &str) {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();
    spoil(&desk);
    for command in [&["import", "sample.csv"][..], &["migrate"], &["scan"], &["suppress", "list"], &["run"]] {
        let refused = desk.run(command);
        assert_eq!(refused.code, 1, "{command:?}: {}", refused.out);
        assert!(refused.err.contains(said), "{command:?}: {}", refused.err);
    }
}

#[test]
fn migrate_and_check_say_whether_personal_data_is_in_clear_text() {
    let desk = Desk::new(None);
    let with_keys = std::fs::read_to_string(desk.path("dueherald.toml")).expect("text");
    without_encryption(&desk);
    let told = desk.run(&["migrate"]).out;
    assert!(told.contains("personal data: not encrypted, and there is none yet"), "{told}");
    desk.run(&["import", "sample.csv"]).went_well();
    for command in [&["migrate"][..], &["check", "--online"]] {
        let told = desk.run(command).out;
        assert!(told.contains("personal data: not encrypted: phone numbers, e-mail addresses and names of "), "{told}");
    }
    std::fs::write(desk.path("dueherald.toml"), with_keys).expect("a file");
    for command in [&["migrate"][..], &["check", "--online"]] {
        let told = desk.run(command).out;
        assert!(told.lines().any(|line| line.trim().starts_with("personal data: encrypted")), "{told}");
    }
}

fn replace_key(desk: &Desk, name: &str) {
    std::fs::write(desk.path(name), "f".repeat(64)).expect("a file");
}

fn without_encryption(desk: &Desk) {
    let config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("text");
    let (before, rest) = config.split_once("index_key =").expect("init writes it");
    let (_, after) = rest.split_once("[schedule]").expect("it is the next section");
    let config = before.replace("[encryption]\n", "") + "[schedule]" + after;
    std::fs::write(desk.path("dueherald.toml"), config).expect("a file");
}
