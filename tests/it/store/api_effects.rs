//! Changes that a request of the API makes in the transaction of its answer.

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, Next};
use dueherald::domain::{
    HoldCause, HoldReason, ManualChange, Notice, NoticeChange, NoticeState, Outcome, Receipt, Recipient, ReminderId,
    State,
};
use dueherald::plan::Decision;
use dueherald::store::{
    ApiEffect, DropOrder, EffectResult, KeptAnswer, KeyedRequest, RequestEnd, RequestStart, Store, WriteMode,
};

use super::ledger_parts::rejected;
use super::outcomes::{settle, unknown};
use super::sample::{DUE, always, claim, claim_all, date, key, merchant, plan_due, view};
use super::unknowns::listed;

fn told(_: &ApiEffect, result: EffectResult) -> KeptAnswer {
    KeptAnswer { status: 200, body: format!("{result:?}") }
}

/// Carries out an effect by a request of its own.
async fn done(store: &dyn Store, key: &str, effect: ApiEffect) -> String {
    let (token, key, lease) = ("t1".to_owned(), key.to_owned(), TimeDelta::seconds(10));
    let request = KeyedRequest { token, key, fingerprint: [1; 32], lease };
    let RequestStart::Begun(claim) = store.begin_request(&request).await.expect("begun") else { panic!("it is new") };
    let end = RequestEnd::Effect { effect, answer: told };
    store.end_request(&claim, &end).await.expect("ended").expect("it was not taken over").body
}

fn by(clock: &SimClock) -> ManualChange {
    ManualChange { actor: "wang by crm".to_owned(), reason: "wrong person".to_owned(), at: clock.now() }
}

async fn detail(store: &dyn Store, id: ReminderId) -> (State, String) {
    let view = view(store, id).await;
    (view.state, view.last.and_then(|last| last.detail).unwrap_or_default())
}

pub(super) async fn a_waiting_reminder_is_cancelled_once(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 3).await;
    let cause = HoldCause::new(HoldReason::Stopped, "mall");
    claim(store, 1, &always(Decision::Hold(cause))).await;
    assert_eq!(view(store, ids[0]).await.state, State::Held);
    let cancel = |reminder: ReminderId| ApiEffect::Cancel { reminder, by: by(clock) };
    assert_eq!(done(store, "held", cancel(ids[0])).await, "Done");
    assert_eq!(done(store, "planned", cancel(ids[1])).await, "Done");
    assert_eq!(done(store, "again", cancel(ids[1])).await, "Unchanged");
    for id in &ids[..2] {
        assert_eq!(detail(store, *id).await, (State::Skipped, "withdrawn: wang by crm: wrong person".to_owned()));
    }
    let claimed = claim_all(store).await.sending;
    assert_eq!(claimed.len(), 1, "nobody claims what was cancelled");
    assert_eq!(done(store, "sending", cancel(ids[2])).await, "Unchanged");
    assert_eq!(settle(store, &unknown(claimed.into_iter().next().expect("one"), clock)).await, 1);
    assert_eq!(done(store, "unknown", cancel(ids[2])).await, "Unchanged");
    assert_eq!(done(store, "nobody", cancel(ReminderId(987_654))).await, "Unchanged");
    assert!(store.holds().await.expect("listed").is_empty());
}

pub(super) async fn unknown_ones_are_settled_with_their_receipts(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 2).await;
    for claimed in claim_all(store).await.sending {
        assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    }
    let resolve = async || {
        let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
        for one in listed(store, None, 10).await {
            let (reminder, gateway) = (one.attempt.reminder(), one.attempt.gateway().clone());
            receipts.push(Receipt { reminder, gateway, arrived: true, code: None, at: clock.now() });
            let outcome = Outcome::Accepted { provider_id: None };
            let ana = ManualChange { actor: "ana".into(), reason: "seen".into(), at: clock.now() };
            settlements.push(one.attempt.settle(outcome, Next::Accepted, clock.now()).resolved_by(ana));
        }
        ApiEffect::Resolve { asked: ids.clone(), settlements, receipts }
    };
    let (first, late) = (resolve().await, resolve().await);
    assert_eq!(done(store, "first", first).await, format!("{:?}", EffectResult::Settled(ids.clone())));
    assert_eq!(done(store, "late", late).await, "Settled([])");
    for id in ids {
        assert_eq!(view(store, id).await.state, State::Delivered);
    }
}

pub(super) async fn records_of_another_merchant_are_not_dropped(store: &dyn Store, clock: &SimClock) {
    let mut foreign = rejected("i2");
    foreign.merchant = Some(merchant("harbour"));
    store.import_batch(&[], &[rejected("i1"), foreign], WriteMode::Commit).await.expect("kept");
    let filter = dueherald::store::RejectFilter { limit: 9, ..Default::default() };
    let ids: Vec<_> = store.rejects(&filter).await.expect("listed").iter().map(|kept| kept.id).collect();
    let order = DropOrder { actor: "wang".to_owned(), reason: "seen".to_owned(), at: clock.now() };
    let effect = ApiEffect::DropRejects { ids, merchant: merchant("mall"), order };
    done(store, "k", effect).await;
    let left = store.rejects(&filter).await.expect("listed");
    let left: Vec<_> = left.iter().map(|kept| kept.record.merchant.clone().expect("it is known")).collect();
    assert_eq!(left, [merchant("harbour")]);
    assert_eq!(store.dropped_rejects(9).await.expect("listed").len(), 1);
}

pub(super) async fn a_notice_is_moved_once(store: &dyn Store, clock: &SimClock) {
    let name: dueherald::domain::NoticeName = "moved".parse().expect("a name");
    let notice = Notice {
        name: name.clone(),
        template: "entry-moved".parse().expect("a template"),
        selection: "unpaid at mall".into(),
        state: NoticeState::Draft,
        actor: "wang".into(),
        reason: "moved".into(),
        at: clock.now(),
    };
    assert!(store.add_notice(&notice).await.expect("kept"));
    assert!(store.notice_merchants(&name).await.expect("read").is_empty());
    let recipient = Recipient { borrower: key("b1"), due_date: date(DUE), channel: Channel::Sms };
    store.add_recipients(&name, &[recipient]).await.expect("kept");
    assert_eq!(store.notice_merchants(&name).await.expect("read"), [merchant("mall")].into());
    let change = |state| NoticeChange { state, at: clock.now(), actor: "li".into(), reason: "seen".into() };
    let (from, to) = (NoticeState::Draft, NoticeState::Sending);
    let effect = || ApiEffect::MoveNotice { name: name.clone(), from, change: change(to) };
    assert_eq!(done(store, "k1", effect()).await, "Done");
    assert_eq!(done(store, "k2", effect()).await, "Unchanged");
    assert_eq!(store.notice_changes(&name).await.expect("read").len(), 1);
}
