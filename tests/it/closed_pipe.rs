//! Whoever reads what a command prints may stop reading, as `| head -1` does: no command complains of it, none leaves
//! its work half done, and a daemon goes on without its log.

use std::fs;
use std::io::pipe;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use dueherald::clock::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use crate::commands::{Desk, today};
use crate::noon::where_it_is_noon;

/// Every command, in an order in which each has something to do, with its exit code. `AT` is a time today.
const COMMANDS: [(&str, i32); 78] = [
    ("demo --once", 0),
    ("init again", 0),
    ("migrate", 0),
    ("check", 0),
    ("check --online", 0),
    ("import sample.csv", 0),
    ("import sample.csv --summary json", 0),
    ("import faulty.csv", 3),
    ("source show fineract", 0),
    ("rejects list", 0),
    ("rejects retry", 3),
    ("rejects drop 1 --actor wang --reason trial", 0),
    ("source accept core --actor wang --reason trial", 1),
    ("scan --at AT", 0),
    ("suppress stop --all --actor wang --reason trial", 0),
    ("suppress stops", 0),
    ("dispatch --drain --at AT", 3),
    ("suppress lift --all --actor wang --reason trial", 0),
    ("forecast", 0),
    ("forecast --compare dueherald.toml", 0),
    ("reminders list", 0),
    ("reminders show 1", 0),
    ("reminders resolve --file report.csv --actor wang --reason trial", 1),
    ("explain --borrower B1002", 0),
    ("find B1002", 0),
    ("borrowers show --borrower B1002", 0),
    ("borrowers prefer --borrower B1002 --channel sms --actor wang", 0),
    ("resend --borrower B1002 --channel sms --actor wang --reason trial --dry-run", 0),
    ("resend --borrower B1002 --channel sms --actor wang --reason trial", 0),
    ("route list", 0),
    ("route show mall-web", 0),
    ("route set web-2 --merchant mall --kind web --url https://pay.mall.example.com/new --actor li --reason trial", 0),
    ("route replace mall-web --by web-2 --actor li --reason trial", 0),
    ("route close mall-web --actor li --reason trial", 0),
    ("route probe web-2", 1),
    ("route funnel", 0),
    ("notice create moved --merchant mall --template entry-moved --actor li --reason trial --dry-run", 0),
    ("notice create moved --merchant mall --template entry-moved --actor li --reason trial --send", 0),
    ("notice list", 0),
    ("notice show moved", 0),
    ("notice pause moved --actor li --reason trial", 0),
    ("notice resume moved --actor li --reason trial", 0),
    ("notice cancel moved --actor li --reason trial", 0),
    ("receipts mail --config mail.toml", 0),
    ("template list", 0),
    ("template check", 0),
    ("template preview", 0),
    ("replies list", 0),
    ("suppress add +8613800138000 --merchant mall --actor wang", 0),
    ("suppress list", 0),
    ("suppress export", 0),
    ("suppress import faulty-list.csv --actor wang --reason trial", 3),
    ("suppress remove +8613800138000 --merchant mall --actor wang --reason trial", 0),
    ("suppress history", 0),
    ("database status", 0),
    ("suppress hold --merchant mall --borrower B1001 --actor wang --reason trial", 0),
    ("suppress release --merchant mall --borrower B1001 --actor wang", 0),
    ("token create --name crm --merchant mall --allow resend", 0),
    ("token list", 0),
    ("token revoke crm", 0),
    ("user add li --role admin --merchant mall --oidc 00u1 --issuer https://login.example.com", 0),
    ("user add wang --role agent --merchant mall --oidc 00u2 --issuer https://login.example.com", 0),
    ("user list", 0),
    ("user change wang --role supervisor", 0),
    ("user disable wang", 0),
    ("user enable wang", 0),
    ("webhooks list", 0),
    ("audit list", 0),
    ("audit list --reveal --by wang --reason trial", 0),
    ("audit verify", 0),
    ("audit export --to audit.jsonl --actor wang --reason trial", 0),
    ("evidence --borrower B1002 --out evidence --actor wang --reason trial", 0),
    ("evidence verify evidence/evidence-mall-B1002.html", 0),
    ("gateway list", 0),
    ("gateway test capture-sms --to +8613800138000", 0),
    ("completions bash", 0),
    ("--version", 0),
    ("help", 0),
];

/// The commands that the list leaves out: the daemon, which prints nothing, and commands that need an answer or a
/// second person, and print one line.
const LEFT_OUT: [&str; 8] = [
    "run",
    "replies read",
    "notice approve",
    "reminders approve",
    "database arm",
    "user passwd",
    "webhooks replay",
    "webhooks enable",
];

fn help(path: &[&str]) -> String {
    let help = Command::new(cargo_bin!("dueherald")).args(path).arg("--help").output().expect("it starts");
    String::from_utf8(help.stdout).expect("text")
}

/// Every command that has none below it.
fn leaves(path: &[&str]) -> Vec<String> {
    let help = help(path);
    let Some((_, below)) = help.split_once("\nCommands:\n") else { return vec![path.join(" ")] };
    let names = below.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        name.starts_with(|first: char| first.is_ascii_lowercase()).then_some(name)
    });
    names.filter(|name| *name != "help").flat_map(|name| leaves(&[path, &[name]].concat())).collect()
}

/// The forms in which a command prints, as its help lists them; the one that nobody asks for first.
fn forms(command: &str) -> Vec<String> {
    let path: Vec<_> = command.split(' ').take_while(|word| !word.contains(['-', '.', '+', '1'])).collect();
    let help = help(&path);
    let known = ["table", "text", "json", "csv"].into_iter().filter(|form| help.contains(&format!("- {form}:")));
    let asked = known.filter(|_| help.contains("--format <FORMAT>")).map(|form| format!("{command} --format {form}"));
    std::iter::once(command.to_owned()).chain(asked).collect()
}

/// Runs it with a standard output whose reader has gone.
fn run_unread(desk: &Desk, line: &str) -> Output {
    let (_, output) = pipe().expect("a pipe");
    let mut command = desk.command(&line.split(' ').collect::<Vec<_>>());
    if line.starts_with("resend ") {
        // It takes no `--at`, and sends in contact hours only.
        command.env("DUEHERALD__MERCHANTS__MALL__TIME_ZONE", where_it_is_noon(SystemClock.now()).name());
    }
    let started = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped()).spawn();
    // The command holds an end of the pipe as well.
    drop(command);
    started.and_then(std::process::Child::wait_with_output).expect("the binary starts")
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it is readable").path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn no_command_complains_of_a_closed_pipe_or_leaves_its_work() {
    let desk = Desk::new(None);
    let written = files(&desk.path("."));
    let put = |name: &str, text: &str| fs::write(desk.path(name), text).expect("a file");
    put(
        "faulty.csv",
        "merchant,borrower_id,installment_id,amount,currency,due_date,status\nmall,B9,I9,1,CNY,2026-12-01,gone\n",
    );
    put("faulty-list.csv", "address\nnobody\nli@mail.example\n");
    put("report.csv", "reminder,outcome\n1,sent\n");
    let mail =
        "\n[gateways.mail]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nsecurity = \"none\"\nfrom = \"a@mall.example\"\n";
    let config = fs::read_to_string(desk.path("dueherald.toml")).expect("text");
    put("mail.toml", &format!("{config}{mail}"));
    let sms = "[gateways.capture-sms]\n";
    put("dueherald.toml", &config.replace(sms, &format!("{sms}test_recipients = [\"+8613800138000\"]\n")));
    let (_, at) = today();
    for (line, expected) in COMMANDS {
        for line in forms(&line.replace("AT", &at)) {
            let done = run_unread(&desk, &line);
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!((done.status.code(), told.as_str()), (Some(expected), ""), "`dueherald {line}`");
        }
    }
    assert_eq!(files(&desk.path("again")), written, "init writes everything");
    let suppressed = desk.run(&["suppress", "list"]).went_well();
    assert!(suppressed.contains("l…@mail.example"), "an address after a faulty line is taken: {suppressed}");
}

#[test]
fn every_command_is_tried_with_a_closed_pipe() {
    let is_tried = |leaf: &String| COMMANDS.iter().any(|(line, _)| format!("{line} ").starts_with(&format!("{leaf} ")));
    let missing: Vec<_> =
        leaves(&[]).into_iter().filter(|leaf| !is_tried(leaf) && !LEFT_OUT.contains(&leaf.as_str())).collect();
    assert!(missing.is_empty(), "put these into the list: {missing:?}");
    assert!(forms("reminders list").contains(&"reminders list --format json".to_owned()), "forms are found");
}

#[test]
fn a_daemon_outlives_the_reader_of_its_log() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let manager = UnixDatagram::bind(desk.path("notify")).expect("a socket");
    let (_, log) = pipe().expect("a pipe");
    let mut run = desk.command(&["run"]);
    run.env("NOTIFY_SOCKET", desk.path("notify")).env("DUEHERALD__HTTP__PUBLIC", "127.0.0.1:0");
    run.env("DUEHERALD__HTTP__OPS", "127.0.0.1:0").stderr(log);
    let mut daemon = run.spawn().expect("the binary starts");
    drop(run);
    // Should it end, so does the wait: nobody else holds the other end of a pair.
    manager.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a time-out");
    let mut notice = [0; 1024];
    let length = manager.recv(&mut notice).expect("it says that it is ready, though nobody reads its log");
    assert!(String::from_utf8_lossy(&notice[..length]).contains("READY=1"));
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("it is there");
    let ended = daemon.wait().expect("it is ours");
    assert!(ended.success(), "{ended}");
}
