//! The Maildir of bounces is emptied only as far as what it says is stored.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use dueherald::clock::SimClock;
use dueherald::domain::{GatewayName, ReminderId};
use dueherald::gateway::mail::Maildir;
use dueherald::pipeline::{Emptied, Intake, MailboxError, empty};
use dueherald::store::{SqliteStore, Store};

use crate::fixtures::{at, composer};

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
    assert_eq!(emptied, Emptied { reports: 1, others: 0, unreadable: 0 });
    assert!(folder.path().join("cur/1.M1.mx:2,S").exists());
    assert_eq!(empty(&intake, &gateway, &maildir).await.unwrap(), Emptied::default());
}
