//! The queues of work for a person: unknown reminders, replies, rejected records, notices.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use dueherald::clock::Clock;
use dueherald::domain::{
    Address, AddressKey, AuditAction, Channel, Intent, Phone, RecordCells, RecordKind, RejectedRecord, ReminderId,
    StaffRole, State, SuppressionReason,
};
use dueherald::store::{IncomingReply, RejectFilter, ReminderFilter, ReportBatch, WriteMode};

use super::Bench;
use super::borrowers::{audited, bench, logged_in, post};
use super::notices::notice;
use crate::fixtures::{at, day, reminder};
use crate::store::outcomes::{settle, unknown};
use crate::store::sample::claim_all;

const NOW: &str = "2026-11-22T02:00:00Z";
const QUEUES: &str = "/console/queues";

async fn unknown_one(bench: &Bench) -> ReminderId {
    let planned = [reminder("b-1", "2026-11-25", "due/-3", NOW)];
    let id = bench.store.plan(&planned, at(NOW), WriteMode::Commit).await.expect("planned")[0];
    for claimed in claim_all(&*bench.store).await.sending {
        settle(&*bench.store, &unknown(claimed, &bench.clock)).await;
    }
    id
}

async fn state(bench: &Bench, id: ReminderId) -> State {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    bench.store.reminders(&filter).await.expect("listed")[0].state
}

#[tokio::test]
async fn an_unknown_reminder_is_settled_by_a_supervisor_for_a_reason() {
    let bench = bench().await;
    let id = unknown_one(&bench).await;
    let path = format!("{QUEUES}/unknown");
    let (mut agent, mut supervisor) =
        (logged_in(&bench, StaffRole::Agent).await, logged_in(&bench, StaffRole::Supervisor).await);
    let seen = agent.get(QUEUES).await;
    assert!(seen.body.contains(&format!("Reminder {id}")) && !seen.body.contains("name=\"finding\""), "{}", seen.body);
    let number = id.to_string();
    let fields = [("id", &*number), ("finding", "sent"), ("reason", "seen in the provider's log")];
    assert_eq!(post(&mut agent, &path, &fields).await.status, StatusCode::FORBIDDEN);
    for wrong in [&fields[..2], &fields[1..], &[fields[0], fields[2]], &[fields[0], ("finding", "lost"), fields[2]]] {
        let refused = post(&mut supervisor, &path, wrong).await;
        assert!(refused.status.is_client_error(), "{wrong:?}: {}", refused.status);
    }
    assert_eq!(state(&bench, id).await, State::Unknown);
    let done = post(&mut supervisor, &path, &fields).await;
    assert_eq!(done.header("location"), format!("{QUEUES}?done=resolved"), "{}", done.body);
    assert_eq!(state(&bench, id).await, State::Accepted);
    assert_eq!(audited(&bench, AuditAction::Resolve).await, 1);
    let again = post(&mut supervisor, &path, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("is settled already") && again.body.contains("Nothing was changed"), "{}", again.body);
}

#[tokio::test]
async fn what_is_ticked_twice_is_settled_once_and_what_is_no_number_is_refused() {
    let bench = bench().await;
    let first = unknown_one(&bench).await;
    let planned = [reminder("b-1", "2026-12-25", "due/-3", NOW)];
    let second = bench.store.plan(&planned, at(NOW), WriteMode::Commit).await.expect("planned")[0];
    for claimed in claim_all(&*bench.store).await.sending {
        settle(&*bench.store, &unknown(claimed, &bench.clock)).await;
    }
    let path = format!("{QUEUES}/unknown");
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let (one, two) = (first.to_string(), second.to_string());
    let more = [("finding", "sent"), ("reason", "seen")];
    for wrong in ["", "x", "1.5", "9223372036854775808"] {
        let fields = [&[("id", wrong), ("id", &*one)][..], &more].concat();
        assert_eq!(post(&mut supervisor, &path, &fields).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    for unknown_number in ["-1", "0", "9223372036854775807"] {
        let fields = [&[("id", &*one), ("id", unknown_number)][..], &more].concat();
        assert_eq!(post(&mut supervisor, &path, &fields).await.status, StatusCode::NOT_FOUND, "{unknown_number}");
    }
    assert_eq!(state(&bench, first).await, State::Unknown, "all or nothing of what is not the person's");
    let twice = post(&mut supervisor, &path, &[&[("id", &*one), ("id", &*one)][..], &more].concat()).await;
    assert_eq!(twice.header("location"), format!("{QUEUES}?done=resolved"), "{}", twice.body);
    assert_eq!(audited(&bench, AuditAction::Resolve).await, 1);
    let partly = post(&mut supervisor, &path, &[&[("id", &*one), ("id", &*two)][..], &more].concat()).await;
    assert!(partly.status == StatusCode::CONFLICT && partly.body.contains("Only a part was done"), "{}", partly.body);
    assert_eq!(state(&bench, second).await, State::Accepted);
}

async fn reply(bench: &Bench, phone: &str, text: &str) {
    let from = AddressKey::from(Address::Phone(Phone::new(phone).expect("a number"))).into();
    let reply = IncomingReply {
        from,
        about: None,
        said: text.to_owned(),
        intent: Intent::Unclear,
        at: bench.clock.now(),
        provider_id: Some(text.to_owned()),
    };
    let gateway = "kannel".parse().expect("a gateway");
    let told = ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: BTreeMap::new() };
    bench.store.take_in(&told).await.expect("the reply is recorded");
}

#[tokio::test]
async fn a_reply_is_read_and_an_opt_out_in_it_counts() {
    let bench = bench().await;
    unknown_one(&bench).await;
    reply(&bench, "+8613800138000", "别<b>再</b>发了").await;
    reply(&bench, "+8613900139000", "to nobody known").await;
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    let seen = viewer.get(QUEUES).await;
    assert!(seen.body.contains("A reply arrived") && !seen.body.contains("发了"), "{}", seen.body);
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let seen = agent.get(QUEUES).await;
    assert!(seen.body.contains("别&lt;b&gt;再") && seen.body.contains("…8000"), "{}", seen.body);
    assert!(!seen.body.contains("to nobody known"), "only who works for every merchant reads it: {}", seen.body);
    let id = super::borrowers::hidden(&seen, "id");
    let path = format!("{QUEUES}/reply");
    let wrong = post(&mut agent, &path, &[("id", &id), ("meaning", "maybe")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let done = post(&mut agent, &path, &[("id", &id), ("meaning", "stop")]).await;
    assert_eq!(done.header("location"), format!("{QUEUES}?done=read"), "{}", done.body);
    let key = crate::fixtures::borrower("b-1").key;
    let account = bench.store.account(&key, day("2026-11-25"), Channel::Sms).await.expect("read");
    assert_eq!(account.suppressed, Some(SuppressionReason::OptedOut));
    let again = post(&mut agent, &path, &[("id", &id), ("meaning", "other")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("read this reply already"), "{}", again.body);
}

fn faulty(merchant: &str, id: &str) -> RejectedRecord {
    RejectedRecord {
        source: None,
        kind: RecordKind::Row,
        merchant: Some(merchant.parse().expect("an id")),
        installment: Some(id.parse().expect("a number")),
        cells: RecordCells([("status".to_owned(), "settled".to_owned())].into()),
        waits: false,
        reason: "status is not one of open, paid, cancelled, written_off, disputed".to_owned(),
    }
}

#[tokio::test]
async fn rejected_records_are_checked_again_or_dropped_for_a_reason() {
    let bench = bench().await;
    let records = [faulty("mall", "i-1"), faulty("harbour", "h-1")];
    bench.store.import_batch(&[], &records, WriteMode::Commit).await.expect("kept");
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let seen = supervisor.get(QUEUES).await;
    assert!(seen.body.contains("status is not one of") && !seen.body.contains("h-1"), "{}", seen.body);
    assert!(!seen.body.contains("settled</"), "the cells of a record stay in the database");
    let all = bench.store.rejects(&RejectFilter { limit: 9, ..Default::default() }).await;
    let all = all.expect("listed");
    let ids: Vec<_> = all.iter().map(|kept| kept.id.to_string()).collect();
    let path = format!("{QUEUES}/rejects");
    let ticked: Vec<_> = ids.iter().map(|id| ("id", id.as_str())).collect();
    let ask =
        |more: &[(&'static str, &'static str)]| ticked.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let refused = post(&mut supervisor, &path, &ask(&[("act", "retry")])).await;
    assert!(refused.body.contains("Refused as before: 1"), "{}", refused.body);
    assert_eq!(post(&mut supervisor, &path, &ask(&[("act", "drop")])).await.status, StatusCode::CONFLICT);
    let done = post(&mut supervisor, &path, &ask(&[("act", "drop"), ("reason", "a test row")])).await;
    for text in ["Only a part was done", "No longer here: 1"] {
        assert!(done.body.contains(text), "{text} is missing: {}", done.body);
    }
    let again = post(&mut supervisor, &path, &ask(&[("act", "drop"), ("reason", "a test row")])).await;
    assert!(again.body.contains("Nothing was changed") && again.body.contains("No longer here: 2"), "{}", again.body);
    let left = bench.store.rejects(&RejectFilter { limit: 9, ..Default::default() }).await;
    let left: Vec<_> = left.expect("listed").into_iter().filter_map(|kept| kept.record.installment).collect();
    assert_eq!(left, ["h-1".parse().expect("a number")], "another merchant's record stays");
}

#[tokio::test]
async fn the_pages_of_routes_gateways_figures_and_the_audit_log_show_what_is_there() {
    let bench = bench().await;
    unknown_one(&bench).await;
    let mut admin = logged_in(&bench, StaffRole::Admin).await;
    for (path, texts) in [
        ("/console/routes", &["mall-app", "mallfinance://bill", "400-000-0000", "not probed"][..]),
        ("/console/gateways", &["SMS", "in use"]),
        ("/console/figures", &["<svg", "Unclear <b>1</b>", "Asia/Shanghai", "11-22 10:00"]),
        ("/console/funnel", &["No message was sent."]),
        ("/console/audit", &["Logged in</td>"]),
    ] {
        let page = admin.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for text in texts {
            let escaped = text.replace('/', "&#x2f;");
            assert!(page.body.contains(text) || page.body.contains(&escaped), "{path}: {text}: {}", page.body);
        }
        assert!(!page.body.contains("style="), "{path}: the policy allows no inline style");
    }
}

#[tokio::test]
async fn the_audit_log_is_narrowed_and_reasons_are_shown_on_record() {
    let bench = bench().await;
    let mut admin = logged_in(&bench, StaffRole::Admin).await;
    let hold = [("kind", "dispute"), ("note", "the amount")];
    post(&mut admin, "/console/borrowers/mall/b%2D1/hold", &hold).await;
    post(&mut admin, "/console/borrowers/mall/b%2D1/release", &[]).await;
    let all = admin.get("/console/audit").await;
    for text in ["Put on hold</td>", "Ended a hold</td>", "mall · b-1", "admin <span"] {
        assert!(all.body.contains(text), "{text}: {}", all.body);
    }
    assert!(!all.body.contains("the amount"));
    let narrowed = admin.get("/console/audit?action=hold&borrower=b-1&actor=").await;
    assert!(narrowed.body.contains("Put on hold</td>") && !narrowed.body.contains("Ended a hold</td>"));
    let nobody = admin.get("/console/audit?borrower=b-2").await;
    assert!(nobody.body.contains("No entry matches."), "{}", nobody.body);
    let shown = post(&mut admin, "/console/audit", &[("action", "hold")]).await;
    assert!(shown.body.contains("the amount"), "{}", shown.body);
    assert_eq!(audited(&bench, AuditAction::AuditReveal).await, 1);
}

#[tokio::test]
async fn work_shows_who_has_taken_it() {
    let bench = bench().await;
    let id = unknown_one(&bench).await;
    let (mut agent, mut supervisor) =
        (logged_in(&bench, StaffRole::Agent).await, logged_in(&bench, StaffRole::Supervisor).await);
    let (path, item) = (format!("{QUEUES}/take"), format!("unknown:{id}"));
    assert_eq!(post(&mut agent, &path, &[("item", &item), ("act", "take")]).await.header("location"), QUEUES);
    let seen = supervisor.get(QUEUES).await;
    assert!(seen.body.contains("<span class=\"tag\">agent</span>") && seen.body.contains("I take it"), "{}", seen.body);
    let own = agent.get(QUEUES).await;
    assert!(own.body.contains("Leave it to others"), "{}", own.body);
    post(&mut agent, &path, &[("item", &item), ("act", "leave")]).await;
    assert!(!supervisor.get(QUEUES).await.body.contains("<span class=\"tag\">agent</span>"));
    for wrong in [[("item", "fax:1"), ("act", "take")], [("item", &*item), ("act", "burn")]] {
        assert_eq!(post(&mut agent, &path, &wrong).await.status, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
}

#[tokio::test]
async fn figures_follow_what_happens_in_this_hour_and_the_last() {
    let bench = bench().await;
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    let count =
        |body: &str| body.split("Unclear <b>").nth(1).and_then(|rest| rest.split('<').next()).map(str::to_owned);
    for (date, expected) in [("2026-11-25", "1"), ("2026-11-26", "2"), ("2026-11-27", "3")] {
        let planned = [reminder("b-1", date, "due/-3", NOW)];
        bench.store.plan(&planned, bench.clock.now(), WriteMode::Commit).await.expect("planned");
        for claimed in claim_all(&*bench.store).await.sending {
            settle(&*bench.store, &unknown(claimed, &bench.clock)).await;
        }
        let page = viewer.get("/console/figures").await;
        assert_eq!(count(&page.body).as_deref(), Some(expected), "{}", page.body);
        bench.clock.advance(std::time::Duration::from_secs(25 * 60));
    }
}

/// The numbers of what waits for a person.
pub(super) struct QueueIds {
    pub(super) unknown: String,
    pub(super) reply: String,
    pub(super) rejects: [String; 2],
}

/// Fills each queue: an unknown reminder of `b-1`, a reply, a record that is sound by now and one that is not, and the
/// notice `moved`.
pub(super) async fn fill(bench: &Bench) -> QueueIds {
    let unknown = unknown_one(bench).await.to_string();
    reply(bench, "+8613800138000", "who is this").await;
    notice(bench, "moved", "wang", &["mall"]).await;
    let cells = [
        ("merchant", "mall"),
        ("installment_id", "i-9"),
        ("borrower_id", "b-1"),
        ("amount", "1.00"),
        ("currency", "CNY"),
        ("due_date", "2026-12-25"),
    ];
    let cells = RecordCells(cells.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let records = [RejectedRecord { cells, ..faulty("mall", "i-9") }, faulty("mall", "i-8")];
    bench.store.import_batch(&[], &records, WriteMode::Commit).await.expect("kept");
    let kept = bench.store.rejects(&RejectFilter { limit: 9, ..Default::default() }).await.expect("listed");
    let id = |number: &str| {
        let number = Some(number.parse().expect("a number"));
        kept.iter().find(|one| one.record.installment == number).expect("it is kept").id.to_string()
    };
    let filter = dueherald::store::ReplyFilter { limit: 9, ..Default::default() };
    let replies = bench.store.replies(&filter).await.expect("listed");
    QueueIds { unknown, reply: replies[0].id.to_string(), rejects: [id("i-9"), id("i-8")] }
}
