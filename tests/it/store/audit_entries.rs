//! Every change by hand leaves its entry in the audit log, in its own transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Action, Address, AddressKey, AuditEntry, AuditOrigin, ContactPreferences, DeviceKey, EndpointKey, FieldUpdate,
    Hold, Intent, Lifter, ManualPreferences, NewReminder, Notice, NoticeChange, NoticeState, Origin, PasswordHash,
    Phone, RecordCells, RecordKind, RecordPosition, RejectedRecord, ReminderKey, Route, RouteKind, RouteVersion,
    SessionDigest, SoundRecord, StaffRole, Suppression, SuppressionReason, TokenDigest, UserDisplay, UserGrant,
};
use dueherald::pipeline::{AuditNote, Finding, resolve};
use dueherald::store::{
    ApiEffect, DropOrder, IncomingReply, KeptAnswer, KeyedRequest, NewPassword, NewToken, RejectFilter, ReplyReading,
    ReportBatch, RequestEnd, RequestStart, Sender, Stop, Store, WriteMode,
};

use super::audit::chain;
use super::bench::START;
use super::outcomes::{settle, unknown};
use super::rejects::payment;
use super::sample::{
    DUE, PHONE, claim_all, date, import, instant, key, merchant, plan_due, row_with_phone, sms, suppression,
};
use super::users::{person, session};
use crate::fixtures::by_hand;

/// The types by which a person signs an operation of the store.
const SIGNATURES: [&str; 15] = [
    "ManualChange",
    "ManualPreferences",
    "&Stop",
    "&Notice,",
    "&Notice)",
    "NoticeChange",
    "RouteVersion",
    "DropOrder",
    "ReplyReading",
    "NewToken",
    "revoke_token",
    "&NewSession",
    "end_session",
    "&[LedgerRow]",
    "&[Amendment]",
];

/// The operations of a signed store that were tried, each with the entries that it left.
struct Tried<'s> {
    store: &'s dyn Store,
    entries: usize,
    operations: BTreeSet<&'static str>,
}

impl Tried<'_> {
    /// The entries since the last step are these.
    async fn left(&mut self, operation: &'static str, expected: &[&str]) {
        let entries = chain(self.store).await;
        let new: Vec<_> = entries[self.entries..].iter().map(|entry| entry.record.action.as_str()).collect();
        assert_eq!(new, expected, "{operation}");
        let of = |entry: &AuditEntry| (entry.record.door.clone(), entry.record.signer.clone());
        assert!(entries[self.entries..].iter().all(|entry| of(entry) == ("command".into(), "li".into())));
        self.entries = entries.len();
        self.operations.insert(operation);
    }
}

fn address() -> AddressKey {
    Address::Phone(Phone::new(PHONE).expect("a number")).into()
}

pub(super) async fn every_change_by_hand_leaves_its_entry(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    let signed = store.signed(AuditOrigin::command("li", "desk-1"));
    let mut tried = Tried { store, entries: 0, operations: BTreeSet::new() };
    of_stops_and_addresses(&*signed, &mut tried).await;
    of_reminders(store, &*signed, &mut tried, clock).await;
    of_notices(&*signed, &mut tried).await;
    of_records(store, &*signed, &mut tried).await;
    of_the_installation(store, &*signed, &mut tried, clock).await;
    of_webhooks(&*signed, &mut tried).await;
    assert_eq!(tried.operations, signed_operations(), "operations that a person signs");
}

async fn of_stops_and_addresses(signed: &dyn Store, tried: &mut Tried<'_>) {
    let stop =
        Stop { merchant: None, channel: None, actor: "wang".into(), reason: "test".into(), since: instant(START) };
    signed.stop(&stop).await.expect("stopped");
    tried.left("stop", &["stop"]).await;
    assert!(signed.lift_stop(None, None, &by_hand()).await.expect("lifted"));
    tried.left("lift_stop", &["lift_stop"]).await;
    assert!(!signed.lift_stop(None, None, &by_hand()).await.expect("asked"));
    tried.left("lift_stop", &[]).await;
    let one = suppression(Some("mall"), address(), SuppressionReason::Manual);
    signed.suppress(std::slice::from_ref(&one), Some(&by_hand())).await.expect("suppressed");
    tried.left("suppress", &["suppress"]).await;
    let shown = chain(tried.store).await.pop().and_then(|entry| entry.personal.values()).expect("it is there");
    assert_eq!((shown.address.as_deref(), shown.reason.as_deref()), (Some(PHONE), Some("test")));
    signed.suppress(&[], Some(&by_hand())).await.expect("nothing to suppress");
    signed.suppress(std::slice::from_ref(&one), None).await.expect("suppressed");
    tried.left("suppress", &[]).await;
    let phone = |number: u32| Phone::new(&format!("+8613800{number:06}")).expect("a number");
    let many: Vec<_> =
        (0..101).map(|number| Suppression { address: Address::Phone(phone(number)).into(), ..one.clone() }).collect();
    signed.suppress(&many, Some(&by_hand())).await.expect("suppressed");
    tried.left("suppress", &["suppress"]).await;
    let mall = merchant("mall");
    for expected in [&["lift_suppression"][..], &[]] {
        signed.lift_suppression(Some(&mall), &address(), Lifter::Asks, &by_hand()).await.expect("asked");
        tried.left("lift_suppression", expected).await;
    }
}

async fn of_webhooks(signed: &dyn Store, tried: &mut Tried<'_>) {
    let key = EndpointKey { merchant: merchant("mall"), name: "crm".parse().expect("a name") };
    for expected in [&[][..], &["webhook_replay"]] {
        signed.replay_webhook(&key, instant(START), &by_hand()).await.expect("asked");
        tried.left("replay_webhook", expected).await;
        signed.add_webhook_endpoint(&key, RecordPosition::default()).await.expect("added");
    }
    assert!(signed.enable_webhook(&key, &by_hand()).await.expect("asked"));
    tried.left("enable_webhook", &["webhook_enable"]).await;
}

async fn of_reminders(store: &dyn Store, signed: &dyn Store, tried: &mut Tried<'_>, clock: &SimClock) {
    let now = clock.now();
    let origin = Origin::Manual { actor: "wang".into(), reason: "called in".into(), of: None };
    let key = sms("b1", START).key;
    let resend = |number: u32| {
        let key = ReminderKey { step: format!("manual/{number}").parse().expect("a step"), ..key.clone() };
        NewReminder { key, origin: origin.clone(), ..sms("b1", START) }
    };
    signed.plan(&[sms("b1", START), resend(1), resend(2)], now, WriteMode::Commit).await.expect("planned");
    tried.left("plan", &["resend", "resend"]).await;
    signed.plan(&[resend(2)], now, WriteMode::Commit).await.expect("it is there");
    signed.plan(&[resend(3)], now, WriteMode::DryRun).await.expect("a dry run");
    store.plan(&[resend(4)], now, WriteMode::Commit).await.expect("planned by nobody who signed");
    tried.left("plan", &[]).await;
    let ids = plan_due(store, 1).await;
    let claimed = claim_all(store).await.sending.into_iter().find(|one| one.attempt.reminder() == ids[0]);
    settle(store, &unknown(claimed.expect("it is due"), clock)).await;
    let note = AuditNote::new("wang", "asked the provider").expect("it is signed");
    resolve(signed, ids[0], Finding::Delivered, &note, now).await.expect("resolved");
    tried.left("settle", &["resolve"]).await;
    let shown = chain(store).await.pop().expect("it is there").record;
    assert_eq!((shown.reminder, shown.actor.as_str()), (Some(ids[0].0), "wang"));
}

async fn of_notices(signed: &dyn Store, tried: &mut Tried<'_>) {
    use NoticeState::{AwaitingApproval, Cancelled, Draft, Paused, Sending};
    let notice = Notice {
        name: "moved".parse().expect("a name"),
        template: "entry-moved".parse().expect("a template"),
        selection: "unpaid".into(),
        state: Draft,
        actor: "wang".into(),
        reason: "moved".into(),
        at: instant(START),
    };
    for expected in [&["create_notice"][..], &[]] {
        signed.add_notice(&notice).await.expect("asked");
        tried.left("add_notice", expected).await;
    }
    for (from, state, expected) in [
        (Draft, AwaitingApproval, &["send_notice"][..]),
        (Draft, Sending, &[]),
        (AwaitingApproval, Sending, &["approve_notice"]),
        (Sending, Paused, &["pause_notice"]),
        (Paused, Sending, &["resume_notice"]),
        (Sending, Cancelled, &["cancel_notice"]),
    ] {
        let change = NoticeChange { state, at: instant(START), actor: "li".into(), reason: "seen".into() };
        signed.move_notice(&notice.name, from, &change).await.expect("asked");
        tried.left("move_notice", expected).await;
    }
}

async fn of_records(store: &dyn Store, signed: &dyn Store, tried: &mut Tried<'_>) {
    let hold = Hold { reason: "dispute".into(), until: None };
    let wishes = [
        (ContactPreferences { hold: FieldUpdate::Set(Some(hold)), ..Default::default() }, "hold"),
        (ContactPreferences { hold: FieldUpdate::Set(None), ..Default::default() }, "release"),
        (ContactPreferences { preferred_channel: FieldUpdate::Set(None), ..Default::default() }, "preferences"),
    ];
    for (preferences, expected) in wishes {
        let (borrower, actor, at) = (key("b1"), "wang".to_owned(), instant(START));
        let said = ManualPreferences { borrower, preferences, actor, at };
        assert!(signed.set_preferences(&said).await.expect("set"));
        tried.left("set_preferences", &[expected]).await;
        assert!(!signed.set_preferences(&ManualPreferences { borrower: key("nobody"), ..said }).await.expect("asked"));
        tried.left("set_preferences", &[]).await;
    }
    let reject = |id: &str| RejectedRecord {
        source: None,
        kind: RecordKind::Row,
        merchant: Some(merchant("mall")),
        installment: Some(id.parse().expect("a number")),
        cells: RecordCells(BTreeMap::new()),
        waits: false,
        reason: "the status is none".to_owned(),
    };
    store.import_batch(&[], &[reject("i7"), reject("i8"), reject("i9")], WriteMode::Commit).await.expect("kept");
    let kept = store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    let order = DropOrder { actor: "wang".into(), reason: "a test".into(), at: instant(START) };
    let ids: Vec<_> = kept[..2].iter().map(|one| one.id).collect();
    for expected in [&["reject_drop", "reject_drop"][..], &[]] {
        signed.drop_rejects(&ids, &order).await.expect("dropped");
        tried.left("drop_rejects", expected).await;
    }
    let sound = SoundRecord::Row(Box::new(row_with_phone("b9", "i9")));
    for expected in [&["reject_retry"][..], &[]] {
        signed.retry_reject(&kept[2], &sound).await.expect("retried");
        tried.left("retry_reject", expected).await;
    }
    let (from, at) = (Sender::from(address()), instant(START));
    let reply =
        IncomingReply { from, about: None, said: "who is this".into(), intent: Intent::Unclear, at, provider_id: None };
    let gateway = "kannel".parse().expect("a gateway");
    store
        .take_in(&ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: BTreeMap::new() })
        .await
        .expect("taken in");
    for expected in [&["read_reply"][..], &[]] {
        let reading = ReplyReading { reply: 1, actor: "wang".into(), is_stop: true, at };
        signed.read_reply(&reading).await.expect("read");
        tried.left("read_reply", expected).await;
    }
}

async fn of_the_installation(store: &dyn Store, signed: &dyn Store, tried: &mut Tried<'_>, clock: &SimClock) {
    let now = clock.now();
    let (mall, day) = (merchant("mall"), date(DUE));
    store.note_volume(&mall, day, 9).await.expect("noted");
    store.hold_volume(&mall, day, &[], now).await.expect("held");
    for expected in [&["approve_volume"][..], &[]] {
        signed.approve_volume(&mall, day, &by_hand()).await.expect("asked");
        tried.left("approve_volume", expected).await;
    }
    let route = |url: &str| Route {
        key: "web".parse().expect("a key"),
        merchant: mall.clone(),
        product: None,
        kind: RouteKind::Web { url: url.to_owned() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    };
    for url in ["https://a.mall.example/", "https://b.mall.example/"] {
        let version = RouteVersion { route: route(url), at: now, actor: "wang".into(), reason: "moved".into() };
        signed.add_route_version(&version).await.expect("added");
        tried.left("add_route_version", &["route_change"]).await;
    }
    let shown = chain(store).await.pop().and_then(|entry| entry.personal.values()).expect("it is there");
    assert_eq!(shown.before.as_deref(), Some("web https://a.mall.example/"));
    let token = NewToken {
        name: "crm".to_owned(),
        digest: TokenDigest([1; 32]),
        merchants: [mall.clone()].into(),
        actions: [Action::Resend].into(),
        created_at: now,
        expires_at: None,
    };
    signed.add_token(&token).await.expect("kept");
    tried.left("add_token", &["token_create"]).await;
    assert!(signed.revoke_token("crm", now).await.expect("revoked"));
    tried.left("revoke_token", &["token_revoke"]).await;
    signed.arm(&by_hand(), 2).await.expect("ordered");
    tried.left("arm", &["database_arm"]).await;
    of_users(signed, tried).await;
    of_sessions(store, signed, tried, now).await;
    of_imports(signed, tried).await;
    of_requests(signed, tried, clock).await;
}

async fn of_users(signed: &dyn Store, tried: &mut Tried<'_>) {
    let by = by_hand();
    let (root, agent) = (person("root", StaffRole::Admin), person("li", StaffRole::Agent));
    for user in [&root, &agent] {
        assert!(signed.add_user(user, &by).await.expect("added"));
        tried.left("add_user", &["user_add"]).await;
        assert!(!signed.add_user(user, &by).await.expect("asked"));
        tried.left("add_user", &[]).await;
    }
    let grant = UserGrant { role: StaffRole::Supervisor, ..agent.grant.clone() };
    for expected in [&["user_change"][..], &[]] {
        signed.change_grant(&agent.name, &grant, &by).await.expect("asked");
        tried.left("change_grant", expected).await;
    }
    let display = UserDisplay { time_zone: Some(chrono_tz::UTC), ..agent.display() };
    for expected in [&["user_change"][..], &[]] {
        signed.change_display(&agent.name, &display, &by).await.expect("asked");
        tried.left("change_display", expected).await;
    }
    let (password, device_key) = (PasswordHash::of_nobody(), DeviceKey([2; 32]));
    let password = NewPassword { name: agent.name.clone(), password, device_key };
    signed.change_password(&password, &by).await.expect("asked");
    tried.left("change_password", &["user_change"]).await;
    signed.disable_user(&root.name, &by).await.expect("asked");
    tried.left("disable_user", &[]).await;
    for expected in [&["user_disable"][..], &[]] {
        signed.disable_user(&agent.name, &by).await.expect("asked");
        tried.left("disable_user", expected).await;
    }
    for expected in [&["user_change"][..], &[]] {
        signed.enable_user(&agent.name, &by).await.expect("asked");
        tried.left("enable_user", expected).await;
    }
}

async fn of_sessions(store: &dyn Store, signed: &dyn Store, tried: &mut Tried<'_>, now: DateTime<Utc>) {
    let user = person("wang", StaffRole::Agent);
    store.add_user(&user, &by_hand()).await.expect("added by nobody who signed");
    let first = session(1, "wang", now);
    for (session, expected) in [(first, &["login"][..]), (session(2, "nobody", now), &[])] {
        signed.begin_session(&session).await.expect("asked");
        tried.left("begin_session", expected).await;
    }
    let entry = chain(store).await.pop().expect("it is there");
    let after = entry.personal.values().and_then(|values| values.after);
    let told = (entry.record.actor.as_str(), entry.record.object.as_deref(), after.as_deref());
    assert_eq!(told, ("wang", Some("user wang"), Some("by password")));
    for expected in [&["logout"][..], &[]] {
        signed.end_session(&SessionDigest([1; 32])).await.expect("asked");
        tried.left("end_session", expected).await;
    }
    assert_eq!(chain(store).await.pop().expect("it is there").record.actor, "wang");
}

async fn of_imports(signed: &dyn Store, tried: &mut Tried<'_>) {
    let rows = [row_with_phone("b8", "i8"), row_with_phone("b9", "i9")];
    signed.import(&rows, WriteMode::DryRun).await.expect("a dry run");
    tried.left("import", &[]).await;
    for expected in [&["ledger_change"][..], &[]] {
        signed.import(&rows, WriteMode::Commit).await.expect("imported");
        tried.left("import", expected).await;
    }
    signed.import_batch(&[row_with_phone("b8", "i10")], &[], WriteMode::Commit).await.expect("imported");
    tried.left("import_batch", &["ledger_change"]).await;
    let shown = chain(tried.store).await.pop().expect("it is there");
    let after = shown.personal.values().and_then(|values| values.after);
    let told = (shown.record.merchant.as_deref(), shown.record.object.as_deref(), after.as_deref());
    assert_eq!(told, (Some("mall"), Some("records 1"), Some("1 new instalments")));
    let paid = payment("i8");
    for (mode, expected) in
        [(WriteMode::DryRun, &[][..]), (WriteMode::Commit, &["ledger_change"]), (WriteMode::Commit, &[])]
    {
        signed.amend(std::slice::from_ref(&paid), None, mode).await.expect("amended");
        tried.left("amend", expected).await;
    }
}

/// The effects of the API. A request whose effect is undone leaves no entry.
async fn of_requests(signed: &dyn Store, tried: &mut Tried<'_>, clock: &SimClock) {
    let now = clock.now();
    let origin = Origin::Manual { actor: "crm".into(), reason: "called in".into(), of: None };
    let key = ReminderKey { step: "manual/9".parse().expect("a step"), ..sms("b1", START).key };
    let waiting = signed.plan(&[sms("b7", START)], now, WriteMode::Commit).await.expect("planned")[0];
    let cancel = ApiEffect::Cancel { reminder: waiting, by: by_hand() };
    let lift = ApiEffect::LiftSuppression {
        merchant: merchant("mall"),
        address: address(),
        lifter: Lifter::Asks,
        by: by_hand(),
    };
    let effects = [
        (ApiEffect::Plan { reminder: NewReminder { key, origin, ..sms("b1", START) }, at: now }, &["resend"][..]),
        (
            ApiEffect::Suppress {
                suppression: suppression(Some("mall"), address(), SuppressionReason::Manual),
                by: by_hand(),
            },
            &["suppress"],
        ),
        (lift.clone(), &["lift_suppression"]),
        (cancel.clone(), &["cancel"]),
        (cancel, &[]),
        (lift, &[]),
    ];
    for (number, (effect, expected)) in effects.into_iter().enumerate() {
        let (token, lease) = ("t1".to_owned(), chrono::TimeDelta::seconds(10));
        let request = KeyedRequest { token, key: number.to_string(), fingerprint: [1; 32], lease };
        let RequestStart::Begun(slow) = signed.begin_request(&request).await.expect("begun") else {
            panic!("it is new")
        };
        clock.advance(std::time::Duration::from_secs(11));
        let RequestStart::Begun(quick) = signed.begin_request(&request).await.expect("begun") else {
            panic!("it takes over")
        };
        let answer = |_: &ApiEffect, _| KeptAnswer { status: 200, body: String::new() };
        let end = RequestEnd::Effect { effect, answer };
        assert_eq!(signed.end_request(&slow, &end).await.expect("asked"), None);
        tried.left("plan", &[]).await;
        signed.end_request(&quick, &end).await.expect("ended").expect("it counts");
        tried.left("plan", expected).await;
    }
}

/// The operations of the store's traits that a person signs, as their files say, and the three that carry an actor in
/// what they are given.
fn signed_operations() -> BTreeSet<&'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = std::fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path());
    let mut found: BTreeSet<&'static str> = ["plan", "settle", "retry_reject"].into();
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = std::fs::read_to_string(file).expect("text");
        for operation in text.split("    async fn ").skip(1) {
            let (head, _) = operation.split_once("->").expect("an operation of a trait gives something");
            if SIGNATURES.iter().any(|signature| head.contains(signature)) {
                found.insert(head.split('(').next().expect("a name").to_owned().leak());
            }
        }
    }
    found
}
