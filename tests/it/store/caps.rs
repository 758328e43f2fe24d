//! The contacts that a claim reads beside the facts, and caps that hold across concurrent claims.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::SimClock;
use dueherald::domain::{
    Channel, EmailAddress, Installment, LedgerRow, NewReminder, Next, Outcome, ReminderKey, SkipReason,
};
use dueherald::plan::{Account, Cap, Caps, Decision, Policy, Progress, RecentContacts};
use dueherald::store::{ClaimRequest, ClaimResult, FieldUpdate, OutboxStore, PostgresStore, SchemaStore, Store};

use super::bench::START;
use super::sample::{by, date, import, instant, merchant, phone, plan, request, row, row_with_phone, send, sms};
use crate::fixtures;

const ONE_A_DAY: Cap = Cap { per_day: Some(1), per_7_days: None };

fn policy(all: Cap, across_merchants: bool) -> Policy {
    let both = [Channel::Sms, Channel::Email];
    let rule = |name, priority| dueherald::plan::Rule {
        priority,
        max_lateness: TimeDelta::days(3),
        ..fixtures::rule(name, &[-3], dueherald::plan::ChannelMode::All, &both)
    };
    let caps = Some(Caps { all, channels: BTreeMap::new(), across_merchants });
    let shop = dueherald::domain::Merchant { id: merchant("shop"), ..fixtures::merchant() };
    let mut policy = Policy {
        rules: vec![rule("due-soon", 0), rule("second", 0), rule("third", 0), rule("first", 9)],
        caps,
        ..fixtures::policy()
    };
    policy.merchants.insert(shop.id.clone(), shop);
    policy
}

async fn claim(store: &dyn Store, policy: &Policy, channel: Channel) -> ClaimResult {
    let request = ClaimRequest { channel, recent_contacts: policy.recent_contacts(), ..request(100) };
    store.claim(&request, &by(policy)).await.expect("the claim is recorded")
}

/// How many are sent and how many capped.
fn count(claimed: &ClaimResult) -> (usize, usize) {
    let capped = |(_, decision): &&(_, Decision)| *decision == Decision::Skip(SkipReason::Capped);
    (claimed.sending.len(), claimed.not_sent.iter().filter(capped).count())
}

/// A reminder of the sample's borrower by another step, on another channel or of another merchant.
fn other(step: &str, channel: Channel, of: &str) -> NewReminder {
    let mut other = sms("b1", START);
    other.key.step = step.parse().expect("a step");
    other.key.channel = channel;
    other.key.borrower.merchant = merchant(of);
    other
}

async fn settle(store: &dyn Store, claimed: ClaimResult, outcome: Outcome, next: Next, at: &str) {
    let settled = claimed.sending.into_iter().map(|one| one.attempt.settle(outcome.clone(), next.clone(), instant(at)));
    store.settle(&settled.collect::<Vec<_>>()).await.expect("outcomes are recorded");
}

fn accepted() -> Outcome {
    Outcome::Accepted { provider_id: None }
}

fn both_addresses(id: &str) -> LedgerRow {
    let email = EmailAddress::new("b1@example.com").expect("an address");
    LedgerRow { email: FieldUpdate::Set(Some(email)), ..row_with_phone("b1", id) }
}

pub(super) async fn within_one_batch_the_counts_go_on(store: &dyn Store, _: &SimClock) {
    import(store, &[both_addresses("i1")]).await;
    let steps = ["due-soon/-3", "second/-3", "third/-3"].map(|step| other(step, Channel::Sms, "mall"));
    plan(store, &steps).await;
    assert_eq!(count(&claim(store, &policy(ONE_A_DAY, false), Channel::Sms).await), (1, 2));
}

pub(super) async fn priority_chooses_within_one_batch(store: &dyn Store, _: &SimClock) {
    import(store, &[both_addresses("i1")]).await;
    plan(store, &[other("due-soon/-3", Channel::Sms, "mall"), other("first/-3", Channel::Sms, "mall")]).await;
    let claimed = claim(store, &policy(ONE_A_DAY, false), Channel::Sms).await;
    assert_eq!(count(&claimed), (1, 1));
    assert_eq!(claimed.sending[0].reminder.key.step.to_string(), "first/-3");
}

pub(super) async fn what_is_under_way_or_sent_on_any_channel_counts(store: &dyn Store, clock: &SimClock) {
    let policy = policy(ONE_A_DAY, false);
    import(store, &[both_addresses("i1")]).await;
    plan(store, &[other("due-soon/-3", Channel::Sms, "mall"), other("due-soon/-3", Channel::Email, "mall")]).await;
    let under_way = claim(store, &policy, Channel::Sms).await;
    assert_eq!(count(&under_way), (1, 0));
    assert_eq!(count(&claim(store, &policy, Channel::Email).await), (0, 1), "it is under way");
    settle(store, under_way, accepted(), Next::Accepted, START).await;
    plan(store, &[other("second/-3", Channel::Email, "mall")]).await;
    assert_eq!(count(&claim(store, &policy, Channel::Email).await), (0, 1), "it was sent");
    clock.advance(TimeDelta::days(1).to_std().expect("a day"));
    let mut tomorrow = other("third/-3", Channel::Email, "mall");
    tomorrow.expires_at += TimeDelta::days(1);
    plan(store, &[tomorrow]).await;
    assert_eq!(count(&claim(store, &policy, Channel::Email).await), (1, 0), "a new day");
}

pub(super) async fn doubt_counts_and_proof_that_nothing_left_does_not(store: &dyn Store, _: &SimClock) {
    let policy = policy(ONE_A_DAY, false);
    import(store, &[both_addresses("i1")]).await;
    let code = || dueherald::domain::Code::new("x");
    plan(store, &[other("due-soon/-3", Channel::Sms, "mall")]).await;
    let refused = claim(store, &policy, Channel::Sms).await;
    settle(store, refused, Outcome::NotSent { code: code() }, Next::Failed, START).await;
    plan(store, &[other("second/-3", Channel::Sms, "mall")]).await;
    let doubtful = claim(store, &policy, Channel::Sms).await;
    assert_eq!(count(&doubtful), (1, 0), "the first was not sent");
    settle(store, doubtful, Outcome::Unknown { code: code() }, Next::Unknown, START).await;
    plan(store, &[other("third/-3", Channel::Sms, "mall")]).await;
    assert_eq!(count(&claim(store, &policy, Channel::Sms).await), (0, 1), "the second may have been");
}

pub(super) async fn a_person_is_counted_over_all_merchants_if_so_set(store: &dyn Store, _: &SimClock) {
    let mut shop = row("b1", "i2");
    shop.borrower.merchant = merchant("shop");
    let stranger = LedgerRow { phone: phone("+8613900139000"), ..row("b2", "i3") };
    import(store, &[both_addresses("i1"), LedgerRow { phone: phone(super::sample::PHONE), ..shop }, stranger]).await;
    plan(
        store,
        &[other("due-soon/-3", Channel::Sms, "mall"), other("due-soon/-3", Channel::Sms, "shop"), sms("b2", START)],
    )
    .await;
    assert_eq!(count(&claim(store, &policy(ONE_A_DAY, true), Channel::Sms).await), (2, 1));
    plan(store, &[other("second/-3", Channel::Sms, "shop")]).await;
    assert_eq!(
        count(&claim(store, &policy(ONE_A_DAY, false), Channel::Sms).await),
        (1, 0),
        "another merchant's borrower"
    );
}

pub(super) async fn an_address_of_many_is_nobodys_own(store: &dyn Store, _: &SimClock) {
    let cases = [(5, Channel::Email, 1), (6, Channel::Email, 6), (5, Channel::Sms, 1), (6, Channel::Sms, 6)];
    for (number, (sharing, channel, sent)) in cases.into_iter().enumerate() {
        let rows = (0..sharing).map(|place| {
            let who = format!("s{number}{place}");
            let own = phone(&format!("+86139001{number}{place:04}"));
            let (email, phone) = match channel {
                Channel::Email => (Some(format!("Info{number}@Shop.example")), own),
                Channel::Sms => (Some(format!("{who}@shop.example")), phone(&format!("+8613800{number:06}"))),
            };
            let email = FieldUpdate::Set(email.map(|email| EmailAddress::new(&email).expect("an address")));
            LedgerRow { email, phone, ..row(&who, &format!("i-{who}")) }
        });
        let rows = rows.collect::<Vec<_>>();
        import(store, &rows).await;
        let of = |channel| {
            rows.iter().map(move |row| {
                let mut one = sms(row.borrower.id.as_str(), START);
                one.key.channel = channel;
                one
            })
        };
        plan(store, &of(channel).collect::<Vec<_>>()).await;
        let (sending, capped) = count(&claim(store, &policy(ONE_A_DAY, true), channel).await);
        assert_eq!((sending, capped), (sent, sharing - sent), "{sharing} share their address on {channel}");
    }
}

pub(super) async fn another_channels_address_says_nothing_about_who_it_is(store: &dyn Store, _: &SimClock) {
    let placeholder = || FieldUpdate::Set(Some(EmailAddress::new("none@shop.example").expect("an address")));
    let with = |who: &str, number: &str| LedgerRow {
        email: placeholder(),
        phone: phone(number),
        ..row(who, &format!("i-{who}"))
    };
    import(store, &[with("b1", "+8613900139001"), with("b2", "+8613900139002")]).await;
    plan(store, &[sms("b1", START), sms("b2", START)]).await;
    assert_eq!(count(&claim(store, &policy(ONE_A_DAY, true), Channel::Sms).await), (2, 0), "two phones, two people");
}

pub(super) async fn what_is_beside_is_read_only_when_asked_for(store: &dyn Store, _: &SimClock) {
    let next_day = LedgerRow { due_date: date("2026-11-26"), ..both_addresses("i2") };
    let far = LedgerRow { due_date: date("2026-11-28"), ..both_addresses("i3") };
    import(store, &[both_addresses("i1"), next_day, far]).await;
    plan(store, &[other("due-soon/-3", Channel::Sms, "mall"), other("second/-3", Channel::Sms, "mall")]).await;
    let recent_contacts =
        RecentContacts { contacts_within: TimeDelta::days(8), across_merchants: false, days_ahead: 2 };
    for recent_contacts in [None, Some(recent_contacts)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let look = move |one: &NewReminder, account: &Account, now: DateTime<Utc>| {
            let ids = |all: &[Installment]| all.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
            let contacts = account.contacts.iter().filter(|contact| contact.key != one.key);
            let contacts: Vec<(ReminderKey, Progress)> = contacts.map(|one| (one.key.clone(), one.progress)).collect();
            noted.lock().expect("nobody panicked").push((
                ids(&account.installments),
                ids(&account.following),
                contacts,
            ));
            let until = now + TimeDelta::minutes(1);
            let _ = send(one, account, now);
            Decision::Defer { until, reason: dueherald::plan::DeferReason::ContactHours }
        };
        store.claim(&ClaimRequest { recent_contacts, ..request(1) }, &look).await.expect("the claim is recorded");
        let seen = seen.lock().expect("nobody panicked");
        let (due, following, contacts) = &seen[0];
        assert_eq!(due, &["i1"]);
        if recent_contacts.is_none() {
            assert!(following.is_empty() && contacts.is_empty());
        } else {
            assert_eq!(following, &["i2"], "the day after, and not the third");
            let [(key, Progress::Planned(at))] = contacts.as_slice() else { panic!("{contacts:?}") };
            assert_eq!(key.step.to_string(), "due-soon/-3", "the first was put off, and the second is claimed");
            assert_eq!(*at, instant(START) + TimeDelta::minutes(1));
        }
    }
}

pub(super) async fn an_account_tells_what_a_claim_would_read(store: &dyn Store, _: &SimClock) {
    let next_day = LedgerRow { due_date: date("2026-11-26"), ..both_addresses("i2") };
    import(store, &[both_addresses("i1"), next_day]).await;
    plan(store, &[other("due-soon/-3", Channel::Sms, "mall"), other("second/-3", Channel::Sms, "mall")]).await;
    let recent_contacts = RecentContacts { contacts_within: TimeDelta::days(8), across_merchants: true, days_ahead: 2 };
    let key = sms("b1", START).key;
    let told =
        store.account_beside(&key.borrower, key.due_date, key.channel, recent_contacts).await.expect("it is read");
    let claimed = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&claimed);
    let look = move |_: &NewReminder, account: &Account, now: DateTime<Utc>| {
        noted.lock().expect("nobody panicked").get_or_insert(account.clone());
        Decision::Defer { until: now + TimeDelta::minutes(1), reason: dueherald::plan::DeferReason::ContactHours }
    };
    store
        .claim(&ClaimRequest { recent_contacts: Some(recent_contacts), ..request(1) }, &look)
        .await
        .expect("the claim is recorded");
    let claimed = claimed.lock().expect("nobody panicked").clone().expect("one was due");
    assert_eq!((told.contacts.len(), told.following.len()), (2, 1));
    assert_eq!((&told.borrower, &told.installments), (&claimed.borrower, &claimed.installments));
    assert_eq!((&told.following, told.stopped), (&claimed.following, claimed.stopped));
    assert!(told.contacts.iter().all(|one| matches!(one.progress, Progress::Planned(_))), "nothing was claimed by it");
}

/// Claims on both channels until nothing is due; gives the phone number behind each reminder that it may send.
async fn send_all(store: PostgresStore, policy: Arc<Policy>, first: Channel) -> Vec<String> {
    let mut sent = Vec::new();
    let channels = if first == Channel::Sms { [Channel::Sms, Channel::Email] } else { [Channel::Email, Channel::Sms] };
    loop {
        let mut taken = 0;
        for channel in channels {
            let request = ClaimRequest { channel, recent_contacts: policy.recent_contacts(), ..request(7) };
            let claimed = store.claim(&request, &by(&policy)).await.expect("the claim is recorded");
            taken += claimed.taken();
            let phone = |one: &dueherald::store::ClaimedReminder| {
                let phone = one.account.borrower.as_ref().and_then(|borrower| borrower.phone.clone());
                phone.expect("everybody has one").as_e164().to_owned()
            };
            sent.extend(claimed.sending.iter().map(phone));
            settle(&store, claimed, accepted(), Next::Accepted, START).await;
        }
        if taken == 0 {
            return sent;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimers_over_the_same_people_keep_their_caps() {
    const PEOPLE: usize = 100;
    let database = crate::postgres::database().await;
    let clock = SimClock::at(instant(START));
    let connect = async || {
        let store = PostgresStore::connect(&database.url().into(), 2, Some(Arc::new(clock.clone()))).await;
        store.expect("the database is there")
    };
    let store = connect().await;
    store.migrate().await.expect("the migrations run");
    // Everybody is in two merchants' books under one number and one address, with four reminders there and there.
    let (mut rows, mut reminders) = (Vec::new(), Vec::new());
    for (number, of) in (0..PEOPLE).flat_map(|number| [(number, "mall"), (number, "shop")]) {
        let who = format!("b{number:03}");
        let email = EmailAddress::new(&format!("b{number}@example.com")).expect("an address");
        let mut row = row(&who, &format!("i{number}"));
        row.borrower.merchant = merchant(of);
        (row.phone, row.email) = (phone(&format!("+8613800{number:06}")), FieldUpdate::Set(Some(email)));
        rows.push(row);
        for (step, channel) in [
            ("due-soon/-3", Channel::Sms),
            ("due-soon/-3", Channel::Email),
            ("first/-3", Channel::Sms),
            ("first/-3", Channel::Email),
        ] {
            let mut reminder = other(step, channel, of);
            reminder.key.borrower.id = who.parse().expect("a borrower");
            reminders.push(reminder);
        }
    }
    import(&store, &rows).await;
    plan(&store, &reminders).await;
    let policy = Arc::new(policy(ONE_A_DAY, true));
    let mut claimers = Vec::new();
    for number in 0..4 {
        let first = Channel::ALL[number % 2];
        claimers.push(tokio::spawn(send_all(connect().await, policy.clone(), first)));
    }
    let mut sent: BTreeMap<String, u32> = BTreeMap::new();
    for claimer in futures_util::future::join_all(claimers).await {
        for phone in claimer.expect("the claimer ends") {
            *sent.entry(phone).or_default() += 1;
        }
    }
    assert_eq!(sent.len(), PEOPLE, "everybody is told once");
    assert!(
        sent.values().all(|times| *times == 1),
        "{} were told more than once",
        sent.values().filter(|times| **times > 1).count()
    );
}
