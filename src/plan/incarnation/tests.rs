//! Tests of the incarnation check: restores, clones, promotions, new daemons.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};

use super::{DaemonMemory, IncarnationVerdict, WaitReason, judge, not_handed_in};
use crate::domain::{DaemonRecord, DatabaseState, Disarm, DisarmReason, Incarnation, KnownDatabase, Marks};

fn known() -> KnownDatabase {
    let word = |word: &str| word.to_owned();
    KnownDatabase {
        incarnation: Incarnation {
            database: word("bank"),
            generation: word("second"),
            system: Some(word("7001")),
            timeline: Some(word("00000001")),
        },
        marks: Marks { position: 5_000, events: 300, reminders: 200 },
        beats: 7,
    }
}

fn state() -> DatabaseState {
    let KnownDatabase { incarnation, marks, .. } = known();
    DatabaseState {
        incarnation,
        marks,
        durable: marks.position,
        disarm: None,
        daemons: vec![daemon("own", 7, None), daemon("other", 9, None)],
        past_generations: vec!["first".to_owned()],
        has_synchronous_standby: None,
        waits_for_disk: None,
        now: DateTime::UNIX_EPOCH,
    }
}

fn daemon(name: &str, beats: i64, handed_in: Option<&str>) -> DaemonRecord {
    let handed_in = handed_in.map(ToOwned::to_owned);
    DaemonRecord { daemon: name.to_owned(), beats, last_at: DateTime::UNIX_EPOCH, handed_in }
}

/// The verdict for a daemon that remembers `known`, and 9 heartbeats of the other one.
fn judged(known: Option<&KnownDatabase>, state: &DatabaseState) -> IncarnationVerdict {
    let first_beats = BTreeMap::from([("other".to_owned(), 9)]);
    judge(
        DaemonMemory { daemon: Some("own"), known, has_beaten: false, is_empty: false, first_beats: &first_beats },
        state,
    )
}

#[test]
fn a_database_that_is_as_it_was_or_has_gone_on_is_sent_from() {
    let known = known();
    assert_eq!(judged(Some(&known), &state()), IncarnationVerdict::GoOn);
    let marks = Marks { position: 6_000, events: 301, reminders: 200 };
    assert_eq!(judged(Some(&known), &DatabaseState { marks, ..state() }), IncarnationVerdict::GoOn);
}

#[test]
fn one_that_went_back_in_any_of_its_numbers_is_disarmed() {
    let known = known();
    for marks in [
        Marks { position: 4_999, ..known.marks },
        Marks { events: 299, ..known.marks },
        Marks { reminders: 199, ..known.marks },
    ] {
        let verdict = judged(Some(&known), &DatabaseState { marks, ..state() });
        assert_eq!(verdict, IncarnationVerdict::Disarm(DisarmReason::MarksBehind), "{marks:?}");
    }
}

#[test]
fn one_in_another_history_is_disarmed_even_if_its_numbers_have_grown() {
    let (known, marks) = (known(), Marks { position: 9_000, events: 900, reminders: 900 });
    let promoted = |one: Incarnation| Incarnation { timeline: Some("00000002".into()), ..one };
    let moved = |one: Incarnation| Incarnation { system: Some("7002".into()), ..one };
    for incarnation in [promoted(known.incarnation.clone()), moved(known.incarnation.clone())] {
        let state = DatabaseState { marks, incarnation, ..state() };
        assert_eq!(judged(Some(&known), &state), IncarnationVerdict::Disarm(DisarmReason::HistoryChanged));
    }
}

#[test]
fn an_older_generation_is_a_restored_one_and_a_newer_one_is_joined() {
    let mut armed = state();
    armed.incarnation.generation = "third".into();
    armed.past_generations.push("second".into());
    assert_eq!(judged(Some(&known()), &armed), IncarnationVerdict::Join, "somebody has armed it since");
    let mut restored = state();
    restored.incarnation.generation = "first".into();
    restored.past_generations.clear();
    assert_eq!(judged(Some(&known()), &restored), IncarnationVerdict::Disarm(DisarmReason::MarksBehind));
}

#[test]
fn another_database_is_joined_only_with_nothing_to_remember_or_once_it_was_armed() {
    let mut other = state();
    other.incarnation.database = "clone".into();
    assert_eq!(judged(Some(&known()), &other), IncarnationVerdict::Disarm(DisarmReason::OtherDatabase));
    let first_beats = BTreeMap::new();
    let known = known();
    let fresh = DaemonMemory {
        daemon: Some("own"),
        known: Some(&known),
        has_beaten: false,
        is_empty: true,
        first_beats: &first_beats,
    };
    assert_eq!(judge(fresh, &other), IncarnationVerdict::Join);
    other.daemons = vec![daemon("own", 8, Some("first"))];
    assert_eq!(judged(Some(&known), &other), IncarnationVerdict::Join, "it had handed in before `first` ended");
}

#[test]
fn a_disarmed_database_is_not_sent_from_whoever_looks() {
    let disarm = Disarm { reason: DisarmReason::MarksBehind, since: DateTime::UNIX_EPOCH, daemon: "other".to_owned() };
    let state = DatabaseState { disarm: Some(disarm), ..state() };
    assert_eq!(judged(Some(&known()), &state), IncarnationVerdict::Disarmed);
    assert_eq!(judged(None, &state), IncarnationVerdict::Disarmed);
}

#[test]
fn without_a_record_a_known_daemon_waits_and_a_new_one_needs_a_peer_that_moves() {
    assert_eq!(judged(None, &state()), IncarnationVerdict::Wait(WaitReason::RecordLost));
    let with = |daemons| DatabaseState { daemons, ..state() };
    let still = with(vec![daemon("other", 9, None)]);
    assert_eq!(
        judged(None, &still),
        IncarnationVerdict::Wait(WaitReason::Alone),
        "a copy shows others, and they do not move"
    );
    let once = with(vec![daemon("other", 10, None)]);
    assert_eq!(
        judged(None, &once),
        IncarnationVerdict::Wait(WaitReason::Alone),
        "with its first beat it may be about to disarm"
    );
    assert_eq!(judged(None, &with(vec![daemon("other", 11, None)])), IncarnationVerdict::Join, "it moves");
    let waits_too = with(vec![daemon("other", 11, Some("second"))]);
    assert_eq!(
        judged(None, &waits_too),
        IncarnationVerdict::Wait(WaitReason::Alone),
        "who waits itself vouches for nothing"
    );
    assert_eq!(
        judged(None, &with(Vec::new())),
        IncarnationVerdict::Join,
        "a fresh database, or one of an earlier version"
    );
    let waits = with(vec![daemon("own", 2, Some("second")), daemon("other", 11, None)]);
    assert_eq!(
        judged(None, &waits),
        IncarnationVerdict::Join,
        "it waited as a newcomer, not as one that lost its record"
    );
    for word in ["first", "lost first"] {
        let armed = with(vec![daemon("own", 2, Some(word)), daemon("other", 9, None)]);
        assert_eq!(judged(None, &armed), IncarnationVerdict::Join, "the database was armed while it waited");
    }
    let lost = with(vec![daemon("own", 2, Some("lost second")), daemon("other", 11, None)]);
    assert_eq!(judged(None, &lost), IncarnationVerdict::Wait(WaitReason::RecordLost));
}

#[test]
fn who_keeps_no_record_joins_whatever_it_meets_first() {
    let first_beats = BTreeMap::new();
    let memory =
        DaemonMemory { daemon: None, known: None, has_beaten: false, is_empty: true, first_beats: &first_beats };
    assert_eq!(judge(memory, &state()), IncarnationVerdict::Join);
}

#[test]
fn a_database_in_which_the_daemon_has_not_shown_itself_so_often_is_an_older_one() {
    let known = known();
    let with = |beats| DatabaseState { daemons: vec![daemon("own", beats, None)], ..state() };
    assert_eq!(judged(Some(&known), &with(6)), IncarnationVerdict::Disarm(DisarmReason::MarksBehind));
    assert_eq!(judged(Some(&known), &with(7)), IncarnationVerdict::GoOn);
    let first_beats = BTreeMap::new();
    let memory = DaemonMemory {
        daemon: Some("own"),
        known: Some(&known),
        has_beaten: true,
        is_empty: false,
        first_beats: &first_beats,
    };
    assert_eq!(
        judge(memory, &with(7)),
        IncarnationVerdict::Disarm(DisarmReason::MarksBehind),
        "the beat of now is not counted"
    );
    assert_eq!(judge(memory, &with(8)), IncarnationVerdict::GoOn);
}

#[test]
fn a_database_that_nobody_has_looked_at_since_it_was_restored_waits_for_its_daemons() {
    let now = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
    let last = |name: &str, at, handed_in| DaemonRecord { last_at: at, ..daemon(name, 3, handed_in) };
    let daemons = vec![
        last("down", DateTime::UNIX_EPOCH, None),
        last("live", now - TimeDelta::seconds(2), None),
        last("told", DateTime::UNIX_EPOCH, Some("second")),
        last("gone", now - TimeDelta::days(8), None),
    ];
    let names = |state: &DatabaseState| not_handed_in(state).map(|one| one.daemon.clone()).collect::<Vec<_>>();
    let mut state = DatabaseState { daemons, now, ..state() };
    assert_eq!(names(&state), ["down"], "armed before it is started, it would send what `down` handed over");
    state.disarm = Some(Disarm { reason: DisarmReason::MarksBehind, since: now, daemon: "live".to_owned() });
    assert_eq!(names(&state), ["down", "live"]);
}
