//! Tests of the guard with files of its own: processes that start together.

use std::sync::Arc;

use chrono::DateTime;
use tempfile::TempDir;

use super::{Guard, GuardHold};
use crate::clock::SimClock;
use crate::journal::Journal;
use crate::plan::WaitReason;
use crate::store::MemoryStore;

#[tokio::test]
async fn processes_that_start_together_on_a_new_database_all_send() {
    let folder = TempDir::new().expect("a temporary folder");
    let clock = Arc::new(SimClock::at(DateTime::UNIX_EPOCH));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let guard = |journal| Guard::new(store.clone(), clock.clone(), journal, "machine:state".to_owned());
    // All open their files before any of them has looked at the database.
    let journals: Vec<_> = (0..3).map(|_| Journal::open(folder.path()).expect("it can be opened")).collect();
    for journal in journals {
        let guard = guard(journal);
        guard.look().await.expect("the store works");
        assert_eq!(guard.hold(), None);
    }

    // Where no process has a record, it is lost.
    let empty = TempDir::new().expect("a temporary folder");
    let guard = guard(Journal::open(empty.path()).expect("it can be opened"));
    guard.look().await.expect("the store works");
    assert_eq!(guard.hold(), Some(GuardHold::Wait(WaitReason::RecordLost)));
}
