//! The commands in the order in which a user types them, with the real binary, on both databases.

use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use chrono::{Days, NaiveDate};
use dueherald::clock::{Clock, SystemClock};
use rstest::rstest;
use tempfile::TempDir;

/// A folder with what `init` writes, and the database that its commands use.
pub(crate) struct Desk {
    folder: TempDir,
    database: Option<String>,
}

/// The result of a command.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(database: Option<String>) -> Self {
        let desk = Self { folder: TempDir::new().expect("a temporary folder"), database };
        desk.run(&["init"]).went_well();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, &[])
    }

    /// The binary with its arguments, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin!("dueherald"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("DUEHERALD_CONFIG").env("TZ", "UTC");
        if let Some(url) = &self.database {
            command.env("DUEHERALD__DATABASE__URL", url);
        }
        command
    }

    fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            command.envs(environment.iter().copied()).output().expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    pub(crate) fn reminders(&self, filter: &[&str]) -> Vec<serde_json::Value> {
        let listed =
            self.run(&[&["reminders", "list", "--limit", "1000", "--format", "json"], filter].concat()).went_well();
        serde_json::from_str(&listed).expect("JSON")
    }

    pub(crate) fn captured(&self) -> Vec<String> {
        let folder = self.path("captured");
        let files = std::fs::read_dir(folder).map(|files| files.flatten().collect::<Vec<_>>()).unwrap_or_default();
        files.iter().map(|file| std::fs::read_to_string(file.path()).expect("a message")).collect()
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn went_well(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }
}

/// Writes a config with secrets in it: nobody else may read it.
pub(crate) fn write_private(file: &Path, config: &str) {
    std::fs::write(file, config).expect("the config can be written");
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
}

/// Today in Shanghai, and half past ten there: when the sample's reminders of the day have fallen due.
pub(crate) fn today() -> (NaiveDate, String) {
    let shanghai = chrono_tz::Asia::Shanghai;
    let today = SystemClock.now().with_timezone(&shanghai).date_naive();
    (today, format!("{today}T10:30:00+08:00"))
}

fn walk_through(desk: &Desk) {
    let (_, at) = today();
    desk.run(&["check"]).went_well();
    assert_eq!(desk.run(&["scan"]).code, 1, "not migrated yet");
    desk.run(&["migrate"]).went_well();
    assert!(desk.run(&["migrate"]).went_well().contains("up to date"));
    desk.run(&["check", "--online"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();
    assert!(desk.run(&["import", "sample.csv"]).went_well().contains("same      9"), "the same file changes nothing");
    let online = desk.run(&["check", "--online"]).went_well();
    assert!(online.contains("  personal data: encrypted\n"), "{online}");

    let tried = desk.run(&["scan", "--at", &at, "--dry-run"]).went_well();
    assert!(desk.reminders(&[]).is_empty(), "{tried}");
    let planned = desk.run(&["scan", "--at", &at]).went_well();
    assert_eq!(tried.split(' ').next(), planned.split(' ').next(), "a dry run says what would be: {tried}{planned}");
    assert!(desk.run(&["scan", "--at", &at]).went_well().starts_with("0 planned"));

    let sent = desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    let accepted = desk.reminders(&["--state", "accepted"]).len();
    assert!(accepted > 0 && sent.starts_with(&format!("{accepted} sent")), "{sent}");
    let messages = desk.captured();
    assert!(!messages.is_empty());
    desk.run(&["scan", "--at", &at]).went_well();
    assert!(desk.run(&["dispatch", "--drain", "--at", &at]).went_well().starts_with("0 sent, 0 skipped"));
    assert_eq!(desk.captured().len(), messages.len(), "nothing more is sent");

    // Two instalments of one borrower, due on one day, are one SMS that names both and their sum.
    let texts: Vec<_> = messages.iter().filter(|text| text.contains("345.90")).collect();
    assert!(texts.iter().any(|text| text.starts_with("【示例商城】") && text.contains("2笔")), "{messages:?}");
}

#[test]
fn the_commands_work_in_order_on_sqlite() {
    walk_through(&Desk::new(None));
}

#[tokio::test]
async fn the_commands_work_in_order_on_postgresql() {
    let database = crate::postgres::database().await;
    let url = database.url();
    tokio::task::spawn_blocking(move || walk_through(&Desk::new(Some(url)))).await.expect("it went well");
    drop(database);
}

/// A desk with one instalment of the mall, due in three days, planned for today.
fn planned(status: &str) -> (Desk, String) {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    write_installment(&desk, status);
    desk.run(&["import", "one.csv"]).went_well();
    let (_, at) = today();
    desk.run(&["scan", "--at", &at]).went_well();
    (desk, at)
}

fn write_installment(desk: &Desk, status: &str) {
    let (today, _) = today();
    let due = today + Days::new(3);
    let rows = format!(
        "merchant,borrower_id,installment_id,amount,currency,due_date,phone,status\n\
         mall,B1,I1,128.50,CNY,{due},13800100500,{status}\n"
    );
    std::fs::write(desk.path("one.csv"), rows).expect("a file");
}

#[test]
fn what_is_paid_between_scan_and_dispatch_is_skipped() {
    let (desk, at) = planned("open");
    write_installment(&desk, "paid");
    assert!(desk.run(&["import", "one.csv"]).went_well().contains("changed   1"));
    let told = desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    assert!(told.contains("skipped 1: paid"), "{told}");
    assert!(told.contains("the next reminder is due at"), "nothing was sent, so it says when: {told}");
    assert!(desk.captured().is_empty());
    let shown = desk.run(&["reminders", "show", "1", "--wide"]).went_well();
    assert!(shown.contains("skipped") && shown.contains("paid"), "{shown}");
}

#[test]
fn a_rejected_row_holds_its_reminder_until_it_is_mended_or_dropped() {
    let (desk, at) = planned("open");
    let dispatch = || desk.run(&["dispatch", "--drain", "--at", &at]).out;
    write_installment(&desk, "settled");
    let told = desk.run(&["import", "one.csv"]);
    assert_eq!((told.code, told.out.contains("see: dueherald rejects list")), (3, true), "{}", told.out);
    let held = dispatch();
    assert!(held.contains("0 sent") && held.contains("1 newly held") && desk.captured().is_empty(), "{held}");

    assert_eq!(desk.reminders(&["--state", "held"]).len(), 1);

    let table = desk.run(&["rejects", "list"]).went_well();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let json = desk.run(&["rejects", "list", "--format", "json"]).went_well();
    let listed: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!((listed.len(), &listed[0]["installment"], &listed[0]["state"]), (1, &"I1".into(), &"held".into()));
    assert!(!json.contains("13800100500") && !json.contains("settled"), "no cells: {json}");
    let why = desk.run(&["explain", "--borrower", "B1", "--at", &at]).went_well();
    assert!(
        why.contains(
            "by rejected record 1 of instalment I1: status is not one of open, paid, cancelled, written_off, disputed"
        ),
        "{why}"
    );
    let online = desk.run(&["check", "--online"]).out;
    assert!(online.contains("rejected records: 1 hold reminders, 0 payments wait"), "{online}");
    let forecast = desk.run(&["forecast", "--at", &at]).went_well();
    assert!(forecast.contains("note: 1 rejected record holds the reminders"), "{forecast}");

    let again = desk.run(&["rejects", "retry"]);
    assert_eq!((again.code, again.out.trim()), (3, "0 applied, 1 refused as before"));
    assert_eq!(desk.run(&["rejects", "drop", "1", "--actor", "ana"]).code, 2, "a reason is asked for");
    desk.run(&["rejects", "drop", "1", "--actor", "ana", "--reason", "a row of the test system"]).went_well();
    let dropped = desk.run(&["rejects", "list", "--dropped", "--format", "json"]).went_well();
    assert!(dropped.contains("\"ana\"") && dropped.contains("a row of the test system"), "{dropped}");
    assert_eq!(desk.run(&["rejects", "list"]).went_well().trim(), "nothing to show");
    assert!(desk.reminders(&["--state", "held"]).is_empty(), "what a person took out holds no more");
}

#[test]
fn a_row_of_a_merchant_that_appears_in_the_config_is_applied_then() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    write_installment(&desk, "open");
    let file = desk.path("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("the config");
    let rows = std::fs::read_to_string(desk.path("one.csv")).expect("the rows").replace("mall,B1", "bazaar,B1");
    std::fs::write(desk.path("one.csv"), rows).expect("written");
    assert_eq!(desk.run(&["import", "one.csv"]).code, 3);
    std::fs::write(&file, config.replace("[merchants.mall", "[merchants.bazaar").replace("\"mall\"", "\"bazaar\""))
        .expect("written");
    let retried = desk.run(&["rejects", "retry"]);
    assert_eq!((retried.code, retried.out.trim()), (0, "1 applied, 0 refused as before"), "{}", retried.err);
    assert_eq!(desk.run(&["import", "one.csv"]).went_well().matches("same      1").count(), 1);
}

#[test]
fn a_real_borrowers_clock_cannot_be_set() {
    let (desk, at) = planned("open");
    let config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    let real = "[gateways.mail]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nfrom = \"a@example.com\"\n";
    std::fs::write(desk.path("dueherald.toml"), format!("{config}\n{real}")).expect("written");
    let refused = desk.run(&["dispatch", "--drain", "--at", &at]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("gateway mail sends to real people"), "{}", refused.err);
}

#[test]
fn a_config_with_three_mistakes_shows_all_three_with_their_lines() {
    let desk = Desk::new(None);
    let config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    let broken = config
        .replacen("cron = \"*/15 * * * *\"", "cron = \"61 * * * *\"", 1)
        .replacen("time_zone = \"America/New_York\"", "time_zone = \"America/Boston\"", 1)
        .replacen("kind = \"capture\"", "kind = \"captured\"", 1);
    std::fs::write(desk.path("dueherald.toml"), &broken).expect("written");
    let refused = desk.run(&["check"]);
    assert_eq!(refused.code, 2);
    for wrong in ["61 * * * *", "America/Boston", "\"captured\""] {
        let line = broken.lines().position(|line| line.contains(wrong)).expect("it is there") + 1;
        assert!(refused.err.contains(&format!("dueherald.toml:{line}:")), "{wrong} at line {line}: {}", refused.err);
    }
}

#[test]
fn a_resend_is_refused_or_on_record() {
    let (desk, _) = planned("open");
    let staff = ["--channel", "sms", "--reason", "called in", "--actor", "li.na"];
    let unknown = desk.run(&[&["resend", "--borrower", "nobody"], &staff[..]].concat());
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("knows no such borrower"), "{}", unknown.err);
    let unsigned = desk.run(&["resend", "--borrower", "B1", "--channel", "sms", "--reason", " ", "--actor", "li.na"]);
    assert_eq!((unsigned.code, unsigned.err.contains("a reason must be given")), (2, true), "{}", unsigned.err);

    // Whether it is a decent hour now depends on when the test runs: both answers are right, each at its time.
    let hour = SystemClock.now().with_timezone(&chrono_tz::Asia::Shanghai).format("%H").to_string();
    let asked = desk.run(&[&["resend", "--installment", "I1"], &staff[..]].concat());
    if ("08".."22").contains(&hour.as_str()) {
        let said = asked.went_well();
        let id = said.split_whitespace().nth(1).expect("reminder N is due now");
        let shown = desk.run(&["reminders", "show", id, "--wide"]).went_well();
        assert!(shown.contains("li.na: called in"), "{shown}");
        for key in ["mall-web", "mall-app"] {
            desk.run(&["route", "close", key, "--actor", "wang", "--reason", "trial"]).went_well();
        }
        let held = desk.run(&[&["resend", "--installment", "I1"], &staff[..]].concat());
        assert_eq!((held.code, held.err.contains("every way to repay")), (1, true), "{}", held.err);
    } else {
        assert!(asked.code == 1 && asked.err.contains("contact hours"), "{}", asked.err);
    }

    write_installment(&desk, "paid");
    desk.run(&["import", "one.csv"]).went_well();
    let paid = desk.run(&[&["resend", "--borrower", "B1"], &staff[..]].concat());
    assert_eq!((paid.code, paid.err.contains("is paid")), (1, true), "{}", paid.err);
}

#[test]
fn the_demo_ends_well_and_shows_what_was_sent_and_what_was_not() {
    let folder = TempDir::new().expect("a temporary folder");
    let desk = Desk { folder, database: None };
    let shown = desk.run(&["demo", "--once"]).went_well();
    for told in [
        "messages captured",
        "【示例商城】",
        "Harbor Stores",
        "Already paid",
        "Asked not to be contacted",
        "ways to repay",
    ] {
        assert!(shown.contains(told), "{told} is missing:\n{shown}");
    }
    assert!(!shown.contains("nowhere!"), "every link leads somewhere:\n{shown}");
    assert_eq!(entries(desk.folder.path()), 0, "it leaves nothing behind");
}

#[test]
fn the_demo_plays_somebodys_own_file() {
    let (today, _) = today();
    let folder = TempDir::new().expect("a temporary folder");
    let rows = format!(
        "merchant,borrower_id,installment_id,amount,currency,due_date,phone\n\
         corner-shop,7,a,12.30,CNY,{today},13800100500\ncorner-shop,8,b,-1,CNY,{today},13800100501\n"
    );
    std::fs::write(folder.path().join("own.csv"), rows).expect("a file");
    let shown = Desk { folder, database: None }.run(&["demo", "--once", "--input", "own.csv"]).went_well();
    assert!(shown.contains("【corner-shop】") && shown.contains("12.30元"), "{shown}");
    assert!(shown.contains("1 rejected") && shown.contains("line 3"), "{shown}");
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn a_borrower_on_hold_is_sent_nothing_until_released() {
    let desk = Desk::new(None);
    let (_, at) = today();
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();
    desk.run(&["scan", "--at", &at]).went_well();
    let who = ["--merchant", "mall", "--borrower", "B1001", "--actor", "wang"];
    let hold = |more: &[&str]| desk.run(&[&["suppress", "hold"], more, &who].concat());
    let past = hold(&["--reason", "dispute", "--until", "2020-01-01"]);
    assert!(past.code == 2 && past.err.contains("until is not a day to come"), "{}", past.err);
    assert_eq!(hold(&["--reason", "dispute"]).went_well(), "B1001 of mall is on hold until it is released\n");
    let nobody = desk.run(&[
        "suppress",
        "hold",
        "--merchant",
        "mall",
        "--borrower",
        "B9",
        "--actor",
        "wang",
        "--reason",
        "dispute",
    ]);
    assert!(nobody.code == 1 && nobody.err.contains("the ledger knows no borrower B9 of mall"), "{}", nobody.err);
    desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    let skipped = desk.reminders(&["--borrower", "B1001", "--state", "skipped"]);
    assert!(!skipped.is_empty() && skipped.iter().all(|one| one["detail"] == "on_hold"), "{skipped:?}");
    assert!(desk.reminders(&["--borrower", "B1001", "--state", "accepted"]).is_empty());
    let released = desk.run(&[&["suppress", "release"], &who[..]].concat()).went_well();
    assert!(released.starts_with("B1001 of mall is released"), "{released}");
}

#[test]
fn before_migrate_a_command_says_what_to_do_and_no_sql() {
    let desk = Desk::new(None);
    for arguments in [
        &["scan"][..],
        &["import", "sample.csv"],
        &["dispatch", "--drain"],
        &["reminders", "list"],
        &["forecast", "--days", "2"],
        &["suppress", "list"],
        &["route", "list"],
        &["explain", "--merchant", "mall", "--borrower", "B1"],
    ] {
        let done = desk.run(arguments);
        assert_eq!(done.code, 1, "{arguments:?}");
        assert!(done.err.contains("run `dueherald migrate`"), "{arguments:?}: {}", done.err);
        assert!(!done.err.contains("no such table"), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn a_gateway_that_cannot_be_made_is_a_mistake_with_its_line() {
    let desk = Desk::new(None);
    let text = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    let line = text.lines().count() + 1;
    let slow = "[gateways.slow]\nkind = \"http\"\nurl = \"http://127.0.0.1:13013/send\"\nmethod = \"GET\"\ntimeout = \"5s\"\n\
        connect_timeout = \"10s\"\nquery = { to = \"{{ to }}\", text = \"{{ text }}\" }\naccept = { status = 202 }\n";
    std::fs::write(desk.path("dueherald.toml"), text + slow).expect("written");
    let done = desk.run(&["check"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(
        done.err.contains(&format!("dueherald.toml:{line}")) && done.err.contains("connect_timeout"),
        "{}",
        done.err
    );
}

#[test]
fn check_says_that_a_language_without_templates_becomes_english() {
    let desk = Desk::new(None);
    assert!(!desk.run(&["check"]).went_well().contains("English"));
    let set = |locale: &str| {
        let text = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
        let own = text.lines().position(|line| line.starts_with("locale = ")).expect("the sample's merchant has one");
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| if at == own { format!("locale = \"{locale}\"") } else { line.to_owned() });
        std::fs::write(desk.path("dueherald.toml"), lines.collect::<Vec<_>>().join("\n")).expect("written");
        own + 1
    };
    let line = set("fr");
    let told = desk.run(&["check"]).went_well();
    assert!(
        told.contains(&format!(":{line}")) && told.contains("is fr, a language in which there is no template"),
        "{told}"
    );
    set("en-GB");
    let told = desk.run(&["check"]).went_well();
    assert!(!told.contains("no template"), "{told}");
}

#[test]
fn what_cannot_be_written_is_an_error_and_no_panic() {
    let desk = Desk::new(None);
    for arguments in [&["completions", "bash"][..], &["check"], &["template", "list"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = desk.command(arguments).stdout(full).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        // As `| head` does: the reader is gone before anything is written.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = desk.command(arguments).stdout(writer).output().expect("the binary starts");
        assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]), "{arguments:?}");
    }
}

#[test]
fn a_walk_before_anything_is_due_says_when_it_will_be() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let drain = |at: &str| desk.run(&["dispatch", "--drain", "--at", at]).went_well();
    let (today, _) = today();
    let early = format!("{today}T07:15:00+08:00");
    assert!(drain(&early).contains("nothing is planned"), "nothing was scanned");
    desk.run(&["import", "sample.csv"]).went_well();
    desk.run(&["scan", "--at", &early]).went_well();
    let told = drain(&early);
    assert!(told.contains(&format!("nothing is due now; the next reminder is due at {today} 10:00 +08:00")), "{told}");
}

/// An option that does not go with the others is refused, not ignored.
#[rstest]
#[case::from_start(&["import", "sample.csv", "--from-start"])]
#[case::encoding(&["reminders", "resolve", "1", "--as", "sent", "--encoding", "gbk", "--reason", "r", "--actor", "li"])]
#[case::with_link(&["template", "preview", "--with-link", "--offset", "-1"])]
fn an_option_without_its_own_is_refused(#[case] arguments: &[&str]) {
    let done = Desk::new(None).run(arguments);
    assert!(done.code == 2 && done.err.contains(" cannot be used with "), "{}{}", done.out, done.err);
}

#[rstest]
#[case::reminders(&["reminders", "list"])]
#[case::rejects(&["rejects", "list"])]
#[case::replies(&["replies", "list"])]
#[case::suppressions(&["suppress", "list"])]
#[case::routes(&["route", "list"])]
#[case::funnel(&["route", "funnel"])]
fn a_slip_in_the_name_of_a_merchant_is_told(#[case] list: &[&str]) {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let done = desk.run(&[list, &["--merchant", "mal", "--format", "json"]].concat());
    assert_eq!(
        (done.code, &*done.err),
        (2, "dueherald: unknown merchant mal; configured: harbor, mall\n"),
        "{}",
        done.out
    );
    desk.run(&[list, &["--merchant", "mall"]].concat()).went_well();
}
