//! The volume guard by hand: far more reminders than usual wait until `dueherald reminders approve`, with the real
//! binary on both databases.

use std::fs;

use crate::commands::{Desk, today, write_private};
use crate::postgres::database;

/// Limits of the config, in place of those that `init` wrote as comments.
fn limit(desk: &Desk, least: u32, first_month: u32) {
    let file = desk.path("dueherald.toml");
    let config = fs::read_to_string(&file).expect("init wrote it");
    let section = format!("[schedule.volume]\nleast = {least}\nfirst_month = {first_month}\n");
    assert!(config.contains("[schedule.volume]\n"), "init writes the section");
    write_private(&file, &config.replace("[schedule.volume]\n", &section));
}

fn a_flood_waits_for_a_person(desk: &Desk) {
    let (today, at) = today();
    limit(desk, 1, 3);
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();
    let scanned = desk.run(&["scan", "--at", &at]);
    let lines = scanned.err.lines().filter(|line| line.contains("far more is planned than usual")).count();
    assert_eq!(lines, 2, "one line of the log for each merchant: {}", scanned.err);
    assert!(scanned.went_well().contains("of these are held: far more was planned than usual"));
    assert!(desk.run(&["scan", "--at", &at]).went_well().starts_with("0 planned"), "a second scan changes nothing");
    let held_of = |merchant| desk.reminders(&["--state", "held", "--merchant", merchant]).len();
    let (held, harbor) = (held_of("mall"), held_of("harbor"));
    assert!(held > 3 && harbor > 3 && desk.reminders(&["--state", "planned"]).is_empty(), "{held} are held");

    let sent = desk.run(&["dispatch", "--drain", "--at", &at]);
    assert!(sent.out.starts_with("0 sent") && sent.out.contains("`dueherald reminders approve`"), "{}", sent.out);
    let checked = desk.run(&["check", "--online"]).out;
    let note = format!("reminders of mall planned on {today} are held");
    assert!(checked.contains("volume: ") && checked.contains(&note), "{checked}");

    let approve = |merchant: &str, day: &str| {
        let who = ["--actor", "wang", "--reason", "a new product"];
        desk.run(&[&["reminders", "approve", "--merchant", merchant, "--day", day], &who[..]].concat())
    };
    let day = today.to_string();
    assert_eq!((approve("mall", "2020-01-01").code, approve("harbour", &day).code), (1, 1), "nothing is held there");
    assert_eq!(held_of("mall"), held);
    assert!(approve("mall", &day).went_well().starts_with(&format!("approved: {held} reminders of mall")));
    assert_eq!(approve("mall", &day).code, 1, "once is enough");
    assert_eq!((held_of("mall"), held_of("harbor")), (0, harbor), "each merchant is approved by itself");
    approve("harbor", &day).went_well();
    assert_eq!(held_of("harbor"), 0);
    desk.run(&["check", "--online"]).went_well();
}

#[test]
fn a_flood_waits_for_a_person_on_sqlite() {
    a_flood_waits_for_a_person(&Desk::new(None));
}

#[tokio::test]
async fn a_flood_waits_for_a_person_on_postgresql() {
    let database = database().await;
    a_flood_waits_for_a_person(&Desk::new(Some(database.url())));
}

/// A day that somebody mistypes must not count as the merchant's first one.
#[test]
fn a_new_merchant_stays_new_whatever_day_is_approved() {
    let desk = Desk::new(None);
    let (_, at) = today();
    limit(&desk, 1, 1_000);
    desk.run(&["migrate"]).went_well();
    let early = ["--merchant", "mall", "--day", "2020-01-01", "--actor", "wang", "--reason", "a slip"];
    assert_eq!(desk.run(&[&["reminders", "approve"], &early[..]].concat()).code, 1);
    desk.run(&["import", "sample.csv"]).went_well();
    let scanned = desk.run(&["scan", "--at", &at]).went_well();
    assert!(!scanned.contains("held"), "{scanned}");
}
