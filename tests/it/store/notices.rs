//! Notices: who gets one, how far it has come, and what borrowers hold.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, Next, Notice, NoticeChange, NoticeName, NoticeState, Outcome, Receipt, Recipient, ReminderId,
    RouteKey, State,
};
use dueherald::plan::Account;
use dueherald::store::{ClaimedReminder, HeldMessage, LedgerRow, NoticeCount, Store};

use super::sample::{
    DUE, always, claim, claim_all, date, import, instant, key, plan_due, request, row_with_phone, said, send, view,
};

fn name(text: &str) -> NoticeName {
    text.parse().expect("a name")
}

fn notice(text: &str, clock: &SimClock) -> Notice {
    Notice {
        name: name(text),
        template: "entry-moved".parse().expect("a template"),
        selection: "unpaid at mall".into(),
        state: NoticeState::Draft,
        actor: "wang".into(),
        reason: "入口搬迁".into(),
        at: clock.now(),
    }
}

fn recipients(numbers: std::ops::Range<usize>) -> Vec<Recipient> {
    let one = |number| Recipient {
        borrower: key(&format!("b{number:02}")),
        due_date: date(DUE),
        channel: if number % 2 == 0 { Channel::Sms } else { Channel::Email },
    };
    numbers.map(one).collect()
}

async fn bring(store: &dyn Store, text: &str, from: NoticeState, to: NoticeState) -> bool {
    let at = instant("2026-11-22T02:00:00Z");
    let change = NoticeChange { state: to, at, actor: "li".into(), reason: "seen".into() };
    store.move_notice(&name(text), from, &change).await.expect("it is written")
}

async fn put_out(store: &dyn Store, clock: &SimClock, limit: u32) -> usize {
    let expires_at = clock.now() + TimeDelta::days(3);
    store.put_out(&name("moved"), limit, clock.now(), expires_at).await.expect("they are put out")
}

async fn counts(store: &dyn Store) -> Vec<(&'static str, Option<State>, Option<String>, u64)> {
    let counts = store.notice_counts(&name("moved")).await.expect("they are counted");
    let told = |one: NoticeCount| (one.channel.as_str(), one.state, one.reason, one.count);
    let mut told: Vec<_> = counts.into_iter().map(told).collect();
    told.sort_unstable();
    told
}

pub(super) async fn a_notice_is_kept_once_and_moved_on_record(store: &dyn Store, clock: &SimClock) {
    let first = notice("moved", clock);
    assert!(store.add_notice(&first).await.expect("it is kept"));
    assert!(
        !store.add_notice(&Notice { selection: "others".into(), ..first.clone() }).await.expect("it is passed over")
    );
    clock.advance(std::time::Duration::from_secs(1));
    assert!(store.add_notice(&notice("later", clock)).await.expect("it is kept"));
    let all = store.notices(None).await.expect("they are listed");
    assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["later", "moved"]);
    assert_eq!(store.notices(Some(&name("moved"))).await.expect("it is found"), [first]);
    assert_eq!(store.notices(Some(&name("none"))).await.expect("it is looked for"), []);

    assert!(!bring(store, "moved", NoticeState::Paused, NoticeState::Sending).await, "it is not paused");
    assert!(bring(store, "moved", NoticeState::Draft, NoticeState::Sending).await);
    assert!(!bring(store, "moved", NoticeState::Draft, NoticeState::Sending).await, "somebody was quicker");
    assert!(bring(store, "moved", NoticeState::Sending, NoticeState::Paused).await);
    let changes = store.notice_changes(&name("moved")).await.expect("they are told");
    let told: Vec<_> = changes.iter().map(|one| (one.state, one.actor.as_str(), one.reason.as_str())).collect();
    assert_eq!(told, [(NoticeState::Sending, "li", "seen"), (NoticeState::Paused, "li", "seen")]);
    assert_eq!(store.notices(Some(&name("moved"))).await.expect("found")[0].state, NoticeState::Paused);
    assert_eq!(store.notice_changes(&name("later")).await.expect("they are told"), []);
}

pub(super) async fn each_borrower_gets_one_message_whatever_breaks_off(store: &dyn Store, clock: &SimClock) {
    store.add_notice(&notice("moved", clock)).await.expect("it is kept");
    assert_eq!(store.add_recipients(&name("moved"), &recipients(0..5)).await.expect("added"), 5);
    let mut again = recipients(3..7);
    again[0].due_date = date("2026-12-25");
    again.extend(recipients(5..6));
    assert_eq!(store.add_recipients(&name("moved"), &again).await.expect("added"), 2, "who is one stays as it is");
    assert_eq!(put_out(store, clock, 100).await, 0, "it is a draft");
    assert_eq!(counts(store).await, [("email", None, None, 3), ("sms", None, None, 4)]);

    assert!(bring(store, "moved", NoticeState::Draft, NoticeState::Sending).await);
    assert_eq!(store.add_recipients(&name("moved"), &recipients(7..9)).await.expect("refused"), 0, "it is no draft");
    let unfinished = async || store.unfinished_notices().await.expect("they are told");
    assert_eq!(unfinished().await, [name("moved")]);
    assert_eq!(put_out(store, clock, 3).await, 3);
    let planned = Some(State::Planned);
    assert_eq!(
        counts(store).await,
        [("email", None, None, 2), ("email", planned, None, 1), ("sms", None, None, 2), ("sms", planned, None, 2)]
    );
    assert!(bring(store, "moved", NoticeState::Sending, NoticeState::Paused).await);
    assert_eq!(put_out(store, clock, 100).await, 0, "it is paused");
    assert_eq!(unfinished().await, []);
    assert!(bring(store, "moved", NoticeState::Paused, NoticeState::Sending).await);
    assert_eq!(put_out(store, clock, 100).await, 4);
    assert_eq!(unfinished().await, []);
    assert_eq!(put_out(store, clock, 100).await, 0);
    assert_eq!(counts(store).await, [("email", planned, None, 3), ("sms", planned, None, 4)]);
    let one = view(store, ReminderId(1)).await.reminder.plan;
    assert_eq!((one.key.step.to_string(), one.key.due_date), ("notice/moved".to_owned(), date(DUE)));

    let claimed = claim_all(store).await;
    assert_eq!(claimed.sending.len(), 4);
    let settled: Vec<_> = claimed.sending.into_iter().map(|one| accepted(one, clock, None)).collect();
    store.settle(&settled).await.expect("they are settled");
    let skip = always(dueherald::plan::Decision::Skip(dueherald::domain::SkipReason::Paid));
    let mails = dueherald::store::ClaimRequest { channel: Channel::Email, ..request(2) };
    store.claim(&mails, &skip).await.expect("they are claimed");
    let skipped = ("email", Some(State::Skipped), Some("paid".to_owned()), 2);
    assert_eq!(counts(store).await, [("email", planned, None, 1), skipped, ("sms", Some(State::Accepted), None, 4)]);
}

pub(super) async fn a_claim_sees_where_a_notice_stands(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b00", "i00")]).await;
    plan_due(store, 1).await;
    store.add_notice(&notice("moved", clock)).await.expect("it is kept");
    store.add_recipients(&name("moved"), &recipients(0..1)).await.expect("added");
    assert!(bring(store, "moved", NoticeState::Draft, NoticeState::Sending).await);
    assert_eq!(put_out(store, clock, 10).await, 1);
    assert!(bring(store, "moved", NoticeState::Sending, NoticeState::Paused).await);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let note = move |reminder: &dueherald::domain::NewReminder, account: &Account, now| {
        let notice = account.notice.as_ref().map(|notice| (notice.state, notice.template.to_string()));
        noted.lock().expect("no panic").push((reminder.key.step.to_string(), notice, account.installments.len()));
        send(reminder, account, now)
    };
    claim(store, 10, &note).await;
    let mut seen = seen.lock().expect("no panic").clone();
    seen.sort_unstable_by_key(|(step, ..)| step.clone());
    let paused = Some((NoticeState::Paused, "entry-moved".to_owned()));
    assert_eq!(seen, [("due-soon/-3".to_owned(), None, 1), ("notice/moved".to_owned(), paused, 1)]);
}

fn accepted(one: ClaimedReminder, clock: &SimClock, route: Option<&str>) -> dueherald::domain::Settlement {
    let settled = one.attempt.settle(Outcome::Accepted { provider_id: None }, Next::Accepted, clock.now());
    settled.leading_to(route.map(|route| route.parse().expect("a key")))
}

fn receipt(reminder: ReminderId, arrived: bool, clock: &SimClock) -> Receipt {
    let gateway = "kannel".parse().expect("a gateway");
    Receipt { reminder, gateway, arrived, code: None, at: clock.now() }
}

pub(super) async fn what_is_held_tells_where_fixed_links_led(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 8).await;
    let mut claimed = claim(store, 7, &send).await.sending;
    claimed.sort_by_key(|one| one.attempt.reminder());
    let mut claimed = claimed.into_iter();
    let mut next = || claimed.next().expect("seven are claimed");
    let (fixed, personal, in_doubt, failed) = (next(), next(), next(), next());
    let (undelivered, quick, _unheard) = (next(), next(), next());
    let doubt = in_doubt.attempt.settle(Outcome::Unknown { code: Code::new("timeout") }, Next::Unknown, clock.now());
    let refused = Outcome::NotSent { code: Code::new("no") };
    let failed = failed.attempt.settle(refused, Next::Failed, clock.now()).leading_to("old".parse().ok());
    let settled = [
        accepted(fixed, clock, Some("old")),
        accepted(personal, clock, None),
        doubt.leading_to("old".parse().ok()),
        failed,
        accepted(undelivered, clock, Some("old")),
    ];
    assert_eq!(store.settle(&settled).await.expect("they are settled"), 5);
    // The receipt of the one came before the answer, and of the other nothing was heard again.
    let receipts = [receipt(ids[4], false, clock), receipt(ids[5], true, clock)];
    assert_eq!(store.record(&receipts).await.expect("they are recorded"), 2);
    store.settle(&[accepted(quick, clock, Some("old"))]).await.expect("it is passed over");
    clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(store.reap(10).await.expect("they are reaped").len(), 1);

    let about: Vec<_> = (0..9).map(|number| (key(&format!("b{number:02}")), date(DUE))).collect();
    let mut held = store.held(&about).await.expect("they are read");
    held.sort_by_key(|one| one.reminder);
    let told = |one: &HeldMessage| {
        assert_eq!((one.channel, one.due_date), (Channel::Sms, date(DUE)));
        assert_eq!(one.gateway.as_ref().map(ToString::to_string).as_deref(), Some("kannel"));
        let routes = one.routes.iter().map(RouteKey::as_str).collect::<Vec<_>>().join(" ");
        (one.borrower.id.to_string(), routes, one.is_recorded)
    };
    let told: Vec<_> = held.iter().map(told).collect();
    let expected =
        [("b00", "old", true), ("b01", "", true), ("b02", "old", false), ("b05", "", false), ("b06", "", false)];
    assert_eq!(told, expected.map(|(who, routes, recorded)| (who.to_owned(), routes.to_owned(), recorded)));
    let elsewhen = [(key("b00"), date("2026-12-25"))];
    assert_eq!(store.held(&elsewhen).await.expect("nothing is read"), []);
}

pub(super) async fn recipients_are_counted_by_the_text_that_they_get(store: &dyn Store, clock: &SimClock) {
    let with = |number: &str, locale: &str| {
        let locale = said(locale);
        LedgerRow { locale, ..row_with_phone(number, &format!("i{number}")) }
    };
    import(store, &[with("b00", "en"), with("b02", "en"), with("b04", "zh-CN"), row_with_phone("b06", "ib06")]).await;
    assert!(store.add_notice(&notice("moved", clock)).await.expect("it is kept"));
    let all = recipients(0..7);
    store.add_recipients(&name("moved"), &all).await.expect("they are added");
    let of = async |text: &str| {
        let audience = store.notice_audience(&name(text)).await.expect("they are counted");
        let told = audience.into_iter().map(|one| {
            let locale = one.locale.map(|locale| locale.to_string());
            (one.merchant.to_string(), one.channel.as_str(), locale, one.count)
        });
        told.collect::<Vec<_>>()
    };
    let group = |channel, locale: Option<&str>, count| ("mall".to_owned(), channel, locale.map(str::to_owned), count);
    let expected = [
        // The ledger knows none of these.
        group("email", None, 3),
        group("sms", None, 1),
        group("sms", Some("en"), 2),
        group("sms", Some("zh-CN"), 1),
    ];
    assert_eq!(of("moved").await, expected);
    assert_eq!(of("other").await, []);
}
