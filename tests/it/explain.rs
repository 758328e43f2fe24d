//! `dueherald explain`: every reason is named, with the real binary.

use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = include_str!("explain/dueherald.toml");

/// Monday morning, after the step three days before [`THURSDAY`] has fallen due.
const MONDAY: &str = "2026-11-23T10:30:00+08:00";
const THURSDAY: &str = "2026-11-26";
const SUNDAY: &str = "2026-11-29";

use crate::commands::write_private;

/// A folder with a config and a database.
struct Desk(TempDir);

impl Desk {
    fn new(config: &str) -> Self {
        let desk = Self(TempDir::new().expect("a temporary folder"));
        write_private(&desk.0.path().join("dueherald.toml"), config);
        desk.went_well(&["migrate"]);
        desk
    }

    /// A desk with one instalment of the mall's borrower B1.
    fn with(instalment: &str) -> Self {
        let desk = Self::new(CONFIG);
        desk.import(instalment);
        desk
    }

    /// Gives the exit code, what was printed, and the error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(cargo_bin!("dueherald"));
        command.current_dir(self.0.path()).args(arguments).env_remove("DUEHERALD_CONFIG");
        let Output { status, stdout, stderr } = command.output().expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    #[track_caller]
    fn went_well(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{out}{err}");
        out
    }

    /// Imports rows of these columns; B1 can be written and sent a text.
    fn import(&self, rows: &str) {
        let columns = "merchant,borrower_id,installment_id,amount,currency,due_date,phone,email,product,status,hold";
        std::fs::write(self.0.path().join("rows.csv"), format!("{columns}\n{rows}\n")).expect("a file");
        self.went_well(&["import", "rows.csv"]);
    }

    fn scan(&self, at: &str) {
        self.went_well(&["scan", "--at", at]);
    }

    fn dispatch(&self, at: &str) {
        self.went_well(&["dispatch", "--drain", "--at", at]);
    }

    fn json(&self, at: &str) -> Value {
        let told = self.went_well(&["explain", "--borrower", "B1", "--at", at, "--format", "json"]);
        serde_json::from_str(&told).expect("JSON")
    }

    fn text(&self, at: &str) -> String {
        self.went_well(&["explain", "--borrower", "B1", "--at", at])
    }
}

fn row(due: &str, status: &str) -> String {
    format!("mall,B1,I1,128.50,CNY,{due},13800100500,b1@example.com,,{status},")
}

/// The explanation of a rule for the first due date.
#[track_caller]
fn rule<'v>(told: &'v Value, name: &str) -> &'v Value {
    let rules = told["due_dates"][0]["rules"].as_array().expect("rules");
    rules.iter().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule {name}: {told:#}"))
}

/// The explanation of a rule's step for the first due date.
#[track_caller]
fn step<'v>(told: &'v Value, name: &str, offset: i32) -> &'v Value {
    let steps = rule(told, name)["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["offset"] == offset).unwrap_or_else(|| panic!("no step {offset}: {told:#}"))
}

#[test]
fn paid() {
    let desk = Desk::with(&row(THURSDAY, "open"));
    desk.scan(MONDAY);
    desk.import(&row(THURSDAY, "paid"));
    let told = desk.json(MONDAY);
    let waiting = step(&told, "due-soon", -3);
    assert_eq!((&waiting["status"], &waiting["answer"]["why"]["word"]), (&"planned".into(), &"paid".into()));
    assert_eq!(rule(&told, "office")["why_not"]["word"], "paid", "and what was not planned yet never will be");
    desk.dispatch(MONDAY);
    let told = desk.json(MONDAY);
    let skipped = step(&told, "due-soon", -3);
    assert_eq!((&skipped["status"], &skipped["why"]["word"]), (&"skipped".into(), &"paid".into()));
    assert!(desk.text(MONDAY).contains("not sent: everything due that day is paid"));
}

#[test]
fn capped() {
    let desk = Desk::new(&format!("{CONFIG}\n[caps]\nper_day = 1\n"));
    desk.import(&format!("mall,B1,I1,128.50,CNY,{THURSDAY},13800100500,b1@example.com,sofa,open,"));
    desk.scan(MONDAY);
    let told = desk.json(MONDAY);
    assert_eq!(step(&told, "due-soon", -3)["answer"]["decision"], "send", "it has the higher priority");
    assert_eq!(step(&told, "furniture", -3)["answer"]["why"]["word"], "capped");
    assert_eq!(
        step(&told, "office", -1)["answer"]["decision"],
        "send",
        "what goes out on Monday is no matter on Wednesday"
    );
    desk.dispatch(MONDAY);
    assert_eq!(step(&desk.json(MONDAY), "furniture", -3)["why"]["word"], "capped");
}

/// By rule, step and channel, what is answered about everything that waits or is to come.
fn answers(told: &Value) -> Vec<(String, String)> {
    let list = |value: &Value, key: &str| value[key].as_array().expect("a list").clone();
    let mut answers = Vec::new();
    for due in list(told, "due_dates") {
        for rule in list(&due, "rules") {
            for step in list(&rule, "steps").into_iter().filter(|step| !step["answer"].is_null()) {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let what = [&due["due_date"], &rule["rule"], &step["offset"], &step["channel"]].map(text).join(" ");
                let answer = &step["answer"];
                let said = answer["why"]["word"].as_str().or(answer["decision"].as_str()).unwrap_or_default();
                answers.push((what, said.to_owned()));
            }
        }
    }
    answers
}

/// Those of a day that are to be sent.
fn promised(told: &Value) -> Vec<String> {
    let sent = answers(told).into_iter().filter(|(_, said)| said == "send");
    sent.map(|(what, _)| what).collect()
}

/// The messages that were sent, in the form of [`answers`].
fn sent(told: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| value[key].as_array().expect("a list").clone();
    let mut sent = Vec::new();
    for due in list(told, "due_dates") {
        for rule in list(&due, "rules") {
            for step in list(&rule, "steps").into_iter().filter(|step| step["status"] == "accepted") {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                sent.push([&due["due_date"], &rule["rule"], &step["offset"], &step["channel"]].map(text).join(" "));
            }
        }
    }
    sent
}

/// A rule that sends on both channels in place of that for furniture.
fn on_both(order: &str) -> String {
    let furniture = "products = [\"sofa\", \"table\"]\noffsets = [-3]\nat = \"10:15\"\nchannels = { mode = \"all\", \
        order = [\"email\"] }";
    let both = format!("offsets = [-6]\nat = \"10:15\"\nchannels = {{ mode = \"all\", order = {order} }}");
    let config = CONFIG.replace(furniture, &both);
    assert_ne!(config, CONFIG);
    config
}

#[rstest::rstest]
#[case::one_a_day("per_day = 1", 1)]
#[case::two_a_day("per_day = 2", 2)]
#[case::one_on_each("per_day = 5\nsms = { per_day = 1 }\nemail = { per_day = 1 }", 2)]
fn what_is_due_now_is_told_in_the_order_in_which_it_leaves(#[case] cap: &str, #[case] most: usize) {
    // On Monday the rule of both channels reminds of Sunday, and the one before of Thursday by SMS.
    for order in [r#"["sms", "email"]"#, r#"["email", "sms"]"#] {
        let desk = Desk::new(&format!("{}\n[caps]\n{cap}\n", on_both(order)));
        desk.import(&format!(
            "{}\nmall,B1,I2,70,CNY,{SUNDAY},13800100500,b1@example.com,,open,",
            row(THURSDAY, "open")
        ));
        desk.scan(MONDAY);
        let told = desk.json(MONDAY);
        let now =
            |what: &&String| what.starts_with(&format!("{THURSDAY} due-soon -3")) || what.contains("furniture -6");
        let promised: Vec<_> = promised(&told).into_iter().filter(|what| now(&what)).collect();
        assert_eq!(promised.len(), most, "{:#?}", answers(&told));
        desk.dispatch(MONDAY);
        assert_eq!(sent(&desk.json(MONDAY)), promised, "{order}");
    }
}

#[test]
fn a_message_of_a_later_due_date_stands_in_the_way_of_another_days() {
    // One a week: what is due on Monday leaves no room until the next Monday, whatever its due date.
    let desk = Desk::new(&format!("{CONFIG}\n[caps]\nper_7_days = 1\n"));
    desk.import(&format!("{}\nmall,B1,I2,70,CNY,2026-11-28,13800100500,b1@example.com,,open,", row(THURSDAY, "open")));
    let told = desk.json(MONDAY);
    let next_monday = "2026-11-28 office 0 email".to_owned();
    assert_eq!(promised(&told), [format!("{THURSDAY} due-soon -3 sms"), next_monday], "{:#?}", answers(&told));
    let only = ["explain", "--borrower", "B1", "--at", MONDAY, "--date", "2026-11-28", "--format", "json"];
    let narrow: Value = serde_json::from_str(&desk.went_well(&only)).expect("JSON");
    let capped =
        |told: &Value| answers(told).into_iter().filter(|(what, _)| what.contains("2026-11-28")).collect::<Vec<_>>();
    assert_eq!(capped(&narrow), capped(&told), "the same, whatever is asked for");
}

#[test]
fn a_closed_way_to_repay() {
    let desk = Desk::with(&row(THURSDAY, "open"));
    desk.scan(MONDAY);
    let close = ["route", "close", "mall-web", "--actor", "wang", "--reason", "the old entry moves"];
    desk.went_well(&close);
    let told = desk.json(MONDAY);
    let answer = &step(&told, "due-soon", -3)["answer"];
    assert_eq!((&answer["decision"], &answer["why"]["word"]), (&"hold".into(), &"no_route".into()));
    assert_eq!(step(&told, "due-soon", 0)["answer"]["decision"], "hold", "and what is to come, as things stand");
    assert!(desk.text(MONDAY).contains("would be held: every way to repay that it could lead to is closed"));
    assert_eq!(desk.run(&["dispatch", "--drain", "--at", MONDAY]).0, 3, "it waits");
    assert_eq!(step(&desk.json(MONDAY), "due-soon", -3)["status"], "held", "so it is");
}

#[test]
fn a_route_that_opens_in_time() {
    let route = "url = \"https://pay.mall.example.com/bill\"";
    let later = format!("{route}\nvalid_from = \"2026-11-24T00:00:00+08:00\"");
    let spare = "[[rules]]\nname = \"due-soon\"";
    let closed = format!(
        "[routes.old]\nmerchant = \"mall\"\nkind = \"web\"\nurl = \"https://old.mall.example.com/\"\nvalid_until = \"2026-11-23T00:00:00+08:00\"\n\n{spare}"
    );
    let config = CONFIG.replacen(route, &later, 1).replacen(spare, &closed, 1);
    let config = config.replacen(
        "[routes.shop-web]",
        &format!("[routes.mall-any]\nmerchant = \"mall\"\nkind = \"web\"\n{route}\n\n[routes.shop-web]"),
        1,
    );
    let desk = Desk::new(&config);
    desk.import(&row(THURSDAY, "open"));
    desk.went_well(&["route", "close", "mall-any", "--actor", "wang", "--reason", "trial"]);
    let told = desk.json(MONDAY);
    assert_eq!(step(&told, "due-soon", -3)["answer"]["why"]["word"], "no_route");
    assert_eq!(step(&told, "due-soon", 0)["answer"]["decision"], "send", "the page is open by Thursday");
}

#[test]
fn on_hold() {
    let desk = Desk::with(&format!("{}dispute", row(THURSDAY, "open")));
    let told = desk.json(MONDAY);
    assert_eq!(told["hold"], "dispute");
    let coming = step(&told, "due-soon", 0);
    assert_eq!((&coming["status"], &coming["answer"]["why"]["word"]), (&"coming".into(), &"on_hold".into()));
    assert!(desk.text(MONDAY).contains("on hold until released: dispute"));
}

#[test]
fn no_contact() {
    let desk = Desk::with(&format!("mall,B1,I1,128.50,CNY,{THURSDAY},,,,open,"));
    assert_eq!(step(&desk.json(MONDAY), "due-soon", 0)["answer"]["why"]["word"], "no_contact");
    assert!(desk.text(MONDAY).contains("no phone; no e-mail address"));
}

#[test]
fn expired() {
    let desk = Desk::with(&row("2026-11-24", "open"));
    let told = desk.json(MONDAY);
    let late = step(&told, "due-soon", -3);
    assert_eq!((&late["status"], &late["why"]["word"]), (&"none".into(), &"expired".into()));
    assert_eq!(late["day"], "2026-11-21");
}

#[test]
fn superseded_and_moved_by_a_holiday() {
    let desk = Desk::with(&row(SUNDAY, "open"));
    let told = desk.json(MONDAY);
    let saturday = step(&told, "office", -1);
    assert_eq!((&saturday["status"], &saturday["why"]["word"]), (&"none".into(), &"superseded".into()));
    let sunday = step(&told, "office", 0);
    assert_eq!((&sunday["moved"]["word"], &sunday["at"]), (&"holiday".into(), &"2026-11-30T01:00:00Z".into()));
    assert!(desk.text(MONDAY).contains("moved: Sun 2026-11-29 is a day off; would be sent"));
}

#[test]
fn deferred_by_a_holiday() {
    let desk = Desk::with(&row("2026-11-27", "open"));
    desk.scan("2026-11-27T09:30:00+08:00");
    const SATURDAY: &str = "2026-11-28T09:00:00+08:00";
    let answer = &desk.json(SATURDAY);
    let answer = &step(answer, "office", 0)["answer"];
    assert_eq!((&answer["decision"], &answer["why"]["word"]), (&"defer".into(), &"holiday".into()));
    assert_eq!(answer["until"], "2026-11-30T00:00:00Z");
}

#[test]
fn deferred_by_hours() {
    let desk = Desk::with(&row(THURSDAY, "open"));
    desk.scan(MONDAY);
    const NIGHT: &str = "2026-11-23T23:00:00+08:00";
    let told = desk.json(NIGHT);
    let answer = &step(&told, "due-soon", -3)["answer"];
    assert_eq!((&answer["decision"], &answer["why"]["word"]), (&"defer".into(), &"contact_hours".into()));
    desk.dispatch(NIGHT);
    let told = desk.json("2026-11-23T23:30:00+08:00");
    let deferred = step(&told, "due-soon", -3);
    assert_eq!((&deferred["status"], &deferred["why"]["word"]), (&"planned".into(), &"contact_hours".into()));
    assert_eq!(deferred["answer"]["at"], "2026-11-24T00:00:00Z");
    assert_eq!(deferred["answer"]["decision"], "send", "then it goes out");
}

#[test]
fn a_filter_that_does_not_match_with_its_line() {
    let desk = Desk::with(&row(THURSDAY, "open"));
    let told = desk.json(MONDAY);
    let furniture = rule(&told, "furniture");
    let line = CONFIG.lines().position(|line| line.contains("furniture")).expect("it is there");
    assert_eq!((&furniture["why_not"]["word"], &furniture["line"]), (&"product".into(), &line.into()));
    let text = format!("furniture (./dueherald.toml:{line}): it is for sofa or table, and nothing of that is due");
    assert!(desk.text(MONDAY).contains(&text), "{}", desk.text(MONDAY));
}

#[test]
fn a_tag_that_is_left_out_ends_a_reminder_until_the_tag_is_gone() {
    let desk = Desk::new(&CONFIG.replace("name = \"due-soon\"", "name = \"due-soon\"\nnot_tags = [\"dispute\"]"));
    let tagged = |tags: &str| {
        let columns = "merchant,borrower_id,installment_id,amount,currency,due_date,phone,status,tags";
        let row = format!("mall,B1,I1,128.50,CNY,{THURSDAY},13800100500,open,{tags}");
        std::fs::write(desk.0.path().join("rows.csv"), format!("{columns}\n{row}\n")).expect("a file");
        desk.went_well(&["import", "rows.csv"]);
        desk.scan("2026-11-23T09:00:00+08:00");
    };
    tagged("vip;dispute");
    assert_eq!(rule(&desk.json(MONDAY), "due-soon")["why_not"]["word"], "not_tag");
    assert!(desk.text(MONDAY).contains("it is not for what is tagged dispute, and such is due"));
    tagged("vip");
    assert_eq!(step(&desk.json(MONDAY), "due-soon", -3)["status"], "planned");
}

/// One due date with something sent, something that waits, something to come and something that never will.
fn busy() -> Desk {
    let desk = Desk::with(&row("2026-11-25", "open"));
    desk.scan("2026-11-22T09:00:00+08:00");
    desk.dispatch("2026-11-22T10:00:05+08:00");
    desk.import(&format!(
        "{}\nmall,B1,I2,70,CNY,2026-12-13,13800100500,b1@example.com,,open,",
        row("2026-11-25", "open")
    ));
    desk.scan("2026-11-23T23:30:00+08:00");
    desk
}

#[test]
fn the_whole_text() {
    let desk = busy();
    insta::assert_snapshot!("text", desk.text("2026-11-23T23:30:00+08:00"));
}

#[test]
fn the_whole_json() {
    let (desk, day) = (busy(), "2026-11-25");
    let at = ["--at", "2026-11-23T23:30:00+08:00", "--date", day, "--format", "json"];
    insta::assert_snapshot!("json", desk.went_well(&[&["explain", "--borrower", "B1"], &at[..]].concat()));
}

#[test]
fn nothing_that_identifies_a_person_is_printed() {
    let desk = busy();
    let told = desk.text(MONDAY) + &desk.json(MONDAY).to_string();
    for private in ["13800100500", "138001", "b1@example.com", "128.5"] {
        assert!(!told.contains(private), "{private} in {told}");
    }
    assert!(told.contains("phone ending in 0500"), "{told}");
}

#[test]
fn a_day_narrows_to_the_due_dates_that_it_may_be_about_even_paid_ones() {
    let desk = Desk::with(&format!("{}\nmall,B1,I2,70,CNY,2027-06-01,,,,open,", row(THURSDAY, "paid")));
    let about = |day: &str| {
        let arguments = ["explain", "--borrower", "B1", "--at", MONDAY, "--date", day, "--format", "json"];
        let told: Value = serde_json::from_str(&desk.went_well(&arguments)).expect("JSON");
        let dates = told["due_dates"].as_array().expect("due dates").iter().map(|date| date["due_date"].to_string());
        dates.collect::<Vec<_>>()
    };
    assert_eq!(about("2026-11-23"), [format!("{THURSDAY:?}")]);
    assert_eq!(about("2027-05-30"), ["\"2027-06-01\""]);
    assert!(about("2027-02-01").is_empty());
    assert!(about("+262142-12-31").is_empty(), "however far away");
    let told = desk.text(MONDAY);
    assert!(told.contains("1 more due date is further away; name a day with --date"), "{told}");
}

#[test]
fn who_is_meant_must_be_clear() {
    let desk = Desk::with(&format!("{}\nshop,B1,I9,5,CNY,{THURSDAY},,,,open,", row(THURSDAY, "open")));
    let (code, _, err) = desk.run(&["explain", "--borrower", "B1"]);
    assert_eq!((code, err.contains("several merchants (mall, shop); name one with --merchant")), (2, true), "{err}");
    let told = desk.went_well(&["explain", "--borrower", "B1", "--merchant", "shop", "--at", MONDAY]);
    assert!(told.starts_with("B1 of shop"), "{told}");
    let (code, _, err) = desk.run(&["explain", "--borrower", "B7"]);
    assert_eq!((code, err.contains("the ledger knows no such borrower")), (1, true), "{err}");
}
