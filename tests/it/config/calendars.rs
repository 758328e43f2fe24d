//! Calendars, contact hours of a merchant's own, and everything that a rule may ask for.

use dueherald::plan::{Days, OnHoliday, RuleWarning, RulesMatch, TimeOfDay, rule_warnings};
use rstest::rstest;

use super::{changed, checked, load, told};

const DUE_TODAY: &str = "offsets = [0]\nat = \"10:30\"\n";
const MALL: &str = "support = { phone = \"400-000-0000\" }\n";

/// The sound config with a rule's days and time, and what else it says.
fn with_rule(lines: &str) -> String {
    changed(&[(DUE_TODAY, lines)])
}

fn with_calendar(lines: &str) -> String {
    format!("{}\n[calendars.cn]\n{lines}\n", changed(&[(MALL, &format!("{MALL}calendar = \"cn\"\n"))]))
}

#[test]
fn a_rule_may_ask_for_all_of_this() {
    let config = load(
        &changed(&[])
            .replace(
                "time_zone = \"Asia/Shanghai\"\n\n[merchants.mall]",
                "time_zone = \"Asia/Shanghai\"\nrules_match = \"first\"\n\n[merchants.mall]",
            )
            .replace(
                DUE_TODAY,
                "weekdays = [\"monday\", \"thursday\"]\nwithin = { from = -7, to = 30 }\nspread = \"09:00-11:30\"\n\
             products = [\"Sofa\"]\ntags = [\"vip\"]\nsequence = { from = 1, to = 3 }\noverdue_days = { to = 20 }\n\
             amount = { currency = \"CNY\", at_least = \"100.50\", at_most = 5000 }\nstop_after = \"60d\"\n\
             on_holiday = \"next_working_day\"\npriority = 5\n",
            ),
        &[],
    )
    .expect("it is sound");
    assert_eq!(config.policy.rules_match, RulesMatch::First);
    let rule = &config.policy.rules[1];
    let Days::Weekdays { days, span } = &rule.days else { panic!("{:?}", rule.days) };
    assert_eq!((days.len(), span), (2, &(-7..=30)));
    assert!(matches!(rule.at, TimeOfDay::Spread { .. }));
    assert_eq!((rule.filters.sequence.clone(), rule.overdue_days.clone()), (Some(1..=3), Some(1..=20)));
    let amount = rule.filters.amount.as_ref().expect("a range");
    assert_eq!(amount.at_least.map(|least| least.to_string()).as_deref(), Some("100.50"));
    assert_eq!((rule.stop_after, rule.on_holiday, rule.priority), (Some(60), OnHoliday::NextWorkingDay, 5));
    assert_eq!(rule.line, 50, "explain tells it");
}

#[rstest]
#[case::both_days(
    "offsets = [0]\nweekdays = [\"monday\"]\nat = \"10:30\"\n",
    "offsets: does not go with weekdays; leave one of the two out"
)]
#[case::both_times(
    "offsets = [0]\nspread = \"09:00-10:00\"\nat = \"10:30\"\n",
    "at: does not go with spread; leave one of the two out"
)]
#[case::no_span(
    "offsets = [0]\nspread = \"11:00-10:00\"\n",
    "spread: \"11:00-10:00\" is no span of a day from an earlier to a later time, such as \"08:00-20:00\""
)]
#[case::no_day("weekdays = [\"mo\"]\nat = \"10:30\"\n", "weekdays: \"mo\" is unknown; write \"monday\", \"tuesday\"")]
#[case::empty_range(
    "offsets = [0]\nat = \"10:30\"\nsequence = { from = 3, to = 1 }\n",
    "sequence: ends before it begins"
)]
#[case::empty_amount(
    "offsets = [0]\nat = \"10:30\"\namount = { currency = \"CNY\", at_least = 5, at_most = 1 }\n",
    "amount: ends before it begins"
)]
#[case::no_amount(
    "offsets = [0]\nat = \"10:30\"\namount = { currency = \"CNY\", at_least = \"five\" }\n",
    "amount.at_least: \"five\" is no amount"
)]
#[case::half_a_day("offsets = [0]\nat = \"10:30\"\nstop_after = \"36h\"\n", "stop_after: is no whole number of days")]
#[case::no_calendar(
    "offsets = [0]\nat = \"10:30\"\ncalendar = \"cn\"\n",
    "calendar: there is no calendar \"cn\"; write a section [calendars.cn]"
)]
fn a_rule_that_is_mistaken_is_told(#[case] lines: &str, #[case] text: &str) {
    let told = told(&with_rule(lines), &[]);
    assert!(told.contains(&format!("rules[due-today].{text}")) && told.lines().count() == 1, "{told}");
}

#[test]
fn a_calendar_is_a_list_or_a_file_or_both() {
    let text = with_calendar(
        "file = \"holidays.ics\"\nholidays = [2027-06-09]\nworking_days = [\"2027-02-20\"]\nweekend = [\"sunday\"]",
    );
    let config = load(&text, &[]).expect("it is sound");
    let terms = config.policy.terms.values().next().expect("the mall has a calendar");
    let calendar = terms.calendar.as_deref().expect("it was read");
    let off = ["2027-01-01", "2028-01-01", "2027-02-05", "2027-02-11", "2027-06-09", "2027-02-28"];
    let worked = ["2027-02-12", "2027-02-20", "2027-01-02", "2027-02-14"];
    for (days, works) in [(&off[..], false), (&worked[..], true)] {
        for day in days {
            assert_eq!(calendar.is_working_day(day.parse().expect("a date")), works, "{day}");
        }
    }
}

/// A file alone is no reference to a secret.
#[test]
fn a_calendar_may_be_a_file_alone() {
    let config = load(&with_calendar("file = \"holidays.ics\""), &[]).expect("it is sound");
    assert!(config.policy.terms.values().all(|terms| terms.calendar.is_some()));
}

#[test]
fn a_calendar_that_is_mistaken_is_told_with_file_and_line() {
    insta::assert_snapshot!(told(&with_calendar("file = \"broken.ics\""), &[]), @r#"
    conf/broken.ics:4: calendars.cn.file: DTSTART has a time, and holidays are whole days; write for example DTSTART;VALUE=DATE:20270101
    conf/broken.ics:8: calendars.cn.file: is a repetition that is not understood; write FREQ=YEARLY, with COUNT or UNTIL if it ends, or an event of its own for each holiday
    conf/broken.ics:11: calendars.cn.file: is an event that does not end 1 to 100 days after it begins (DTEND is the day after its last)
    conf/broken.ics:14: calendars.cn.file: is no line of an iCalendar file: it has no colon
    "#);
    let told = told(&with_calendar("file = \"none.ics\"\nweekend = [\"Sonntag\"]"), &[]);
    assert!(told.contains("calendars.cn.file: the file conf/none.ics cannot be read"), "{told}");
    assert!(told.contains("calendars.cn.weekend: \"Sonntag\" is unknown"), "{told}");
}

#[test]
fn hours_may_be_narrower_and_wider_only_when_it_is_said_twice() {
    let with = |lines: &str| changed(&[(MALL, &format!("{MALL}{lines}\n"))]);
    let config = load(&with("contact_hours = \"09:00-20:00\""), &[]).expect("it is sound");
    let mall = config.policy.merchants.values().find(|merchant| merchant.id.as_str() == "mall").expect("it is there");
    assert_eq!(config.policy.hours_of(mall).to_string(), "09:00-20:00");
    let told = told(&with("contact_hours = \"07:00-20:00\""), &[]);
    assert!(told.contains("merchants.mall.contact_hours: lies outside 08:00-22:00, the hours of cn"), "{told}");
    assert!(load(&with("contact_hours = \"07:00-20:00\"\ncontact_hours_may_be_wider = true"), &[]).is_ok());
}

#[tokio::test]
async fn a_check_warns_of_what_may_not_be_meant_with_its_line() {
    let text = with_rule("offsets = [-1, 0]\nat = \"10:30\"\non_holiday = \"next_working_day\"\n");
    let text = format!("{text}\n[calendars.old]\nholidays = [\"2026-10-01\"]\n")
        .replace(MALL, &format!("{MALL}calendar = \"old\"\n"));
    let config = load(&text, &[]).expect("it is sound");
    assert!(matches!(rule_warnings(&config.policy)[..], [RuleWarning::Overlap { .. }]));
    let (_, shown) = checked(&config, None).await;
    for line in [
        "  conf/dueherald.toml:50: rules[due-today]: reminds as rule due-soon does: borrowers of harbour may get two \
         sms 1 day before; narrow one of them, or write rules_match = \"first\"\n",
        "  the calendar of rule due-today for mall names no day after 2026-10-01: add the holidays that follow\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}
