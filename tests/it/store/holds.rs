//! Held reminders wait outside of every claim until their cause is gone.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, EventKind, GatewayName, HoldCause, HoldReason, NewReminder, Next, Notice, NoticeChange, NoticeName,
    NoticeState, Outcome, Receipt, ReminderId, SkipReason, State,
};
use dueherald::plan::{Account, Decision};
use dueherald::store::{Decider, ReminderFilter, Stop, Store};

use super::sample::{always, claim, claim_all, instant, list, merchant, plan_due, request, send, sms, view};
use crate::fixtures::by_hand;

fn stopped(name: &str) -> HoldCause {
    HoldCause::new(HoldReason::Stopped, name)
}

fn held_by(cause: HoldCause) -> impl Decider {
    always(Decision::Hold(cause))
}

async fn hold_all(store: &dyn Store, cause: HoldCause) {
    let claimed = claim(store, 1_000, &held_by(cause.clone())).await;
    assert!(claimed.sending.is_empty());
    assert!(claimed.not_sent.iter().all(|(_, decision)| *decision == Decision::Hold(cause.clone())));
}

async fn kinds(store: &dyn Store, id: ReminderId) -> Vec<(EventKind, Option<String>)> {
    let events = store.events(id).await.expect("events are read");
    events.into_iter().map(|event| (event.kind, event.detail)).collect()
}

pub(super) async fn what_is_held_is_in_no_claim_until_it_is_released(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 3).await;
    hold_all(store, stopped("mall")).await;
    assert_eq!(store.holds().await.expect("listed"), [(stopped("mall"), Channel::Sms)]);
    let shown = view(store, ids[0]).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Held, 0, None));
    assert_eq!(claim_all(store).await.taken(), 0);
    assert_eq!(store.next_due(Channel::Sms).await.expect("asked"), None, "nobody waits for it");
    let counts = store.queue_counts().await.expect("counted");
    let sms = counts.iter().find(|counts| counts.channel == Channel::Sms).expect("every channel is there");
    assert_eq!((sms.planned, sms.due, &sms.held), (0, 0, &[(HoldReason::Stopped, 3)].into()));

    clock.advance(Duration::from_secs(3_600));
    assert_eq!(store.release(&stopped("harbour"), Channel::Sms, 10).await.expect("released"), 0);
    assert_eq!(store.release(&stopped("mall"), Channel::Email, 10).await.expect("released"), 0);
    assert_eq!(store.release(&stopped("mall"), Channel::Sms, 2).await.expect("released"), 2, "as many as asked for");
    assert_eq!(store.release(&stopped("mall"), Channel::Sms, 2).await.expect("released"), 1);
    assert_eq!(store.holds().await.expect("listed"), []);
    assert_eq!(store.next_due(Channel::Sms).await.expect("asked"), Some(clock.now()));
    let cause = || Some("stopped:mall".to_owned());
    assert_eq!(kinds(store, ids[0]).await, [(EventKind::Held, cause()), (EventKind::Released, cause())]);
    let claimed = claim_all(store).await;
    assert_eq!(claimed.sending.iter().map(|one| one.attempt.number()).collect::<Vec<_>>(), [1, 1, 1]);
}

pub(super) async fn what_is_held_on_its_way_out_waits_as_well(store: &dyn Store, clock: &SimClock) {
    let id = plan_due(store, 1).await[0];
    let attempt = claim_all(store).await.sending.remove(0).attempt;
    let cause = HoldCause::new(HoldReason::BadTemplate, "before-due/sms.zh-CN.txt@1");
    let outcome = Outcome::NotSent { code: Code::new("template_stopped") };
    let next = Next::Hold { cause: cause.clone(), until: clock.now() + TimeDelta::hours(2) };
    assert_eq!(store.settle(&[attempt.settle(outcome, next, clock.now())]).await.expect("settled"), 1);
    assert_eq!(view(store, id).await.state, State::Held);
    assert_eq!(
        list(store, ReminderFilter { state: Some(State::Held), limit: 9, ..ReminderFilter::default() }).await,
        [id]
    );
    assert_eq!(kinds(store, id).await, [(EventKind::Held, Some(cause.to_string()))]);
    assert_eq!(store.holds().await.expect("listed"), [(cause.clone(), Channel::Sms)]);
    let counts = store.queue_counts().await.expect("counted");
    let sms = counts.iter().find(|counts| counts.channel == Channel::Sms).expect("every channel is there");
    assert_eq!((sms.sending, &sms.held), (0, &[(HoldReason::BadTemplate, 1)].into()));

    clock.advance(Duration::from_secs(3_600));
    assert_eq!(claim_all(store).await.taken(), 0);
    assert_eq!(store.reap(10).await.expect("reaped").len(), 0, "it has no lease that could run out");
    assert_eq!(store.release_expired(10).await.expect("released"), 0, "not yet");
    assert_eq!(store.release(&cause, Channel::Sms, 10).await.expect("released"), 1);
    assert_eq!(claim_all(store).await.sending[0].attempt.number(), 2);
}

pub(super) async fn causes_are_told_apart(store: &dyn Store, _: &SimClock) {
    plan_due(store, 40).await;
    let by_borrower = move |reminder: &NewReminder, _: &Account, _| {
        let last = reminder.key.borrower.id.as_str().chars().last().unwrap_or_default();
        let reason = if last < '5' { HoldReason::Stopped } else { HoldReason::Paused };
        Decision::Hold(HoldCause::new(reason, last))
    };
    claim(store, 1_000, &by_borrower).await;
    let holds = store.holds().await.expect("listed");
    let causes: Vec<_> = holds.iter().map(|(cause, _)| cause.to_string()).collect();
    let expected = ["stopped:0", "stopped:1", "stopped:2", "stopped:3", "stopped:4"];
    assert_eq!(causes[..5], expected);
    assert_eq!(causes.len(), 10);
    assert_eq!(store.release(&holds[7].0, Channel::Sms, 100).await.expect("released"), 4);
    assert_eq!(store.holds().await.expect("listed").len(), 9);
}

pub(super) async fn what_expires_while_it_is_held_is_decided_again(store: &dyn Store, clock: &SimClock) {
    let short = NewReminder { expires_at: instant("2026-11-22T03:00:00Z"), ..sms("b00", super::bench::START) };
    let ids = super::sample::plan(store, &[short, sms("b01", super::bench::START)]).await;
    hold_all(store, stopped("mall")).await;
    assert_eq!(store.release_expired(10).await.expect("released"), 0);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(store.release_expired(10).await.expect("released"), 1);
    let claimed = claim(store, 10, &always(Decision::Skip(SkipReason::Expired))).await;
    assert_eq!(claimed.not_sent, [(ids[0], Decision::Skip(SkipReason::Expired))]);
    assert_eq!((view(store, ids[0]).await.state, view(store, ids[1]).await.state), (State::Skipped, State::Held));
}

fn stop(name: Option<&str>, channel: Option<Channel>) -> Stop {
    let (actor, reason) = ("ana".to_owned(), "wrong amounts".to_owned());
    Stop { merchant: name.map(merchant), channel, actor, reason, since: instant(super::bench::START) }
}

pub(super) async fn a_lifted_stop_releases_what_no_other_stops(store: &dyn Store, _: &SimClock) {
    let ids = plan_due(store, 2).await;
    for stop in [stop(Some("mall"), None), stop(None, Some(Channel::Sms)), stop(Some("harbour"), None)] {
        store.stop(&stop).await.expect("stopped");
    }
    hold_all(store, stopped("mall")).await;
    assert!(store.lift_stop(Some(&merchant("mall")), None, &by_hand()).await.expect("lifted"));
    assert_eq!(view(store, ids[0]).await.state, State::Held, "all SMS are stopped still");
    assert!(!store.lift_stop(None, None, &by_hand()).await.expect("asked"), "there is none");
    assert!(store.lift_stop(None, Some(Channel::Sms), &by_hand()).await.expect("lifted"));
    assert_eq!(view(store, ids[0]).await.state, State::Planned);
    assert_eq!(claim_all(store).await.sending.len(), 2);
}

pub(super) async fn a_notice_that_goes_on_releases_its_messages(store: &dyn Store, clock: &SimClock) {
    for (name, next) in [("moved", NoticeState::Sending), ("closed", NoticeState::Cancelled)] {
        let name: NoticeName = name.parse().expect("a name");
        let notice = Notice {
            name: name.clone(),
            template: "moved".parse().expect("a name"),
            selection: "all".into(),
            state: NoticeState::Paused,
            actor: "ana".into(),
            reason: "moved".into(),
            at: clock.now(),
        };
        assert!(store.add_notice(&notice).await.expect("made"));
        let ids = super::sample::plan(store, &[sms(&format!("of-{name}"), super::bench::START)]).await;
        hold_all(store, HoldCause::new(HoldReason::Paused, &name)).await;
        let change = NoticeChange { state: next, at: clock.now(), actor: "bo".into(), reason: "goes on".into() };
        assert!(store.move_notice(&name, NoticeState::Paused, &change).await.expect("moved"));
        assert_eq!(view(store, ids[0]).await.state, State::Planned, "{name}");
        claim_all(store).await;
    }
}

pub(super) async fn a_receipt_ends_a_hold(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 1).await;
    // Refused, says the answer; it arrived, says the receipt, when the retry is held.
    let attempt = claim_all(store).await.sending.remove(0).attempt;
    let outcome = Outcome::NotSent { code: Code::new("connect") };
    let retry = attempt.settle(outcome, Next::Retry { not_before: clock.now(), gateway_index: 0 }, clock.now());
    assert_eq!(store.settle(&[retry]).await.expect("settled"), 1);
    hold_all(store, stopped("mall")).await;
    let gateway: GatewayName = "kannel".parse().expect("a gateway");
    let receipt = Receipt { reminder: ids[0], gateway, arrived: true, code: None, at: clock.now() };
    assert_eq!(store.record(&[receipt]).await.expect("recorded"), 1);
    assert_eq!(view(store, ids[0]).await.state, State::Delivered);
    assert_eq!(store.holds().await.expect("listed"), []);
    assert_eq!(store.release(&stopped("mall"), Channel::Sms, 10).await.expect("released"), 0);
}

pub(super) async fn a_retry_that_is_held_keeps_its_attempts_and_starts_at_the_first_gateway(
    store: &dyn Store,
    clock: &SimClock,
) {
    let ids = plan_due(store, 1).await;
    let attempt = claim_all(store).await.sending.remove(0).attempt;
    let outcome = Outcome::NotSent { code: Code::new("connect") };
    let retry = attempt.settle(outcome, Next::Retry { not_before: clock.now(), gateway_index: 1 }, clock.now());
    store.settle(&[retry]).await.expect("settled");
    let second = dueherald::store::ClaimRequest { gateway_index: 1, ..request(10) };
    store.claim(&second, &held_by(stopped("mall"))).await.expect("claimed");
    assert_eq!(view(store, ids[0]).await.attempts, 1);
    clock.advance(TimeDelta::minutes(1).to_std().expect("ahead"));
    store.release(&stopped("mall"), Channel::Sms, 10).await.expect("released");
    let claimed = claim(store, 10, &send).await;
    assert_eq!(claimed.sending[0].attempt.number(), 2);
}
