//! Whether anything may be sent from the database, and what daemons remember of it.

use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Arming, Beat, Code, DATABASE_REWOUND, DatabaseState, DisarmReason, Fence, HandoverRecord, ManualChange, Marks,
    Next, Outcome, ReminderId, State,
};
use dueherald::store::{ClaimRequest, Store};

use super::bench::START;
use super::sample::{claim_all, instant, list, plan, plan_due, request, send, sms, view};
use crate::fixtures::by_hand;

fn by(actor: &str) -> ManualChange {
    ManualChange { actor: actor.to_owned(), ..by_hand() }
}

async fn state(store: &dyn Store) -> DatabaseState {
    store.database_state(None).await.expect("it answers")
}

/// The fence of a daemon that knows the database as it is now.
async fn fence(store: &dyn Store) -> Fence {
    let state = state(store).await;
    let (generation, timeline) = (state.incarnation.generation, state.incarnation.timeline);
    Fence { generation, timeline, marks: state.marks, beats: None }
}

/// How many reminders a claim with that fence takes.
async fn claimed(store: &dyn Store, fence: &Fence) -> usize {
    let request = ClaimRequest { fence: Some(fence.clone()), ..request(1) };
    // A claim alone, and one that settles as well: they are two statements on PostgreSQL.
    let alone = store.claim(&request, &send).await.expect("the store does not fail").taken();
    let (_, with) = store.settle_and_claim(&[], &request, &send).await.expect("the store does not fail");
    alone + with.taken()
}

pub(super) async fn a_claim_gets_nothing_from_another_generation_or_from_smaller_numbers(
    store: &dyn Store,
    _: &SimClock,
) {
    plan_due(store, 4).await;
    let own = fence(store).await;
    let behind = |change: fn(&mut Marks)| {
        let mut fence = own.clone();
        change(&mut fence.marks);
        fence
    };
    let others = [
        Fence { generation: "another".to_owned(), ..own.clone() },
        behind(|marks| marks.events += 1),
        behind(|marks| marks.reminders += 1),
        Fence { beats: Some(("host:one".to_owned(), 1)), ..own.clone() },
    ];
    for other in &others {
        assert_eq!(claimed(store, other).await, 0, "{other:?}");
    }
    if own.timeline.is_some() {
        let promoted = Fence { timeline: Some("0000002A".to_owned()), ..own.clone() };
        assert_eq!(claimed(store, &promoted).await, 0, "another timeline");
        assert_eq!(claimed(store, &behind(|marks| marks.position += 1 << 40)).await, 0, "a log that ends before");
    }
    assert_eq!(claimed(store, &own).await, 2, "it is the one that is known");
}

pub(super) async fn what_is_disarmed_hands_out_nothing_until_it_is_armed(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 4).await;
    let before = fence(store).await;
    store.disarm(DisarmReason::HistoryChanged, "host:one").await.expect("recorded");
    store.disarm(DisarmReason::MarksBehind, "host:two").await.expect("nothing changes");
    let disarm = state(store).await.disarm.expect("it is disarmed");
    assert_eq!((disarm.reason, disarm.daemon.as_str()), (DisarmReason::HistoryChanged, "host:one"), "who came first");
    assert_eq!(disarm.since, clock.now());
    assert_eq!(claimed(store, &before).await, 0);

    assert_eq!(store.arm(&by("wang"), 1).await.expect("armed"), Arming::Armed);
    let armed = state(store).await;
    assert_eq!(armed.disarm, None);
    assert_eq!(armed.past_generations, std::slice::from_ref(&before.generation));
    assert_eq!(armed.incarnation.database, state(store).await.incarnation.database);
    assert_eq!(claimed(store, &before).await, 0, "whoever has not noticed gets nothing");
    assert_eq!(claimed(store, &fence(store).await).await, 2);
}

pub(super) async fn two_persons_arm_where_two_are_needed(store: &dyn Store, _: &SimClock) {
    store.disarm(DisarmReason::MarksBehind, "host:one").await.expect("recorded");
    for _ in 0..2 {
        let arming = store.arm(&by("wang"), 2).await.expect("noted");
        assert_eq!(arming, Arming::OnePersonMore, "the same person twice is one");
    }
    assert!(state(store).await.disarm.is_some());
    assert_eq!(store.arm(&by("li"), 2).await.expect("armed"), Arming::Armed);
    assert_eq!(state(store).await.disarm, None);
    assert_eq!(store.arm(&by("li"), 2).await.expect("noted"), Arming::OnePersonMore, "a new order");
}

pub(super) async fn daemons_show_themselves(store: &dyn Store, clock: &SimClock) {
    assert_eq!(state(store).await.daemons, []);
    for handed_in in [None, None, Some("g")] {
        let beat = Beat { daemon: "host:one", handed_in };
        store.database_state(Some(beat)).await.expect("recorded");
    }
    let shown = store.database_state(Some(Beat { daemon: "host:two", handed_in: None })).await.expect("recorded");
    let [one, two] = &shown.daemons[..] else { panic!("{:?}", shown.daemons) };
    assert_eq!((one.daemon.as_str(), one.beats, one.handed_in.as_deref()), ("host:one", 3, Some("g")));
    assert_eq!((two.daemon.as_str(), two.beats, two.handed_in.as_deref()), ("host:two", 1, None));
    assert_eq!(one.last_at, clock.now());
}

fn handed_over(borrower: &str, id: ReminderId, attempt: u32) -> HandoverRecord {
    let gateway = "kannel".parse().expect("a name");
    HandoverRecord { at: instant(START), id, attempt, gateway, reminder: sms(borrower, START) }
}

pub(super) async fn what_was_handed_over_and_is_not_known_is_unknown(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 4).await;
    let mut sending = claim_all(store).await.sending;
    let last = sending.pop().expect("all are claimed").attempt;
    let outcome = Outcome::NotSent { code: Code::new("refused") };
    let next = Next::Retry { not_before: clock.now(), gateway_index: 0 };
    store.settle(&[last.settle(outcome, next, clock.now())]).await.expect("settled");
    let first = sending.remove(0).attempt;
    let accepted = Outcome::Accepted { provider_id: None };
    store.settle(&[first.settle(accepted, Next::Accepted, clock.now())]).await.expect("settled");

    let told = [
        handed_over("b00", ids[0], 1),
        handed_over("b01", ids[1], 1),
        handed_over("b03", ids[3], 1),
        handed_over("b03", ids[3], 2),
    ];
    let marks = Marks::default();
    assert_eq!(store.hand_in(&told, marks).await.expect("recorded"), 1, "the second attempt at the last one");
    let states: Vec<_> = [0, 1, 3].map(|number| ids[number]).into();
    let mut found = Vec::new();
    for id in states {
        let view = view(store, id).await;
        found.push((view.state, view.attempts));
    }
    assert_eq!(found, [(State::Accepted, 1), (State::Sending, 1), (State::Unknown, 2)]);
    let events = store.events(ids[3]).await.expect("listed");
    assert_eq!(events.last().and_then(|event| event.detail.as_deref()), Some(DATABASE_REWOUND));
    assert_eq!(store.hand_in(&told, marks).await.expect("recorded"), 0, "twice is once");
    assert_eq!(claim_all(store).await.taken(), 0, "no SMS is sent again by itself");
    let unknown = store.unknown_due(dueherald::domain::Channel::Sms, 9).await.expect("listed");
    assert_eq!(unknown.len(), 1, "a gateway that can be asked is asked");
}

pub(super) async fn a_reminder_that_is_lost_comes_back_under_its_number(store: &dyn Store, _: &SimClock) {
    plan_due(store, 2).await;
    let lost = ReminderId(40);
    let marks = Marks { reminders: 50, ..Marks::default() };
    assert_eq!(store.hand_in(&[handed_over("lost", lost, 3)], marks).await.expect("recorded"), 1);
    let shown = view(store, lost).await;
    assert_eq!((shown.state, shown.attempts), (State::Unknown, 3));
    assert_eq!(shown.reminder.plan, sms("lost", START));
    assert_eq!(plan(store, &[sms("lost", START)]).await, [], "a scan does not plan it again");
    let next = plan(store, &[sms("next", START)]).await;
    let [next] = next[..] else { panic!("{next:?}") };
    assert!(next.0 > 50, "no number is given to another message: {next}");

    // The number of another reminder by now: it comes back all the same.
    assert_eq!(store.hand_in(&[handed_over("late", next, 1)], marks).await.expect("recorded"), 1);
    let filter = dueherald::store::ReminderFilter {
        state: Some(State::Unknown),
        limit: 9,
        ..dueherald::store::ReminderFilter::default()
    };
    let unknown = list(store, filter).await;
    assert!(matches!(unknown[..], [late, first] if late > next && first == lost), "{unknown:?}");
}
