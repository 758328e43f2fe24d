//! The Maildir of bounces is emptied only as far as what it says is stored.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use chrono::Days;
use dueherald::app::{App, Time};
use dueherald::clock::SimClock;
use dueherald::config::Config;
use dueherald::domain::{GatewayName, ReminderId};
use dueherald::gateway::mail::Maildir;
use dueherald::pipeline::{Intake, MailboxError, MailboxSummary, empty};
use dueherald::store::{SchemaStore, SqliteStore};
use rstest::rstest;

use crate::fixtures::{at, composer};
use crate::routes::{half_past_ten, planned, today};

#[tokio::test]
async fn what_the_store_did_not_take_stays_where_it_arrived() {
    let folder = tempfile::tempdir().unwrap();
    for within in ["new", "cur"] {
        fs::create_dir(folder.path().join(within)).unwrap();
    }
    let clock = Arc::new(SimClock::at(at("2026-11-22T04:00:00Z")));
    let url = format!("sqlite:{}", folder.path().join("dueherald.db").display());
    let store = Arc::new(SqliteStore::open(&url, clock.clone()).await.unwrap());
    let composer = composer();
    let bounce = include_str!("gateway/returned/qmail.eml");
    let bounce = bounce.replace("ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw", &composer.reference(ReminderId(1)));
    fs::write(folder.path().join("new/1.M1.mx"), bounce).unwrap();
    let intake = Intake { store: store.clone(), policy: Arc::default(), composer, gateways: BTreeMap::new(), clock };
    let (maildir, gateway) = (Maildir(folder.path().to_owned()), GatewayName::new("mail").unwrap());

    // No schema yet: the store fails.
    assert!(matches!(empty(&intake, &gateway, &maildir).await, Err(MailboxError::Store(_))));
    assert!(folder.path().join("new/1.M1.mx").exists());
    store.migrate().await.unwrap();
    let emptied = empty(&intake, &gateway, &maildir).await.unwrap();
    assert_eq!(emptied, MailboxSummary { reports: 1, others: 0, unreadable: 0 });
    assert!(folder.path().join("cur/1.M1.mx:2,S").exists());
    assert_eq!(empty(&intake, &gateway, &maildir).await.unwrap(), MailboxSummary::default());
}

/// A folder with a name that is taken in `cur` cannot be moved there.
#[tokio::test]
async fn what_cannot_be_put_away_keeps_nothing_else_from_it() {
    let folder = tempfile::tempdir().unwrap();
    for within in ["new/0.M0.mx", "cur/0.M0.mx:2,F/taken"] {
        fs::create_dir_all(folder.path().join(within)).unwrap();
    }
    for number in 1..=250 {
        fs::write(folder.path().join(format!("new/{number}.M{number}.mx")), "From: li@example.com\n\nHello\n").unwrap();
    }
    let clock = Arc::new(SimClock::at(at("2026-11-22T04:00:00Z")));
    let url = format!("sqlite:{}", folder.path().join("dueherald.db").display());
    let store = Arc::new(SqliteStore::open(&url, clock.clone()).await.unwrap());
    store.migrate().await.unwrap();
    let composer = composer();
    let intake = Intake { store, policy: Arc::default(), composer, gateways: BTreeMap::new(), clock };
    let (maildir, gateway) = (Maildir(folder.path().to_owned()), GatewayName::new("mail").unwrap());
    for round in ["the first round", "the next"] {
        let told = empty(&intake, &gateway, &maildir).await;
        assert!(matches!(told, Err(MailboxError::Folder(_))), "{round}: {told:?}");
        let left: Vec<_> =
            fs::read_dir(folder.path().join("new")).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left, ["0.M0.mx"], "{round}");
    }
}

#[rstest]
#[case::the_borrowers_address("wang@example.com", true)]
#[case::another_address("wang@elsewhere.example", false)]
#[tokio::test]
async fn a_piped_bounce_says_suppressed_only_when_an_address_is(#[case] bounced: &str, #[case] is_suppressed: bool) {
    let desk = planned(0, &[]);
    let due = today() + Days::new(3);
    let row = format!(
        "merchant,borrower_id,installment_id,amount,currency,due_date,email\nmall,B9,I9,1.00,CNY,{due},wang@example.com\n"
    );
    fs::write(desk.path("mail.csv"), row).unwrap();
    desk.run(&["import", "mail.csv"]).went_well();
    desk.run(&["scan", "--at", &half_past_ten()]).went_well();
    desk.run(&["dispatch", "--drain", "--at", &half_past_ten()]).went_well();
    let reminder = desk.reminders(&[]).first().and_then(|reminder| reminder["id"].as_i64()).expect("a reminder");
    let file = desk.path("dueherald.toml");
    let mut config = fs::read_to_string(&file).unwrap();
    config += "\n[gateways.mail]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nsecurity = \"none\"\nfrom = \"repay@mall.example.com\"\n";
    fs::write(&file, config).unwrap();
    let app = App::start(Config::load_file(&file).expect("a sound config"), &Time::Real).await.unwrap();
    let reference = app.composer.reference(ReminderId(reminder));
    let bounce = include_str!("gateway/returned/postfix-1.eml");
    let return_path = "bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@example.test";
    let bounce =
        bounce.replace("ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw", &reference).replace(return_path, "repay@mall.example.com");
    fs::write(desk.path("bounce.eml"), bounce.replace("nobody@example.test", bounced)).unwrap();
    let mut command = desk.command(&["receipts", "mail"]);
    let output = command.stdin(fs::File::open(desk.path("bounce.eml")).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("the message did not arrive, and nothing will at that address"), "{said}");
    assert_eq!(said.contains("the address is suppressed"), is_suppressed, "{said}");
    let listed = desk.run(&["suppress", "list", "--wide"]).went_well();
    assert_eq!(listed.contains("bounced"), is_suppressed, "{listed}");
}
