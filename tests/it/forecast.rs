//! Forecast: figures that can be worked out by hand, and the truth of them: what scan and dispatch then really send.

use std::collections::BTreeMap;

use dueherald::render::segments;
use rstest::rstest;
use serde_json::{Value, json};

use crate::commands::Desk;

/// Half past midnight in Shanghai, before anything of the day.
const START: &str = "2026-12-01T00:30:00+08:00";

/// The instalments due in December; a borrower without phone and e-mail cannot be reached.
const LEDGER: &str = "merchant,borrower_id,installment_id,amount,currency,due_date,phone,email,status\n\
    mall,B1,I1,128.50,CNY,2026-12-04,13800100501,,open\n\
    mall,B2,I2,128.50,CNY,2026-12-02,13800100502,b2@example.com,open\n\
    mall,B3,I3,128.50,CNY,2026-12-01,,,open\n\
    mall,B4,I4,128.50,CNY,2026-12-03,,b4@example.com,open\n\
    mall,B5,I5,128.50,CNY,2026-12-02,13800100505,,paid\n";

/// Two dates within two days; and two with reminders on one day, the fourth.
const SEVERAL_DATES: &str = "mall,B6,I6,128.50,CNY,2026-12-04,13800100506,,open\n\
    mall,B6,I7,128.50,CNY,2026-12-05,13800100506,,open\n\
    mall,B7,I8,128.50,CNY,2026-12-04,13800100507,,open\n\
    mall,B7,I9,128.50,CNY,2026-12-07,13800100507,,open\n";

/// A desk with prices, one SMS a second, and that ledger.
fn desk(rows: &str, changes: &[(&str, &str)]) -> Desk {
    let desk = Desk::new(None);
    let prices = [
        (
            "kind = \"capture\"\nchannel = \"sms\"\n",
            "kind = \"capture\"\nchannel = \"sms\"\nrate = { per_second = 1 }\nprice = { per_segment = \"0.045\", \
             currency = \"CNY\" }\n",
        ),
        (
            "kind = \"capture\"\nchannel = \"email\"\n",
            "kind = \"capture\"\nchannel = \"email\"\nprice = { per_message = \"0.0005\", currency = \"USD\" }\n",
        ),
    ];
    rewrite(&desk, "dueherald.toml", &[&prices, changes].concat());
    std::fs::write(desk.path("rows.csv"), rows).expect("a file");
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "rows.csv"]).went_well();
    desk
}

/// Writes the config with changes under a name.
fn rewrite(desk: &Desk, name: &str, changes: &[(&str, &str)]) -> String {
    let mut config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    for (before, after) in changes {
        assert!(config.contains(before), "no {before:?} in the config");
        config = config.replacen(before, after, 1);
    }
    std::fs::write(desk.path(name), &config).expect("written");
    config
}

fn as_json(desk: &Desk, arguments: &[&str]) -> Value {
    let forecast = [&["forecast", "--at", START, "--format", "json"], arguments].concat();
    serde_json::from_str(&desk.run(&forecast).went_well()).expect("JSON")
}

/// The counts of a day that can be derived without counting characters.
fn counts(day: &Value) -> (u64, u64, Value) {
    (day["sms"].as_u64().expect("a number"), day["email"].as_u64().expect("a number"), day["skipped"].clone())
}

#[test]
fn every_figure_is_as_worked_out_by_hand() {
    let desk = desk(LEDGER, &[]);
    let told = as_json(&desk, &["--days", "3"]);
    assert_eq!(
        (told["from"].as_str(), told["until"].as_str()),
        (Some("2026-11-30T16:30:00Z"), Some("2026-12-03T16:00:00Z"))
    );
    let days: Vec<_> = told["days"].as_array().expect("a list").iter().map(counts).collect();
    let expected = [
        // B1 three days before, B2 the day before; B3 on the day, on neither channel.
        (2, 0, json!({ "no_contact": 2 })),
        // B2 on the day by both, B4 the day before; B3 the day after.
        (1, 2, json!({ "no_contact": 1 })),
        // B1 the day before, B2 the day after, B4 on the day by e-mail alone.
        (2, 1, json!({ "no_contact": 1 })),
    ];
    assert_eq!(days, expected);
    assert_eq!(counts(&told["total"]), (5, 3, json!({ "no_contact": 4 })));

    // These SMS are two segments each: 5 × 2 × 0.045, and 3 × 0.0005.
    assert_eq!(told["total"]["segments"], 10);
    assert_eq!(told["total"]["cost"], json!({ "CNY": "0.45", "USD": "0.0015" }));
    assert_eq!(told["days"][1]["cost"], json!({ "CNY": "0.09", "USD": "0.001" }));
    let hours: Vec<_> =
        told["hours"].as_array().expect("a list").iter().map(|one| (&one["hour"], &one["gateway"])).collect();
    assert!(hours.iter().all(|(hour, _)| **hour == 10) && hours.len() == 5, "{hours:?}");

    // Two at ten o'clock, one a second: the second leaves a second later, in time.
    let sms = &told["gateways"][0];
    assert_eq!(sms["gateway"], "capture-sms");
    let ten = json!({ "from": "2026-12-01T02:00:00Z", "messages": 2 });
    assert_eq!(sms["busiest"], json!({ "hour": ten, "minute": ten, "second": ten }));
    assert_eq!(
        sms["longest_wait"],
        json!({ "due": "2026-12-01T02:00:00Z", "leaves": "2026-12-01T02:00:01Z", "too_late": 0 })
    );
}

#[test]
fn the_table_and_the_chart_show_it() {
    let desk = desk(LEDGER, &[]);
    let shown = desk.run(&["forecast", "--at", START, "--days", "3", "--svg", "days.svg"]).went_well();
    insta::assert_snapshot!("table", shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));

    let chart = std::fs::read_to_string(desk.path("days.svg")).expect("a chart");
    for part in [
        "Messages by day, 2026-12-01 to 2026-12-03 (Asia/Shanghai)",
        "SMS: 5</text>",
        "E-mail: 3</text>",
        "<title>2026-12-01: 2 SMS</title>",
        "<title>2026-12-02: 2 E-mail</title>",
        ">12-03</text>",
    ] {
        assert!(chart.contains(part), "{part} is missing:\n{chart}");
    }
    assert_eq!(chart.matches("<title>").count(), 5, "no bar of nothing");
    let refused = desk.run(&["forecast", "--svg", "nowhere/days.svg"]);
    assert!(refused.code == 1 && refused.err.contains("cannot be written to nowhere/days.svg"), "{}", refused.err);
}

#[test]
fn a_rate_that_is_too_slow_is_told_with_what_comes_too_late() {
    let rows: String = (0..41)
        .map(|number| format!("mall,C{number},J{number},9.90,CNY,2026-12-04,138001006{number:02},,open\n"))
        .collect();
    let slow = [("# max_lateness = \"12h\"", "max_lateness = \"10s\""), ("per_second = 1 }", "per_second = 2 }")];
    let shown = desk(&format!("{}{rows}", LEDGER.split_inclusive('\n').next().expect("a title")), &slow)
        .run(&["forecast", "--at", START, "--days", "1"])
        .went_well();
    let needs = "capture-sms needs 41/s at 2026-12-01 10:00:00 and allows 2/s: the last of 2026-12-01 10:00:00 leaves \
        at 2026-12-01 10:00:20";
    assert!(shown.contains(needs), "{shown}");
    // Ten seconds at two a second are twenty messages in time.
    assert!(shown.contains("warning: for up to 21 of capture-sms that is too late"), "{shown}");
}

#[rstest]
#[case::plain(&[])]
#[case::caps_and_digests(&[
    ("# [calendars.cn]", "[caps]\nsms = { per_day = 1 }\n# [calendars.cn]"),
    ("offsets = [0]\nat = \"10:00\"", "offsets = [0]\nat = \"11:00\""),
    (FIRST_AVAILABLE, "channels = { mode = \"first_available\", order = [\"sms\", \"email\"] }\ndigest = \"2d\""),
])]
fn what_is_forecast_is_what_is_sent(#[case] changes: &[(&str, &str)]) {
    let desk = desk(&format!("{LEDGER}{SEVERAL_DATES}"), changes);
    let told = as_json(&desk, &["--days", "4"]);
    let days = told["days"].as_array().expect("a list");
    let mut seen = (0, 0);
    for (number, day) in (1..).zip(days) {
        let at = |time: &str| format!("2026-12-{number:02}T{time}+08:00");
        desk.run(&["scan", "--at", &at("00:30:00")]).went_well();
        let dispatched = |time| desk.run(&["dispatch", "--drain", "--at", &at(time)]).went_well();
        let (sent, skipped) = in_all(&[dispatched("10:00:30"), dispatched("11:00:30")]);
        let (sms, segments) = captured(&desk);
        let expected = counts(day);
        assert_eq!((sms - seen.0, json!(skipped)), (expected.0, expected.2), "on day {number}");
        assert_eq!(sent, expected.0 + expected.1, "on day {number}");
        assert_eq!(segments - seen.1, day["segments"].as_u64().expect("a number"), "on day {number}");
        seen = (sms, segments);
    }
    let reasons = told["total"]["skipped"].as_object().expect("reasons");
    for reason in ["capped", "superseded"] {
        assert_eq!(reasons.contains_key(reason), !changes.is_empty(), "{reason} is tried as well: {reasons:?}");
    }
}

const FIRST_AVAILABLE: &str = "channels = { mode = \"first_available\", order = [\"sms\", \"email\"] }";

/// The number of messages that some runs of `dispatch` reported as sent and, by reason, as skipped.
fn in_all(said: &[String]) -> (u64, BTreeMap<String, u64>) {
    let (mut sent, mut skipped) = (0, BTreeMap::new());
    for line in said.iter().flat_map(|said| said.lines()) {
        if let Some((count, reason)) = line.strip_prefix("  skipped ").and_then(|rest| rest.split_once(": ")) {
            *skipped.entry(reason.to_owned()).or_default() += count.parse::<u64>().expect("a number");
        } else if let Some((count, _)) = line.split_once(" sent, ") {
            sent += count.parse::<u64>().expect("a number");
        }
    }
    (sent, skipped)
}

/// Two rules for one due date; one message a week, and the later one goes first.
const LOW_AND_HIGH: &str = "[caps]\nper_7_days = 1\n\n[[rules]]\nname = \"low\"\noffsets = [-7]\nat = \"10:00\"\npriority = -5\n\
    channels = { mode = \"all\", order = [\"sms\"] }\n\n\
    [[rules]]\nname = \"high\"\noffsets = [-2]\nat = \"10:00\"\npriority = 5\n\
    channels = { mode = \"all\", order = [\"sms\"] }\n";

fn low_and_high() -> Desk {
    let row = "merchant,borrower_id,installment_id,amount,currency,due_date,phone,email,status\n\
        mall,B1,I1,128.50,CNY,2026-12-10,13800100501,,open\n";
    let desk = desk(row, &[]);
    let config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    let first = config.find("\n[[rules]]").expect("rules");
    let end = config[first..].find("\n[channels.").expect("channels after the rules") + first;
    let config = format!("{}\n{LOW_AND_HIGH}{}", &config[..first], &config[end..]);
    std::fs::write(desk.path("dueherald.toml"), config).expect("written");
    desk
}

#[test]
fn a_place_is_kept_for_what_has_priority_and_the_forecast_knows_however_far_it_looks() {
    let desk = low_and_high();
    for days in ["5", "7", "8"] {
        let told = as_json(&desk, &["--days", days]);
        assert_eq!(counts(&told["days"][2]), (0, 0, json!({ "capped": 1 })), "the third day of {days}");
    }
    for day in 1..=8 {
        let at = |time: &str| format!("2026-12-{day:02}T{time}+08:00");
        desk.run(&["scan", "--at", &at("00:30:00")]).went_well();
        desk.run(&["dispatch", "--drain", "--at", &at("10:00:30")]).went_well();
    }
    let state = |one: &Value| format!("{} {}", one["step"].as_str().unwrap_or(""), one["state"].as_str().unwrap_or(""));
    let mut told: Vec<_> = desk.reminders(&[]).iter().map(state).collect();
    told.sort_unstable();
    assert_eq!(told, ["high/-2 accepted", "low/-7 skipped"]);
}

#[test]
fn what_lies_before_the_start_is_neither_forecast_nor_promised() {
    let start = ("# horizon = \"2d\"", "start_from = \"2026-12-04\"");
    let desk = desk(LEDGER, &[start]);
    let told = as_json(&desk, &["--days", "3"]);
    assert_eq!(counts(&told["total"]), (0, 0, json!({})), "nothing until the fourth");
    let told = desk.run(&["explain", "--borrower", "B2", "--at", START, "--format", "json"]).went_well();
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let rules = told["due_dates"][0]["rules"].as_array().expect("rules");
    let steps = || rules.iter().flat_map(|rule| rule["steps"].as_array().expect("steps"));
    let early: Vec<_> = steps().filter(|step| step["day"].as_str().is_some_and(|day| day < "2026-12-04")).collect();
    assert!(!early.is_empty());
    assert!(early.iter().all(|step| step["status"] == "none"), "{early:#?}");
    assert!(early.iter().any(|step| step["why"]["word"] == "before_start"), "{early:#?}");
}

/// How many SMS were handed over so far, and their segments.
fn captured(desk: &Desk) -> (u64, u64) {
    let files = std::fs::read_dir(desk.path("captured")).map(|files| files.flatten().collect::<Vec<_>>());
    let texts = files
        .unwrap_or_default()
        .into_iter()
        .map(|file| file.path())
        .filter(|path| path.extension() == Some("txt".as_ref()));
    let parts: Vec<_> = texts
        .map(|path| std::fs::read_to_string(path).expect("a message"))
        .map(|text| segments(text.trim_end()).parts as u64)
        .collect();
    (parts.len() as u64, parts.iter().sum())
}

#[test]
fn a_stop_counts_as_lifted_and_what_is_planned_counts_once() {
    let desk = desk(LEDGER, &[]);
    desk.run(&["scan", "--at", START]).went_well();
    desk.run(&["suppress", "stop", "--channel", "sms", "--reason", "trial", "--actor", "wang"]).went_well();
    let told = as_json(&desk, &["--days", "3"]);
    assert_eq!(counts(&told["total"]).0, 5, "a stop counts as lifted, and what is planned is not counted twice");
    assert!(told["notes"].to_string().contains("stopped: everything on sms, by wang"), "{}", told["notes"]);
}

#[test]
fn a_comparison_names_who_gains_and_who_loses() {
    let desk = desk(LEDGER, &[]);
    let other = [("offsets = [-3, -1]", "offsets = [-2]"), ("sqlite:dueherald.db", "sqlite:other.db")];
    rewrite(&desk, "other.toml", &other);
    let compared = as_json(&desk, &["--days", "3", "--compare", "other.toml"]);
    assert_eq!(compared["total"], json!({ "now": 8, "then": 6, "gained": 2, "lost": 4 }));
    let changed: Vec<_> = compared["changed"].as_array().expect("a list").iter().map(in_short).collect();
    // In the order of the ledger: by due date.
    let expected = [
        "lost B2 2026-12-02 due-soon/-1 sms",
        "gained B4 2026-12-03 due-soon/-2 email",
        "lost B4 2026-12-03 due-soon/-1 email",
        "lost B1 2026-12-04 due-soon/-3 sms",
        "gained B1 2026-12-04 due-soon/-2 sms",
        "lost B1 2026-12-04 due-soon/-1 sms",
    ];
    let mut sorted = (changed.clone(), expected.to_vec());
    sorted.0.sort();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1);
    assert!(changed[0].contains("B2") && changed[5].contains("B1"), "{changed:?}");
    let shown = desk.run(&["forecast", "--at", START, "--days", "3", "--compare", "other.toml"]).went_well();
    insta::assert_snapshot!("comparison", shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    assert!(!desk.path("other.db").exists(), "its database is left alone");

    let same = desk.run(&["forecast", "--at", START, "--compare", "dueherald.toml"]).went_well();
    assert!(same.contains("nobody gains or loses a reminder"), "{same}");
}

fn in_short(changed: &Value) -> String {
    let words =
        ["change", "borrower", "due_date", "step", "channel"].map(|key| changed[key].as_str().unwrap_or_default());
    words.join(" ")
}

#[test]
fn a_bad_other_config_shows_its_mistakes_as_check_does() {
    let desk = desk(LEDGER, &[]);
    let text = rewrite(
        &desk,
        "other.toml",
        &[("offsets = [0]", "ofsets = [0]"), ("time_zone = \"America/New_York\"", "time_zone = \"America/Boston\"")],
    );
    let refused = desk.run(&["forecast", "--compare", "other.toml"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{}", refused.err);
    for wrong in ["ofsets", "America/Boston"] {
        let line = text.lines().position(|line| line.contains(wrong)).expect("it is there") + 1;
        assert!(refused.err.contains(&format!("other.toml:{line}:")), "{wrong}: {}", refused.err);
    }
}

#[rstest]
#[case(r#"{ per_message = "0.1", per_segment = "0.1", currency = "CNY" }"#, "has both")]
#[case(r#"{ currency = "CNY" }"#, "names no price")]
#[case(r#"{ per_segment = "0.1" }"#, "currency: is missing")]
#[case(r#"{ per_segment = "0.1", currency = "XYZ" }"#, "ISO 4217")]
#[case(r#"{ per_segment = "1000000", currency = "CNY" }"#, "below 1000000")]
#[case(r#"{ per_segment = 0.1, currency = "CNY" }"#, "write text in quotes")]
fn a_mistaken_price_is_told_with_its_line(#[case] price: &str, #[case] expected: &str) {
    let desk = Desk::new(None);
    let at = "kind = \"capture\"\nchannel = \"sms\"\n";
    let text = rewrite(&desk, "dueherald.toml", &[(at, &format!("{at}price = {price}\n"))]);
    let refused = desk.run(&["check"]);
    let line = text.lines().position(|line| line.starts_with("price")).expect("it is there") + 1;
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains(&format!("dueherald.toml:{line}:")) && refused.err.contains(expected),
        "{}",
        refused.err
    );
}

#[test]
fn an_email_has_no_segments() {
    let desk = Desk::new(None);
    let at = "kind = \"capture\"\nchannel = \"email\"\n";
    rewrite(&desk, "dueherald.toml", &[(at, &format!("{at}price = {{ per_segment = \"1\", currency = \"CNY\" }}\n"))]);
    let refused = desk.run(&["check"]);
    assert!(
        refused.code == 2 && refused.err.contains("an e-mail has no segments; write per_message"),
        "{}",
        refused.err
    );
}
