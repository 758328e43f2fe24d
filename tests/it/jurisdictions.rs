//! Jurisdictions: their clauses change at midnight, and the docs list all of them.

use std::fs;

use chrono_tz::America::New_York;
use chrono_tz::Asia::Shanghai;
use chrono_tz::Tz;
use dueherald::domain::{Jurisdiction, Merchant};
use dueherald::plan::{Basis, Clause, ContactHours, Pack, Policy, Zones, pack};
use rstest::rstest;

use crate::fixtures::{at, merchant, policy};

/// Hours that get narrower with the first day of 2027.
const CHANGES: &str = r#"
name = "Somewhere"

[[clauses]]
rule = "until nine"
contact_hours = "08:00-21:00"
citation = "Act 1"
source = "https://law.example.com/1"
effective_until = "2027-01-01"
basis = "confirmed"

[[clauses]]
rule = "from nine to eight"
contact_hours = "09:00-20:00"
citation = "Act 2"
source = "https://law.example.com/2"
effective_from = "2027-01-01"
basis = "confirmed"
"#;

fn contact_hours(zone: Tz) -> ContactHours<'static> {
    let pack = Pack::from_toml(CHANGES).expect("a pack");
    ContactHours { hours: pack.contact_hours, zones: Zones::one(zone), working_days: None }
}

#[rstest]
#[case::evening_before("2026-12-31T20:30", "2026-12-31T20:30", Some("2026-12-31T21:00"))]
#[case::night_between("2026-12-31T21:00", "2027-01-01T09:00", None)]
#[case::morning_before("2026-12-31T08:30", "2026-12-31T08:30", Some("2026-12-31T21:00"))]
#[case::morning_after("2027-01-01T08:30", "2027-01-01T09:00", None)]
#[case::evening_after("2027-01-01T20:30", "2027-01-02T09:00", None)]
#[case::noon_after("2027-01-01T12:00", "2027-01-01T12:00", Some("2027-01-01T20:00"))]
fn hours_change_at_midnight_where_the_borrower_is(
    #[values(Shanghai, New_York)] zone: Tz,
    #[case] asked: &str,
    #[case] allowed: &str,
    #[case] closing: Option<&str>,
) {
    let local = |text: &str| {
        let time: chrono::NaiveDateTime = format!("{text}:00").parse().expect("a time");
        time.and_local_timezone(zone).single().expect("it comes once").to_utc()
    };
    let hours = contact_hours(zone);
    assert_eq!(hours.next_allowed(local(asked)), Some(local(allowed)));
    assert_eq!(hours.allow(local(asked)), asked == allowed);
    if let Some(closing) = closing {
        assert_eq!(hours.closing(local(asked)), local(closing));
    }
}

#[test]
fn at_one_instant_the_change_holds_in_shanghai_and_not_in_new_york() {
    let instant = at("2027-01-01T00:30:00Z");
    assert!(!contact_hours(Shanghai).allow(instant), "half past eight of the new year");
    assert!(contact_hours(New_York).allow(instant), "half past seven in the evening of the old");
    let later = at("2027-01-01T01:30:00Z");
    assert!(contact_hours(Shanghai).allow(later), "half past nine of the new year");
    assert!(contact_hours(New_York).allow(later), "half past eight in the evening of the old, which ends at nine");
}

#[rstest]
#[case::before("2024-04-04T03:59:59Z", None)]
#[case::after("2024-04-04T04:00:00Z", Some(5))]
fn an_opt_out_is_confirmed_from_the_day_of_the_rule_at_the_merchant(#[case] now: &str, #[case] minutes: Option<i64>) {
    let jurisdiction = "us".parse().expect("a jurisdiction");
    let american = Merchant { jurisdiction, time_zone: New_York, ..merchant() };
    let policy = Policy { merchants: [(american.id.clone(), american)].into(), ..policy() };
    let within = policy.confirmations(at(now)).into_values().next();
    assert_eq!(within.map(|within| within.num_minutes()), minutes);
}

#[test]
fn the_docs_list_every_clause() {
    const MARK: &str = "<!-- The rest of this page is written by a test from the files. -->\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/jurisdictions.md");
    let text = fs::read_to_string(file).expect("it is there");
    let (head, _) = text.split_once(MARK).expect("the mark is there");
    let expected = format!("{head}{MARK}{}", Jurisdiction::all().map(listed).collect::<String>());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        return fs::write(file, &expected).expect("it can be written");
    }
    assert!(
        text == expected,
        "docs/jurisdictions.md is not what the packs say; set INSTA_UPDATE=always to write it anew"
    );
}

fn listed(jurisdiction: Jurisdiction) -> String {
    let pack = pack(jurisdiction);
    let clauses: String = pack.clauses.iter().map(line).collect();
    format!("\n## `{jurisdiction}`: {}\n\n{clauses}", pack.name)
}

fn line(clause: &Clause) -> String {
    let days = match (clause.effective_from, clause.effective_until) {
        (None, None) => String::new(),
        (Some(from), None) => format!("; from {from}"),
        (None, Some(until)) => format!("; until {until}"),
        (Some(from), Some(until)) => format!("; from {from} until {until}"),
    };
    let basis = match clause.basis {
        Basis::Confirmed => "",
        Basis::NotConfirmed => "; not confirmed",
        Basis::Default => "; a default, not a rule of law",
    };
    let hours = clause.contact_hours.map(|hours| format!(" **{hours}**")).unwrap_or_default();
    let (kind, rule, citation, source) = (clause.kind(), &clause.rule, &clause.citation, &clause.source);
    format!("- {kind}:{hours} {rule} ([{citation}]({source}){days}{basis})\n")
}
