//! Files that hold secrets or personal data are for their owner alone: what others can read is rejected, what dueherald
//! makes is private, and a link is never followed. With the real binary.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
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

/// Runs the command in the error message, exactly as printed.
fn follow_advice(desk: &Desk, told: &str) {
    let command = told.split('`').find(|part| part.starts_with("chmod")).expect("it says what to run");
    let words: Vec<_> = command.split(' ').collect();
    let status = Command::new(words[0]).args(&words[1..]).current_dir(desk.path("")).status();
    assert!(status.expect("chmod is part of every system").success(), "{command}");
}

#[test]
fn a_secret_can_be_written_into_the_config_that_init_makes() {
    let desk = Desk::new(None);
    let secret =
        "\n[gateways.spare]\nkind = \"capture\"\nchannel = \"sms\"\ncallback_secret = \"012345678901234567890123\"\n";
    add_to_config(&desk, secret);
    let mut check = desk.command(&["check"]);
    let output = check.env("DUEHERALD__LINKS__BASE", "https://pay.example.com").output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
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
    let recent_contacts = ["dueherald.db", "dueherald.db-wal", "dueherald.db-shm", "rejects.csv"];
    // Files of an older version, which were readable by others.
    for name in recent_contacts {
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
    let present = recent_contacts.into_iter().filter(|name| desk.path(name).exists()).map(str::to_owned);
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

/// The limit is what the process has set for itself: its parent allows any size.
#[test]
fn a_process_that_is_aborted_leaves_no_core() {
    let desk = Desk::new(None);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" import -"]).arg(cargo_bin!("dueherald"));
    shell.current_dir(desk.path("")).env_remove("DUEHERALD_CONFIG").stdin(Stdio::piped()).stderr(Stdio::null());
    desk.run(&["migrate"]).went_well();
    let mut process = shell.spawn().expect("it starts");
    let mut input = process.stdin.take().expect("a pipe");
    // Once more than the pipe holds is written, somebody reads: the program runs.
    input.write_all(&b"merchant,borrower_id\n".repeat(8_192)).ok();
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap_or_default();
    rustix::process::kill_process(rustix::process::Pid::from_child(&process), rustix::process::Signal::ABORT).ok();
    let ended = process.wait().expect("it ends");
    assert!(!ended.core_dumped(), "{ended}");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    if let Some(core) = core {
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    }
}

#[test]
fn check_shows_where_each_secret_is_kept_and_how_old_it_is() {
    let desk = Desk::new(None);
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let before = std::time::SystemTime::UNIX_EPOCH + day * 365;
    fs::File::options()
        .write(true)
        .open(desk.path("link.key"))
        .expect("init wrote it")
        .set_modified(before)
        .expect("ours");
    let words = "banned_words = [{ env = \"WORD\", since = \"1971-01-01\" }, { env = \"WORD2\" }]";
    add_to_config(&desk, &format!("\n[gateways.spare]\nkind = \"capture\"\nchannel = \"sms\"\n{words}\n"));
    let mut command = desk.command(&["check"]);
    let output = command.env("WORD", "open sesame").env("WORD2", "hush").output().expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let age_of = |place: &str| told.lines().find(|line| line.contains(place))?.split_once(", ").map(|(_, age)| age);
    assert_eq!(age_of("link.key"), age_of("variable WORD,"), "both are of New Year 1971: {told}");
    assert!(age_of("link.key").is_some_and(|age| age.ends_with(" days old")), "{told}");
    assert!(told.contains("variable WORD2, of unknown age"), "{told}");
    assert!(!told.contains("sesame") && !told.contains("hush"), "{told}");
}

#[test]
fn a_certificate_is_for_everybody_to_read_and_a_key_beside_it_is_not() {
    let desk = Desk::new(None);
    let gateway = "[gateways.mail]\nkind = \"smtp\"\nhost = \"localhost\"\nfrom = \"a@mall.example\"\nca_pem = { file \
        = \"ca.pem\" }";
    add_to_config(&desk, &format!("\n{gateway}\n"));
    let authority = crate::sinks::tls::Authority::of("localhost").ca_pem;
    fs::write(desk.path("ca.pem"), &authority).expect("a file");
    set_mode(&desk, "ca.pem", 0o644);
    desk.run(&["check"]).went_well();
    fs::write(desk.path("ca.pem"), authority + "-----BEGIN PRIVATE KEY-----\n").expect("a file");
    let output = desk.command(&["check"]).output().expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("ca.pem holds a secret"), "{told}");
}
