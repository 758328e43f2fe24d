//! Notices through the commands: a route moves after the messages were sent, and what cannot follow is corrected.

mod decided;
mod kills;
mod made;

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use dueherald::clock::{Clock, SystemClock};

use crate::commands::Desk;

pub(crate) const SIGNED: [&str; 4] = ["--actor", "wang", "--reason", "入口搬迁"];
const NEW: &str = "https://pay.mall.example.com/moved";

fn today() -> NaiveDate {
    SystemClock.now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive()
}

/// Half past ten in Shanghai, in so many days. What a command puts into the outbox now has fallen due by tomorrow's.
fn half_past_ten(days: u64) -> String {
    format!("{}T10:30:00+08:00", today() + Days::new(days))
}

/// Writes these borrowers of the mall with an instalment each that is due in three days.
pub(crate) fn import(desk: &Desk, borrowers: std::ops::Range<u32>, status: impl Fn(u32) -> &'static str) {
    let due = today() + Days::new(3);
    let row = |n: u32| {
        let (status, product) = (status(n), if n.is_multiple_of(2) { "随心分" } else { "月月付" });
        format!("mall,B{n},张三,I{n},128.50,CNY,{due},138001{n:05},{status},{product}\n")
    };
    let header = "merchant,borrower_id,name,installment_id,amount,currency,due_date,phone,status,product\n".to_owned();
    let text: String = std::iter::once(header).chain(borrowers.map(row)).collect();
    std::fs::write(desk.path("some.csv"), text).expect("written");
    desk.run(&["import", "some.csv"]).went_well();
}

/// Sends each of these borrowers the reminder of today.
pub(crate) fn remind(desk: &Desk, borrowers: std::ops::Range<u32>) {
    import(desk, borrowers, |_| "open");
    desk.run(&["scan", "--at", &half_past_ten(0)]).went_well();
    desk.run(&["dispatch", "--drain", "--at", &half_past_ten(0)]).went_well();
}

pub(crate) fn change_config(desk: &Desk, from: &str, to: &str) {
    let text = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    assert_eq!(text.matches(from).count(), 1, "how often {from:?} is there");
    std::fs::write(desk.path("dueherald.toml"), text.replacen(from, to, 1)).expect("written");
}

/// From now on SMS hold the merchant's entry, the same for everybody.
pub(crate) fn fixed_links(desk: &Desk) {
    change_config(desk, "channel = \"sms\"\n# Where", "channel = \"sms\"\nlink_mode = \"fixed\"\n# Where");
}

fn personal_links(desk: &Desk) {
    change_config(desk, "channel = \"sms\"\nlink_mode = \"fixed\"\n# Where", "channel = \"sms\"\n# Where");
}

/// The entry moves.
pub(crate) fn replace_route(desk: &Desk) -> String {
    let made =
        ["route", "set", "moved", "--merchant", "mall", "--kind", "web", "--url", NEW, "--product", "none-has-it"];
    desk.run(&[&made[..], &SIGNED].concat()).went_well();
    desk.run(&[&["route", "close", "mall-web", "--replace-by", "moved"], &SIGNED[..]].concat()).went_well()
}

pub(crate) fn create<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["notice", "create", name, "--template", "entry-moved"], more, &SIGNED].concat()
}

/// Sends what is due by tomorrow.
pub(crate) fn dispatch(desk: &Desk) -> String {
    desk.run(&["dispatch", "--drain", "--at", &half_past_ten(1)]).went_well()
}

/// How often each borrower got the message of a notice.
pub(crate) fn corrected(desk: &Desk, name: &str) -> BTreeMap<String, usize> {
    let step = format!("notice/{name}");
    let mut counts = BTreeMap::new();
    let mut before = i64::MAX.to_string();
    loop {
        let page = desk.reminders(&["--state", "accepted", "--before", &before]);
        let Some(last) = page.last() else { return counts };
        before = last["id"].to_string();
        for one in page.iter().filter(|one| one["step"] == step.as_str()) {
            *counts.entry(one["borrower"].as_str().expect("a number").to_owned()).or_default() += 1;
        }
    }
}

fn corrections(desk: &Desk) -> Vec<String> {
    desk.captured().into_iter().filter(|text| text.contains("还款入口已更换")).collect()
}

/// 1,000 SMS, 600 of them with personal links; a fifth of each kind is paid when the route is replaced.
fn recall(desk: &Desk) {
    desk.run(&["migrate"]).went_well();
    remind(desk, 0..600);
    fixed_links(desk);
    remind(desk, 600..1000);
    // The link that was sent counts, not the gateway's present setting.
    personal_links(desk);
    assert_eq!(desk.captured().len(), 1000);
    import(desk, 0..1000, |n| if n.is_multiple_of(5) { "paid" } else { "open" });

    let told = replace_route(desk);
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert!(rows.contains(&vec!["sms", "fixed", "320"]) && rows.contains(&vec!["sms", "personal", "480"]), "{told}");
    assert!(told.contains("notice create NAME --affected-by-route mall-web --template entry-moved"), "{told}");

    let affected = ["--affected-by-route", "mall-web"];
    let tried = desk.run(&create("moved", &[&affected[..], &["--dry-run"]].concat())).went_well();
    assert!(tried.starts_with("320 recipients"), "{tried}");
    assert!(!tried.contains("138001") && !tried.contains("128.50"), "nobody's data is shown: {tried}");
    assert_eq!(desk.run(&["notice", "list"]).went_well(), "nothing to show\n", "a dry run keeps nothing");

    let send = [&affected[..], &["--send"]].concat();
    let made = desk.run(&create("moved", &send)).went_well();
    assert!(made.contains("320 recipients") && made.contains("320 to do"), "{made}");
    dispatch(desk);
    let expected: BTreeMap<_, _> = (600..1000).filter(|n| n % 5 != 0).map(|n: u32| (format!("B{n}"), 1)).collect();
    assert_eq!(corrected(desk, "moved"), expected);
    let texts = corrections(desk);
    assert_eq!(texts.len(), 320);
    assert!(texts.iter().all(|text| text.contains("/r/") && text.contains("400-000-0000")), "{}", texts[0]);

    let again = desk.run(&create("moved", &send)).went_well();
    assert!(again.contains("notice moved (done): 320 recipients"), "{again}");
    assert!(dispatch(desk).starts_with("0 sent"), "nothing more is sent");
    assert_eq!((corrected(desk, "moved"), corrections(desk).len()), (expected, 320));
    let listed = desk.run(&["notice", "list", "--format", "json"]).went_well();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(
        (&listed[0]["sent"], &listed[0]["to_do"], &listed[0]["status"]),
        (&320.into(), &0.into(), &"done".into())
    );
}

#[test]
fn a_route_that_moved_is_corrected_where_links_cannot_follow_on_sqlite() {
    recall(&Desk::new(None));
}

#[tokio::test]
async fn a_route_that_moved_is_corrected_where_links_cannot_follow_on_postgresql() {
    let database = crate::postgres::database().await;
    let url = database.url();
    tokio::task::spawn_blocking(move || recall(&Desk::new(Some(url)))).await.expect("it went well");
    drop(database);
}
