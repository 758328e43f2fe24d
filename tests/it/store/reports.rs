//! Reports that gateways send on their own: how they are matched and kept, and the addresses that they suppress.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Address, AddressKey, Channel, Code, EmailAddress, EventKind, FieldUpdate, GatewayName, Intent, LedgerRow,
    LiftResult, Lifter, ManualChange, Next, Origin, Outcome, Phone, ReminderId, ReportedState, State, Suppression,
    SuppressionReason,
};
use dueherald::store::{
    IncomingReply, ReminderFilter, ReplyFilter, ReportAction, ReportBatch, ReportCounts, StatusReport, Store, Subject,
    SuppressionFilter,
};

use super::outcomes::{kinds, one};
use super::sample::{PHONE, import, instant, merchant, plan, row_with_phone, sms, suppression, view};
use crate::fixtures::by_hand;

fn kannel() -> GatewayName {
    "kannel".parse().expect("a gateway")
}

fn gone() -> ReportedState {
    ReportedState::Undelivered { code: Some(Code::new("absent-1")), for_good: true }
}

fn phone() -> AddressKey {
    Address::Phone(Phone::new(PHONE).expect("a number")).into()
}

fn fate(about: Subject, fate: ReportedState) -> StatusReport {
    StatusReport { about, fate, recipient: None, at: instant("2026-11-22T02:10:00Z"), is_hint: false }
}

fn numbered(number: &str) -> Subject {
    Subject::ProviderId(number.to_owned())
}

async fn tell(store: &dyn Store, fates: Vec<StatusReport>) -> ReportCounts {
    store
        .take_in(&ReportBatch { gateway: kannel(), fates, replies: Vec::new(), confirm: BTreeMap::new() })
        .await
        .expect("it is taken in")
}

async fn listed(store: &dyn Store) -> Vec<Suppression> {
    let filter = SuppressionFilter { limit: 100, ..SuppressionFilter::default() };
    store.suppressions(&filter).await.expect("suppressions are listed")
}

/// Those that are in force, as (merchant, reason, source).
async fn reasons(store: &dyn Store) -> Vec<(Option<String>, SuppressionReason, String)> {
    let told = |one: Suppression| (one.merchant.map(|merchant| merchant.to_string()), one.reason, one.source);
    listed(store).await.into_iter().map(told).collect()
}

/// One reminder to [`PHONE`] that was taken over under this number.
async fn accepted_as(store: &dyn Store, clock: &SimClock, number: &str) -> ReminderId {
    import(store, &[row_with_phone("b00", "i00")]).await;
    let (id, claimed) = one(store).await;
    let outcome = Outcome::Accepted { provider_id: Some(number.to_owned()) };
    let settlement = claimed.attempt.settle(outcome, Next::Accepted, clock.now());
    assert_eq!(store.settle(&[settlement]).await.expect("it is settled"), 1);
    id
}

pub(super) async fn a_report_finds_its_message_by_either_number(store: &dyn Store, clock: &SimClock) {
    let id = accepted_as(store, clock, "msg-1").await;
    let other = ReportBatch {
        gateway: "twilio".parse().expect("a gateway"),
        fates: vec![fate(numbered("msg-1"), gone())],
        replies: Vec::new(),
        confirm: BTreeMap::new(),
    };
    let taken = store.take_in(&other).await.expect("it is taken in");
    assert_eq!((taken.counted, taken.kept), (0, 1), "numbers are each gateway's own");
    assert_eq!(view(store, id).await.state, State::Accepted);
    let about_ours = ReportBatch { fates: vec![fate(Subject::Reminder(id), gone())], ..other.clone() };
    let expected = ReportCounts { foreign: 1, ..ReportCounts::default() };
    assert_eq!(store.take_in(&about_ours).await.expect("it is taken in"), expected, "nor do others report about ours");
    assert_eq!(view(store, id).await.state, State::Accepted);
    assert!(listed(store).await.is_empty());
    let undelivered = ReportedState::Undelivered { code: Some(Code::new("busy")), for_good: false };
    assert_eq!(tell(store, vec![fate(numbered("msg-1"), undelivered.clone())]).await.counted, 1);
    assert_eq!(tell(store, vec![fate(numbered("msg-1"), undelivered)]).await, ReportCounts::default(), "once");
    assert_eq!(view(store, id).await.state, State::Undelivered);
    assert_eq!(tell(store, vec![fate(Subject::Reminder(id), ReportedState::Delivered)]).await.counted, 1);
    assert_eq!(tell(store, vec![fate(numbered("msg-1"), gone())]).await.counted, 0, "what arrived has arrived");
    assert_eq!(kinds(store, id).await, [EventKind::Accepted, EventKind::Undelivered, EventKind::Delivered]);
    let unknown = fate(Subject::Reminder(ReminderId(id.0 + 100)), ReportedState::Delivered);
    assert_eq!(tell(store, vec![unknown]).await, ReportCounts::default());
}

pub(super) async fn an_early_report_is_kept_until_its_message_is_known(store: &dyn Store, clock: &SimClock) {
    let early =
        vec![fate(numbered("msg-1"), ReportedState::Delivered), fate(numbered("msg-1"), ReportedState::Delivered)];
    assert_eq!(tell(store, early.clone()).await.kept, 1, "the same is kept once");
    assert_eq!(tell(store, early).await.kept, 0);
    assert!(store.kept_reports(10).await.expect("listed").is_empty(), "its answer gets the time to come");
    clock.advance(Duration::from_secs(5));
    let kept = store.kept_reports(10).await.expect("listed");
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].reminder, &kept[0].fate, kept[0].is_hint), (None, &ReportedState::Delivered, false));
    let later = clock.now() + TimeDelta::seconds(60);
    assert_eq!(store.review_kept(&[(kept[0].clone(), ReportAction::Later(later))]).await.expect("reviewed"), 0);
    assert!(store.kept_reports(10).await.expect("listed").is_empty());
    let id = accepted_as(store, clock, "msg-1").await;
    clock.advance(Duration::from_secs(60));
    let kept = store.kept_reports(10).await.expect("listed").remove(0);
    assert_eq!(kept.reminder, Some(id));
    assert_eq!(store.review_kept(&[(kept.clone(), ReportAction::Counts)]).await.expect("reviewed"), 1);
    assert_eq!(
        store.review_kept(&[(kept, ReportAction::Counts)]).await.expect("reviewed"),
        0,
        "another machine was quicker"
    );
    assert_eq!(view(store, id).await.state, State::Delivered);
    clock.advance(Duration::from_secs(3_600));
    assert!(store.kept_reports(10).await.expect("listed").is_empty(), "what counts is kept no longer");
}

pub(super) async fn a_hint_waits_although_its_message_is_known(store: &dyn Store, clock: &SimClock) {
    let id = accepted_as(store, clock, "msg-1").await;
    let hint = |about| StatusReport { is_hint: true, ..fate(about, gone()) };
    assert_eq!(tell(store, vec![hint(numbered("msg-1")), hint(Subject::Reminder(id))]).await.kept, 2);
    assert_eq!(view(store, id).await.state, State::Accepted);
    assert!(listed(store).await.is_empty());
    let kept = store.kept_reports(10).await.expect("listed");
    assert_eq!(
        kept.iter().map(|kept| (kept.reminder, kept.is_hint, &kept.fate)).collect::<Vec<_>>(),
        [(Some(id), true, &gone()), (Some(id), true, &gone())]
    );
    let reviewed = [(kept[0].clone(), ReportAction::Counts), (kept[1].clone(), ReportAction::Dropped)];
    assert_eq!(store.review_kept(&reviewed).await.expect("reviewed"), 1);
    assert_eq!(view(store, id).await.state, State::Undelivered);
    assert_eq!(reasons(store).await, [(Some("mall".to_owned()), SuppressionReason::Bounced, "kannel".to_owned())]);
    assert!(store.kept_reports(10).await.expect("listed").is_empty());
}

pub(super) async fn what_is_gone_or_complained_about_is_suppressed(store: &dyn Store, clock: &SimClock) {
    let id = accepted_as(store, clock, "msg-1").await;
    tell(store, vec![fate(Subject::Reminder(id), ReportedState::Undelivered { code: None, for_good: false })]).await;
    assert!(listed(store).await.is_empty(), "it may work next time");
    assert_eq!(
        tell(store, vec![fate(Subject::Reminder(id), ReportedState::Complained)]).await.counted,
        1,
        "it has arrived"
    );
    assert_eq!(view(store, id).await.state, State::Delivered);
    let complained = (Some("mall".to_owned()), SuppressionReason::Complained, "kannel".to_owned());
    assert_eq!(reasons(store).await, std::slice::from_ref(&complained));
    tell(store, vec![fate(Subject::Reminder(id), gone())]).await;
    assert_eq!(reasons(store).await, [complained], "what is known stays");
    assert_eq!(listed(store).await[0].address, phone());
    assert_eq!(lift(store, Some("mall")).await, LiftResult::Lifted);
    let until = Some(clock.now() + TimeDelta::days(1));
    let for_a_day = Suppression { until, ..suppression(Some("mall"), phone(), SuppressionReason::Manual) };
    store.suppress(&[for_a_day], None).await.expect("suppressed");
    tell(store, vec![fate(Subject::Reminder(id), gone())]).await;
    assert_eq!(listed(store).await[0].until, None, "what ends gives way to what does not");
}

fn reply(number: Option<&str>, intent: Intent, at: &str) -> IncomingReply {
    IncomingReply {
        from: phone().into(),
        about: None,
        said: "退订 \u{1f600}".to_owned(),
        intent,
        at: instant(at),
        provider_id: number.map(ToOwned::to_owned),
    }
}

async fn answer(store: &dyn Store, reply: IncomingReply) -> usize {
    answer_confirmed(store, reply, &[]).await
}

/// For these merchants an opt-out is confirmed within five minutes.
async fn answer_confirmed(store: &dyn Store, reply: IncomingReply, confirmed: &[&str]) -> usize {
    let confirm = confirmed.iter().map(|name| (merchant(name), TimeDelta::minutes(5))).collect();
    let told = ReportBatch { gateway: kannel(), fates: Vec::new(), replies: vec![reply], confirm };
    store.take_in(&told).await.expect("it is taken in").replies
}

const NINE: &str = "2026-11-22T09:00:00Z";
const TEN: &str = "2026-11-22T10:00:00Z";
const ELEVEN: &str = "2026-11-22T11:00:00Z";
const NOON: &str = "2026-11-22T12:00:00Z";

fn of(merchant: &str) -> Vec<(Option<String>, SuppressionReason, String)> {
    vec![(Some(merchant.to_owned()), SuppressionReason::OptedOut, "reply:kannel".to_owned())]
}

pub(super) async fn an_answer_suppresses_for_the_merchant_that_wrote_last(store: &dyn Store, clock: &SimClock) {
    let first = accepted_as(store, clock, "msg-1").await;
    clock.advance(Duration::from_secs(60));
    let mut shop = row_with_phone("b01", "i01");
    shop.borrower.merchant = merchant("shop");
    import(store, &[shop]).await;
    let mut second = sms("b01", "2026-11-22T02:00:00Z");
    second.key.borrower.merchant = merchant("shop");
    let second = plan(store, &[second]).await[0];
    let claimed = super::sample::claim_all(store).await.sending.remove(0);
    let settlement = claimed.attempt.settle(Outcome::Accepted { provider_id: None }, Next::Accepted, clock.now());
    assert_eq!(store.settle(&[settlement]).await.expect("it is settled"), 1);
    clock.advance(Duration::from_secs(60));
    let late = StatusReport {
        at: clock.now(),
        ..fate(numbered("msg-1"), ReportedState::Undelivered { code: None, for_good: false })
    };
    assert_eq!(tell(store, vec![late]).await.counted, 1, "a receipt is no message");

    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 1);
    assert_eq!(reasons(store).await, of("shop"));
    let said = store.replies(&ReplyFilter { limit: 10, ..ReplyFilter::default() }).await.expect("listed").remove(0);
    assert_eq!((said.reminder, said.from, said.said.as_str()), (Some(second), phone().into(), "退订 \u{1f600}"));
    // The one that is answered is known, and wrote before.
    let about = Some(numbered("msg-1"));
    assert_eq!(answer(store, IncomingReply { about, ..reply(Some("r2"), Intent::Stop, NINE) }).await, 1);
    assert_eq!(reasons(store).await, [of("mall"), of("shop")].concat());
    let about = Some(Subject::Reminder(first));
    assert_eq!(answer(store, IncomingReply { about, ..reply(Some("r3"), Intent::Start, TEN) }).await, 1);
    assert_eq!(reasons(store).await, of("shop"));
}

/// Those in the outbox: key, not before, expires.
async fn confirmations(store: &dyn Store) -> Vec<(String, DateTime<Utc>, DateTime<Utc>)> {
    let all = ReminderFilter { limit: 100, ..ReminderFilter::default() };
    let all = store.reminders(&all).await.expect("listed").into_iter().map(|view| view.reminder.plan);
    let ours = all.filter(|plan| plan.origin == Origin::Reply);
    let told = ours.map(|plan| {
        let key = plan.key;
        let step = key.step.to_string();
        let step = step.split('/').next().unwrap_or_default();
        let key = format!("{} {} {} {step} {}", key.borrower.merchant, key.borrower.id, key.due_date, key.channel);
        (key, plan.not_before, plan.expires_at)
    });
    told.collect()
}

pub(super) async fn an_opt_out_is_confirmed_once_where_it_is_wanted(store: &dyn Store, clock: &SimClock) {
    accepted_as(store, clock, "msg-1").await;
    assert_eq!(answer_confirmed(store, reply(Some("r1"), Intent::Stop, NINE), &["shop"]).await, 1);
    assert_eq!(answer_confirmed(store, reply(Some("r2"), Intent::Start, TEN), &["mall"]).await, 1);
    assert!(confirmations(store).await.is_empty(), "another merchant's are, and an opt-in never is");
    assert_eq!(answer_confirmed(store, reply(Some("r3"), Intent::Stop, ELEVEN), &["mall"]).await, 1);
    let eleven = instant(ELEVEN);
    let expected = [("mall b00 2026-11-25 confirmation sms".to_owned(), eleven, eleven + TimeDelta::minutes(5))];
    assert_eq!(confirmations(store).await, expected);
    // The same answer again, and another one of who has opted out already.
    assert_eq!(answer_confirmed(store, reply(Some("r3"), Intent::Stop, ELEVEN), &["mall"]).await, 0);
    assert_eq!(answer_confirmed(store, reply(Some("r4"), Intent::Stop, ELEVEN), &["mall"]).await, 1);
    assert_eq!(confirmations(store).await, expected);
    // A borrower whose address is suppressed as gone gets no further confirmation.
    assert_eq!(answer_confirmed(store, reply(Some("r5"), Intent::Start, NOON), &["mall"]).await, 1);
    store.suppress(&[suppression(None, phone(), SuppressionReason::Manual)], None).await.expect("it is suppressed");
    assert_eq!(answer_confirmed(store, reply(Some("r6"), Intent::Stop, NOON), &["mall"]).await, 1);
    assert_eq!(confirmations(store).await, expected);
}

pub(super) async fn an_answer_of_a_stranger_holds_for_every_merchant(store: &dyn Store, clock: &SimClock) {
    let for_all = [(None, SuppressionReason::OptedOut, "reply:kannel".to_owned())];
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 1);
    assert_eq!(reasons(store).await, for_all);
    assert_eq!(answer(store, reply(Some("r2"), Intent::Start, TEN)).await, 1);
    assert_eq!(reasons(store).await, for_all, "to whom it was said is not known: it is for staff");
    accepted_as(store, clock, "msg-1").await;
    let about = Some(numbered("msg-1"));
    assert_eq!(answer(store, IncomingReply { about, ..reply(Some("r3"), Intent::Start, ELEVEN) }).await, 1);
    assert_eq!(reasons(store).await, for_all, "one merchant was answered, not all");
}

pub(super) async fn an_answer_counts_once_and_the_latest_stands(store: &dyn Store, clock: &SimClock) {
    accepted_as(store, clock, "msg-1").await;
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 1);
    assert_eq!(answer(store, reply(Some("r2"), Intent::Start, TEN)).await, 1);
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 0, "it came before");
    assert!(listed(store).await.is_empty());
    assert_eq!(answer(store, reply(Some("r0"), Intent::Stop, NINE)).await, 1);
    assert!(listed(store).await.is_empty(), "it was said before the other, and came late");
    assert_eq!(answer(store, reply(None, Intent::Stop, ELEVEN)).await, 1);
    assert_eq!(reasons(store).await, of("mall"));
    assert_eq!(answer(store, reply(Some("r3"), Intent::Other, ELEVEN)).await, 1);
    assert_eq!(reasons(store).await, of("mall"), "talk changes nothing");
    let replies = |filter: ReplyFilter| async move { store.replies(&filter).await.expect("listed") };
    let all = replies(ReplyFilter { limit: 10, ..ReplyFilter::default() }).await;
    let intents: Vec<_> = all.iter().map(|one| one.intent).collect();
    assert_eq!(intents, [Intent::Other, Intent::Stop, Intent::Stop, Intent::Start, Intent::Stop]);
    assert!(all.iter().all(|one| one.merchant == Some(merchant("mall"))));
    let next = replies(ReplyFilter { before: Some(all[1].id), limit: 2, ..ReplyFilter::default() }).await;
    assert_eq!(next, all[2..4]);
    let other = replies(ReplyFilter { intent: Some(Intent::Other), limit: 10, ..ReplyFilter::default() }).await;
    assert_eq!(other, all[..1]);
    let from = |from: AddressKey| replies(ReplyFilter { from: Some(from), limit: 10, ..ReplyFilter::default() });
    assert_eq!(from(phone()).await, all);
    let other = Address::Phone(Phone::new("+8613900139000").expect("a number"));
    assert!(from(other.into()).await.is_empty());
    assert!(
        replies(ReplyFilter { merchant: Some(merchant("shop")), limit: 10, ..ReplyFilter::default() }).await.is_empty()
    );
}

pub(super) async fn an_answer_lifts_only_what_an_answer_suppressed(store: &dyn Store, clock: &SimClock) {
    accepted_as(store, clock, "msg-1").await;
    let by_hand = suppression(Some("mall"), phone(), SuppressionReason::OptedOut);
    store.suppress(std::slice::from_ref(&by_hand), None).await.expect("suppressed");
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 1);
    assert_eq!(answer(store, reply(Some("r2"), Intent::Start, TEN)).await, 1);
    assert_eq!(listed(store).await, [by_hand], "what staff put in is theirs");
    let bounced = suppression(Some("mall"), phone(), SuppressionReason::Bounced);
    store.suppress(&[bounced], None).await.expect("suppressed");
    assert_eq!(answer(store, reply(Some("r3"), Intent::Stop, ELEVEN)).await, 1);
    assert_eq!(reasons(store).await, of("mall"), "who opts out has");
}

pub(super) async fn only_the_address_that_a_report_names_is_suppressed(store: &dyn Store, _: &SimClock) {
    let address = |text| EmailAddress::new(text).expect("an address");
    let email = FieldUpdate::Set(Some(address("Li@mall.example")));
    import(store, &[LedgerRow { email, ..row_with_phone("b00", "i00") }]).await;
    let mut mail = sms("b00", "2026-11-22T02:00:00Z");
    mail.key.channel = Channel::Email;
    let id = plan(store, &[mail]).await[0];
    let named = |text, what| {
        let recipient = Some(Address::Email(address(text)).into());
        StatusReport { recipient, ..fate(Subject::Reminder(id), what) }
    };
    tell(store, vec![named("li@elsewhere.example", gone()), named("li@before.example", ReportedState::Complained)])
        .await;
    assert!(listed(store).await.is_empty(), "it was forwarded, or the borrower had another address then");
    tell(store, vec![named("li@MALL.example", gone()), named("li@elsewhere.example", ReportedState::Complained)]).await;
    assert_eq!(reasons(store).await, [(Some("mall".to_owned()), SuppressionReason::Bounced, "kannel".to_owned())]);
}

pub(super) async fn no_list_puts_an_end_to_an_opt_out(store: &dyn Store, clock: &SimClock) {
    let until = |days| Some(clock.now() + TimeDelta::days(days));
    let for_good = suppression(Some("mall"), phone(), SuppressionReason::OptedOut);
    let for_days =
        |days| Suppression { until: until(days), ..suppression(Some("mall"), phone(), SuppressionReason::Manual) };
    for (written, stands) in [
        (for_days(2), for_days(2)),
        (for_days(1), for_days(1)),
        (for_good.clone(), for_good.clone()),
        (for_days(3), for_good.clone()),
    ] {
        store.suppress(&[written], None).await.expect("suppressed");
        assert_eq!(listed(store).await, [stands]);
    }
    let for_all = |one| Suppression { merchant: None, ..one };
    let list = [for_good, for_days(1)].map(for_all);
    store.suppress(&list, None).await.expect("suppressed");
    assert_eq!(listed(store).await[0], list[0], "not within one list either");
}

pub(super) async fn suppressions_are_listed_in_pages_and_lifted_one_by_one(store: &dyn Store, clock: &SimClock) {
    let mail = AddressKey::from(Address::Email(EmailAddress::new("li@mall.example").expect("an address")));
    let until: Option<DateTime<Utc>> = Some(clock.now() - TimeDelta::days(1));
    let ended = Suppression { until, ..suppression(None, mail.clone(), SuppressionReason::Manual) };
    let ours = suppression(Some("mall"), phone(), SuppressionReason::Manual);
    let all = suppression(None, phone(), SuppressionReason::Complained);
    store.suppress(&[ours.clone(), all.clone(), ended.clone()], None).await.expect("suppressed");
    let in_order = [ended.clone(), all.clone(), ours.clone()];
    assert_eq!(listed(store).await, in_order);
    let mut filter = SuppressionFilter { limit: 1, ..SuppressionFilter::default() };
    for expected in &in_order {
        let page = store.suppressions(&filter).await.expect("listed");
        assert_eq!(page, std::slice::from_ref(expected));
        filter.after = Some((expected.merchant.clone(), expected.address.clone()));
    }
    assert!(store.suppressions(&filter).await.expect("listed").is_empty());
    let only = |filter: SuppressionFilter| async move {
        store.suppressions(&SuppressionFilter { limit: 9, ..filter }).await.expect("listed")
    };
    assert_eq!(
        only(SuppressionFilter { merchant: Some(merchant("mall")), ..Default::default() }).await,
        std::slice::from_ref(&ours)
    );
    assert_eq!(only(SuppressionFilter { address: Some(mail.clone()), ..Default::default() }).await, [ended]);
    let channel = Some(Channel::Sms);
    assert_eq!(only(SuppressionFilter { channel, ..Default::default() }).await, [all, ours]);
    assert_eq!(lift(store, None).await, LiftResult::Lifted);
    assert_eq!(lift(store, None).await, LiftResult::NotSuppressed, "it was lifted");
    assert_eq!(lift(store, Some("mall")).await, LiftResult::Lifted);
    assert_eq!(listed(store).await.len(), 1);
}

async fn lift(store: &dyn Store, of: Option<&str>) -> LiftResult {
    let of = of.map(merchant);
    store.lift_suppression(of.as_ref(), &phone(), Lifter::Borrower, &by_hand()).await.expect("asked")
}

pub(super) async fn who_opts_out_again_cancels_the_request_to_end_it(store: &dyn Store, clock: &SimClock) {
    accepted_as(store, clock, "msg-1").await;
    let ask = async |lifter, actor: &str, of: Option<&str>| {
        clock.advance(Duration::from_secs(60));
        let by = ManualChange { actor: actor.into(), reason: "she called".into(), at: clock.now() };
        store.lift_suppression(of.map(merchant).as_ref(), &phone(), lifter, &by).await.expect("asked")
    };
    let open = async || {
        let all = store.suppressions_of(&phone()).await.expect("listed");
        assert!(all.iter().all(|one| one.is_opt_out));
        let asked = all.iter().map(|one| one.open_request(clock.now()).map(|asked| asked.actor.clone()));
        asked.collect::<Vec<_>>()
    };
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 1);
    assert_eq!(open().await, [None]);
    assert_eq!(ask(Lifter::Asks, "ana", Some("mall")).await, LiftResult::OnePersonMore);
    assert_eq!(open().await, [Some("ana".to_owned())]);
    assert_eq!(answer(store, reply(Some("r1"), Intent::Stop, NINE)).await, 0);
    assert_eq!(open().await, [Some("ana".to_owned())], "that is the reply from before");
    clock.advance(Duration::from_secs(60));
    assert_eq!(answer(store, reply(Some("r2"), Intent::Stop, TEN)).await, 1);
    assert_eq!(open().await, [None]);
    assert_eq!(reasons(store).await, of("mall"), "where it came from stays");
    assert_eq!(ask(Lifter::Confirms, "bo", Some("mall")).await, LiftResult::OnePersonMore, "nobody asks any more");
    assert_eq!(open().await, [Some("bo".to_owned())]);
    // A stop that no longer counts is no refusal.
    assert_eq!(answer(store, reply(Some("r3"), Intent::Stop, NINE)).await, 1);
    assert_eq!(open().await, [Some("bo".to_owned())]);

    // A request to end the opt-out from all merchants is cancelled by one from this merchant, and none of another.
    store.suppress(&[suppression(None, phone(), SuppressionReason::OptedOut)], None).await.expect("suppressed");
    store.suppress(&[suppression(Some("shop"), phone(), SuppressionReason::OptedOut)], None).await.expect("suppressed");
    for of in [None, Some("shop")] {
        assert_eq!(ask(Lifter::Asks, "cy", of).await, LiftResult::OnePersonMore);
    }
    // By merchant: all, mall, shop.
    assert_eq!(open().await, [Some("cy".to_owned()), None, Some("cy".to_owned())]);
    assert_eq!(answer(store, reply(Some("r4"), Intent::Stop, ELEVEN)).await, 1);
    assert_eq!(open().await, [None, None, Some("cy".to_owned())]);
    assert_eq!(ask(Lifter::Confirms, "bo", Some("shop")).await, LiftResult::Lifted);
}
