//! Changes between planning and sending take effect, with the real binary: of a rule, a preference, a time zone, an
//! opt-out.

use rstest::rstest;
use serde_json::Value;

use crate::commands::Desk;

const DUE: &str = "2026-12-01";
const EVE: &str = "2026-11-30T23:00:00+08:00";
const TEN: &str = "2026-12-01T10:00:30+08:00";

/// A rule for the due date alone.
const RULE: &str = "[[rules]]\nname = \"due-today\"\noffsets = [0]\nat = \"10:00\"\nmax_lateness = \"12h\"\nchannels \
    = { mode = \"first_available\", order = [\"sms\", \"email\"] }\n";

/// A desk on the eve of a due date, with its step in the outbox.
fn desk(rule: &str) -> Desk {
    let desk = Desk::new(None);
    write_rule(&desk, rule);
    desk.run(&["migrate"]).went_well();
    import(&desk, "13800100500,b1@example.com,,");
    scan(&desk);
    desk
}

fn write_rule(desk: &Desk, rule: &str) {
    let config = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    let first = config.find("\n[[rules]]").expect("rules");
    let end = config[first..].find("\n[channels.").expect("channels after the rules") + first;
    let config = format!("{}\n{rule}{}", &config[..first], &config[end..]);
    std::fs::write(desk.path("dueherald.toml"), config).expect("written");
}

/// Phone, e-mail, preferred channel, time zone.
fn import(desk: &Desk, contact: &str) {
    let row = format!(
        "merchant,borrower_id,installment_id,currency,amount,due_date,phone,email,preferred_channel,time_zone\n\
         mall,B1,I1,CNY,128.50,{DUE},{contact}\n"
    );
    std::fs::write(desk.path("rows.csv"), row).expect("a file");
    desk.run(&["import", "rows.csv"]).went_well();
}

fn scan(desk: &Desk) {
    desk.run(&["scan", "--at", EVE]).went_well();
}

fn dispatch(desk: &Desk, at: &str) {
    desk.run(&["dispatch", "--drain", "--at", at]).went_well();
}

/// Step, channel and state of each reminder, and why it was skipped.
fn outbox(desk: &Desk) -> Vec<String> {
    let told = desk.run(&["reminders", "list", "--format", "json"]).went_well();
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        let why = if one["state"] == "skipped" { format!(" {}", text(one, "detail")) } else { String::new() };
        format!("{} {} {}{why}", text(one, "step"), text(one, "channel"), text(one, "state"))
    };
    let mut lines: Vec<_> = told.as_array().expect("a list").iter().map(line).collect();
    lines.sort_unstable();
    lines
}

#[rstest]
#[case::its_day(("offsets = [0]", "offsets = [-9]"), "due-today/0 sms skipped superseded")]
#[case::its_product(("offsets = [0]", "offsets = [0]\nproducts = [\"sofa\"]"), "due-today/0 sms skipped superseded")]
#[case::its_name(("due-today", "on-the-day"), "due-today/0 sms skipped superseded")]
fn a_step_that_a_rule_has_no_more_is_not_sent(#[case] change: (&str, &str), #[case] expected: &str) {
    for scans in [false, true] {
        let desk = desk(RULE);
        write_rule(&desk, &RULE.replace(change.0, change.1));
        if scans {
            scan(&desk);
        }
        dispatch(&desk, TEN);
        let told = outbox(&desk);
        assert!(told.contains(&expected.to_owned()), "{told:?}");
        let accepted = told.iter().filter(|line| line.ends_with("accepted")).count();
        assert_eq!(accepted, usize::from(scans && change.0 == "due-today"), "{told:?}");
    }
}

#[test]
fn a_new_time_of_day_moves_what_waits() {
    let desk = desk(RULE);
    write_rule(&desk, &RULE.replace("10:00", "11:00"));
    dispatch(&desk, TEN);
    assert_eq!(outbox(&desk), ["due-today/0 sms planned"], "too early, though no scan has seen it");
    dispatch(&desk, "2026-12-01T11:00:30+08:00");
    assert_eq!(outbox(&desk), ["due-today/0 sms accepted"]);
}

#[test]
fn a_sooner_time_of_day_reaches_what_waits() {
    let desk = desk(RULE);
    write_rule(&desk, &RULE.replace("10:00", "09:00"));
    let told = desk.run(&["scan", "--at", EVE]).went_well();
    assert!(told.contains("1 that wait were changed"), "{told}");
    dispatch(&desk, "2026-12-01T09:00:30+08:00");
    assert_eq!(outbox(&desk), ["due-today/0 sms accepted"]);
}

#[test]
fn a_corrected_time_zone_moves_what_waits() {
    let desk = desk(RULE);
    import(&desk, "13800100500,b1@example.com,,Europe/London");
    dispatch(&desk, TEN);
    assert_eq!(outbox(&desk), ["due-today/0 sms planned"], "two at night in London");
    scan(&desk);
    dispatch(&desk, "2026-12-01T10:00:30+00:00");
    assert_eq!(outbox(&desk), ["due-today/0 sms accepted"]);
}

#[rstest]
#[case::a_preferred_channel("13800100500,b1@example.com,email,", "superseded")]
#[case::no_phone_any_more(",b1@example.com,,", "no_contact")]
fn another_channel_takes_over(#[case] contact: &str, #[case] without_scan: &str) {
    for scans in [false, true] {
        let desk = desk(RULE);
        import(&desk, contact);
        if scans {
            scan(&desk);
        }
        dispatch(&desk, TEN);
        dispatch(&desk, "2026-12-01T10:05:00+08:00");
        let why = if scans { "superseded" } else { without_scan };
        let expected = if !scans && without_scan == "superseded" {
            vec!["due-today/0 sms accepted".to_owned()]
        } else {
            vec!["due-today/0 email accepted".to_owned(), format!("due-today/0 sms skipped {why}")]
        };
        assert_eq!(outbox(&desk), expected, "scanned: {scans}");
    }
}

#[rstest]
#[case::first_available("first_available\"")]
#[case::fallback("fallback\", after = \"30m\"")]
fn an_opt_out_after_planning_leads_to_the_other_channel(#[case] mode: &str) {
    let desk = desk(&RULE.replace("first_available\"", mode));
    let reason = ["--reason", "opted_out", "--actor", "wang"];
    let suppress = ["suppress", "add", "+8613800100500", "--merchant", "mall"];
    desk.run(&[&suppress[..], &reason].concat()).went_well();
    dispatch(&desk, TEN);
    assert_eq!(outbox(&desk), ["due-today/0 email accepted", "due-today/0 sms skipped opted_out"]);
}

#[test]
fn a_channel_taken_out_of_a_rule_is_used_no_more() {
    let desk = desk(RULE);
    write_rule(&desk, &RULE.replace("[\"sms\", \"email\"]", "[\"email\"]"));
    dispatch(&desk, TEN);
    assert_eq!(outbox(&desk), ["due-today/0 email accepted", "due-today/0 sms skipped superseded"]);
}

#[test]
fn a_filter_sets_nothing_aside_that_a_rejected_record_holds() {
    let desk = desk(RULE);
    let row = format!(
        "merchant,borrower_id,installment_id,currency,amount,due_date,phone,email,status\n\
         mall,B1,I1,CNY,128.50,{DUE},13800100500,b1@example.com,settled\n"
    );
    std::fs::write(desk.path("rows.csv"), row).expect("a file");
    assert_eq!(desk.run(&["import", "rows.csv"]).code, 3);
    write_rule(&desk, &RULE.replace("offsets = [0]", "offsets = [0]\nproducts = [\"sofa\"]"));
    assert_eq!(desk.run(&["dispatch", "--drain", "--at", TEN]).code, 3, "something is held");
    assert_eq!(outbox(&desk), ["due-today/0 sms held"], "what the record says may match the filter");
}
