//! Tests of the journal: crashes, torn lines, several processes, watermarks.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use chrono::{DateTime, NaiveDate, TimeDelta};
use tempfile::TempDir;

use super::Journal;
use crate::domain::{
    BorrowerKey, Channel, HandoverRecord, KnownDatabase, Marks, NewReminder, Origin, ReminderId, ReminderKey,
};

fn handed_over(borrower: &str, id: i64, attempt: u32) -> HandoverRecord {
    let at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let key = ReminderKey {
        borrower: BorrowerKey { merchant: "mall".parse().expect("an id"), id: borrower.parse().expect("an id") },
        due_date: NaiveDate::from_ymd_opt(2026, 12, 1).expect("a day"),
        step: "due/0".parse().expect("a step"),
        channel: Channel::Sms,
    };
    let reminder = NewReminder { key, origin: Origin::Schedule, not_before: at, expires_at: at + TimeDelta::hours(1) };
    HandoverRecord { at, id: ReminderId(id), attempt, gateway: "kannel".parse().expect("a name"), reminder }
}

fn was_handed_over(journal: &Journal, one: &HandoverRecord) -> bool {
    journal.was_handed_over(&one.reminder.key, one.id, one.attempt)
}

fn all(journal: &Journal) -> Vec<HandoverRecord> {
    let mut all = Vec::new();
    journal.each(|one| all.push(one)).expect("the files can be read");
    all
}

#[test]
fn what_was_handed_over_is_known_to_the_next_process() {
    let folder = TempDir::new().expect("a temporary folder");
    let state = folder.path().join("below/state");
    let (first, other) = (handed_over("贷款-b1", 7, 1), handed_over("b2", 8, 1));
    {
        let journal = Journal::open(&state).expect("the folder can be made");
        assert!(journal.is_empty() && journal.known().is_none());
        journal.record(&[first.clone(), other.clone()]).expect("it can be written");
        assert!(was_handed_over(&journal, &first));
    }
    let journal = Journal::open(&state).expect("it is there");
    assert_eq!(all(&journal), [first.clone(), other]);
    assert!(was_handed_over(&journal, &first), "the same attempt");
    assert!(!was_handed_over(&journal, &handed_over("贷款-b1", 7, 2)), "the next attempt is another");
    assert!(was_handed_over(&journal, &handed_over("贷款-b1", 99, 1)), "the same message under another number");
    assert!(!was_handed_over(&journal, &handed_over("b3", 7, 1)), "another message under the same number");
    let mode = |name: &str| fs::metadata(state.join(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("handed-over-0.log"), mode("marks-0.json")), (0o700, 0o600, 0o600));
}

#[test]
fn a_line_that_was_cut_off_is_passed_over() {
    let folder = TempDir::new().expect("a temporary folder");
    let (whole, next) = (handed_over("b1", 1, 1), handed_over("b2", 2, 1));
    Journal::open(folder.path())
        .and_then(|journal| journal.record(std::slice::from_ref(&whole)))
        .expect("it can be written");
    let file = folder.path().join("handed-over-0.log");
    let mut file = OpenOptions::new().append(true).open(file).expect("it is there");
    file.write_all(b"0123456789abcdef 2 1 {\"at\":17,\"g\":\"kan").expect("it can be written");
    let journal = Journal::open(folder.path()).expect("it is there");
    assert_eq!(all(&journal), std::slice::from_ref(&whole));
    journal.record(std::slice::from_ref(&next)).expect("it can be written");
    assert_eq!(all(&journal), [whole, next], "what is written behind it is whole");
}

#[test]
fn processes_have_files_of_their_own_and_read_those_of_all() {
    let folder = TempDir::new().expect("a temporary folder");
    let open = || Journal::open(folder.path()).expect("it can be opened");
    let (first, second) = (open(), open());
    first.record(&[handed_over("b1", 1, 1)]).expect("it can be written");
    second.record(&[handed_over("b2", 2, 1)]).expect("it can be written");
    assert_eq!(all(&first), all(&second));
    assert_eq!(all(&first).len(), 2);
    assert_eq!(first.newest(1).expect("the files can be read").len(), 1);
    drop((first, second));
    assert!(was_handed_over(&open(), &handed_over("b2", 2, 1)), "also of a process that is gone");
}

#[test]
fn the_marks_that_were_kept_last_are_known_to_the_next_process() {
    let folder = TempDir::new().expect("a temporary folder");
    let marks =
        |events| KnownDatabase { marks: Marks { position: 1 << 40, events, reminders: 3 }, ..Default::default() };
    {
        let journal = Journal::open(folder.path()).expect("it can be opened");
        journal.keep(&marks(12_345)).expect("it can be written");
        journal.keep(&marks(7)).expect("it can be written");
    }
    let journal = Journal::open(folder.path()).expect("it can be opened");
    assert_eq!(journal.known(), Some(&marks(7)), "the shorter text leaves nothing of the longer");
}

#[test]
fn the_oldest_are_forgotten_when_the_files_are_full() {
    let folder = TempDir::new().expect("a temporary folder");
    let journal = Journal::open_with(folder.path(), 1_000).expect("it can be opened");
    let numbers = 1..=40;
    for number in numbers.clone() {
        journal.record(&[handed_over(&format!("b{number}"), number, 1)]).expect("it can be written");
    }
    let sizes: u64 = ["handed-over-0.log", "handed-over-0.old.log"]
        .map(|name| fs::metadata(folder.path().join(name)).expect("it is there").len())
        .iter()
        .sum();
    assert!(sizes <= 2_000, "{sizes}");
    let kept: Vec<_> = all(&journal).iter().map(|one| one.id.0).collect();
    assert!(kept.len() >= 4 && kept.ends_with(&[39, 40]), "{kept:?}");
    for number in numbers {
        let known = was_handed_over(&journal, &handed_over(&format!("b{number}"), number, 1));
        assert_eq!(known, kept.contains(&number), "{number}");
    }
}

#[test]
fn the_newest_are_the_last_of_every_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let (first, second) = (Journal::open(folder.path()), Journal::open(folder.path()));
    let journals = [first.expect("it can be opened"), second.expect("it can be opened")];
    for number in 1..=3_000 {
        let mut one = handed_over(&format!("b{number}"), number, 1);
        one.at += TimeDelta::seconds(number);
        journals[usize::from(number % 2 == 0)].record(&[one]).expect("it can be written");
    }
    let newest = journals[0].newest(20).expect("the files can be read");
    let numbers: Vec<_> = newest.iter().map(|one| one.id.0).collect();
    assert_eq!(numbers, (2_981..=3_000).rev().collect::<Vec<_>>());
}

#[test]
fn a_key_has_the_same_hash_in_every_build() {
    // Were it another, a new build would not know what the one before handed over: read its files by their JSON then.
    let one = handed_over("贷款-b1", 7, 1);
    assert_eq!(format!("{:016x}", super::hash(&one.reminder.key)), "4fc0cb9df67abadf");
}
