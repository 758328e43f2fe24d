//! Every operation of a store, each with what it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dueherald::domain::{
    Address, AddressKey, Amendment, AmendmentResult, Beat, BorrowerKey, Channel, Click, ContactPreferences,
    DisarmReason, EndpointKey, FieldUpdate, GatewayName, GatewayState, HandoverRecord, HoldCause, HoldReason,
    InstallmentStatus, Intent, LedgerRow, Lifter, ManualPreferences, Marks, MerchantId, Next, Notice, NoticeChange,
    NoticeName, NoticeState, OidcSubject, Outcome, PaymentReport, PaymentState, Phone, PhoneTail, Receipt, Recipient,
    RecordPosition, RejectedRecord, ReminderId, ReportedState, Route, RouteHealth, RouteKind, RouteVersion, Settlement,
    SoundRecord, SourceState, SuppressionReason, UserDisplay, WorkItem,
};
use dueherald::plan::{AnswerTry, GatewayLists, Mark, PlanItem, RateLimit, RecentContacts, rules_of};
use dueherald::store::{
    AuditFilter, BorrowerSearch, ClaimRequest, DropOrder, IncomingReply, InstallmentFilter, KeptAnswer, KeptRecord,
    KeptReport, LedgerPart, NewDelivery, NextLook, OpenFilter, RehomeScope, RejectFilter, ReminderFilter, ReplyFilter,
    ReplyReading, ReportAction, ReportBatch, RequestClaim, RequestEnd, StatusReport, Stop, Store, Subject,
    SuppressionChangeFilter, SuppressionFilter, VanishedSettlement, WriteMode,
};
use futures_util::future::BoxFuture;

use super::staff;
use crate::fixtures::by_hand;
use crate::store::bench::{START, own_lists};
use crate::store::sample::{
    DUE, PHONE, date, instant, key, merchant, money, request, row_with_phone, send, sms, suppression,
};

/// One operation, with the name that it has in the trait.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) begin: fn(Arc<dyn Store>, Material) -> BoxFuture<'static, ()>,
}

/// The data that an operation works on: a borrower, and a reminder in `sending`.
pub(super) struct Material {
    name: String,
    id: ReminderId,
    answer: AnswerTry,
    settlements: Vec<Settlement>,
    kept: Vec<KeptReport>,
    changes: Vec<i64>,
    rules: String,
    reject: KeptRecord,
    lists: GatewayLists,
    claim: RequestClaim,
}

impl Material {
    /// Puts in what is worked on.
    pub(super) async fn prepare(helper: &dyn Store, name: &str) -> Self {
        let mark = Mark {
            step: "due-soon/-3".parse().expect("a step"),
            fingerprint: "a".into(),
            first: date(DUE),
            last: date(DUE),
            passed: None,
        };
        let state = helper.announce(&[mark], instant(START)).await.expect("announced");
        helper.import(&[row_with_phone(name, name)], WriteMode::Commit).await.expect("imported");
        let other = format!("{name}-other");
        helper.import(&[row_with_phone(&other, &other)], WriteMode::Commit).await.expect("imported");
        let planned = [sms(name, START), sms(&other, START)];
        let ids = helper.plan(&planned, instant(START), WriteMode::Commit).await.expect("planned");
        let mut claimed = helper.claim(&request(1), &send).await.expect("claimed").sending;
        let claimed = claimed.pop().expect("one was due");
        let outcome = Outcome::Accepted { provider_id: Some(name.to_owned()) };
        let settlements = vec![claimed.attempt.settle(outcome, Next::Accepted, instant(START))];
        helper.add_notice(&notice(name)).await.expect("added");
        let out = format!("{name}-out");
        helper.add_notice(&notice(&out)).await.expect("added");
        let recipient = Recipient { borrower: key(name), due_date: due(), channel: Channel::Sms };
        helper.add_recipients(&notice_name(&out), &[recipient]).await.expect("added");
        let sending =
            NoticeChange { state: NoticeState::Sending, at: start(), actor: "li".into(), reason: "seen".into() };
        helper.move_notice(&notice_name(&out), NoticeState::Draft, &sending).await.expect("moved");
        let early = Amendment {
            merchant: mall(),
            installment: format!("{name}-early").parse().expect("an id"),
            paid_amount: FieldUpdate::Keep,
            status: FieldUpdate::Set(Some(InstallmentStatus::Paid)),
        };
        let early = RejectedRecord::waiting(&early, None, AmendmentResult::Unknown);
        let filter = RejectFilter { installment: early.installment.clone(), limit: 1, ..RejectFilter::default() };
        helper.import_batch(&[], &[early], WriteMode::Commit).await.expect("kept");
        let reject = helper.rejects(&filter).await.expect("listed").remove(0);
        let claim = staff::prepare(helper, name).await;
        Self {
            claim,
            name: name.to_owned(),
            id: ids[0],
            answer: AnswerTry { borrower: key(name), client: Some("client".to_owned()) },
            reject,
            lists: own_lists(),
            settlements,
            kept: helper.kept_reports(1).await.expect("listed"),
            changes: helper.changes(None, 1).await.expect("listed").ids,
            rules: rules_of(&state.marks),
        }
    }

    fn borrower(&self) -> BorrowerKey {
        key(&self.name)
    }

    /// A borrower whom nobody knows yet.
    fn new_row(&self) -> LedgerRow {
        let new = format!("{}-new", self.name);
        row_with_phone(&new, &new)
    }
}

fn due() -> NaiveDate {
    date(DUE)
}

fn start() -> DateTime<Utc> {
    instant(START)
}

fn mall() -> MerchantId {
    merchant("mall")
}

fn phone() -> Address {
    Address::Phone(Phone::new(PHONE).expect("a number"))
}

fn kannel() -> GatewayName {
    "kannel".parse().expect("a name")
}

fn notice(name: &str) -> Notice {
    Notice {
        name: notice_name(name),
        template: "entry-moved".parse().expect("a template"),
        selection: "unpaid".into(),
        state: NoticeState::Draft,
        actor: "wang".into(),
        reason: "moved".into(),
        at: start(),
    }
}

fn notice_name(name: &str) -> NoticeName {
    name.replace('_', "-").parse().expect("a name")
}

fn route(name: &str) -> Route {
    Route {
        key: name.replace('_', "-").parse().expect("a key"),
        merchant: mall(),
        product: None,
        kind: RouteKind::Web { url: "https://a.mall.example/".into() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    }
}

fn told(material: &Material) -> ReportBatch {
    let fate = StatusReport {
        about: Subject::ProviderId(format!("{}-early", material.name)),
        fate: ReportedState::Delivered,
        recipient: None,
        at: start(),
        is_hint: false,
    };
    let reply = IncomingReply {
        from: AddressKey::from(phone()).into(),
        about: Some(Subject::Reminder(material.id)),
        said: "STOP".into(),
        intent: Intent::Stop,
        at: start(),
        provider_id: Some(material.name.clone()),
    };
    let confirm = BTreeMap::from([(mall(), TimeDelta::minutes(5))]);
    ReportBatch { gateway: kannel(), fates: vec![fate], replies: vec![reply], confirm }
}

fn delivery(digest: &str) -> NewDelivery {
    let (source, body) = ("books".parse().expect("a name"), Some("{}".to_owned()));
    NewDelivery { source, digest: digest.to_owned(), body, is_signal: true }
}

/// An operation whose result does not matter here, only that it succeeds.
macro_rules! operations {
    ($($name:ident: |$store:ident, $material:ident| $call:expr,)+) => {
        &[$(Operation {
            name: stringify!($name),
            begin: |$store, $material| Box::pin(async move {
                let _ = &$material;
                $call.await.map(drop).unwrap_or_else(|error| panic!("`{}` fails: {error}", stringify!($name)));
            }),
        }),+]
    };
}

pub(super) const OPERATIONS: &[Operation] = operations! {
    migrate: |store, m| store.migrate(),
    ready: |store, m| store.ready(),
    import: |store, m| store.import(&[m.new_row(), row_with_phone(&m.name, "another")], WriteMode::Commit),
    amend: |store, m| store.amend(&[Amendment {
        merchant: mall(),
        installment: m.name.parse().expect("an id"),
        paid_amount: FieldUpdate::Keep,
        status: FieldUpdate::Set(Some(InstallmentStatus::Paid)),
    }], None, WriteMode::Commit),
    import_batch: |store, m| store.import_batch(&[m.new_row()], &[], WriteMode::Commit),
    rejects: |store, m| store.rejects(&RejectFilter { limit: 10, ..RejectFilter::default() }),
    rejected_installments: |store, m| store.rejected_installments(),
    reject_counts: |store, m| store.reject_counts(),
    retry_reject: |store, m| store.retry_reject(
        &m.reject, &SoundRecord::Row(Box::new(m.new_row())),
    ),
    drop_rejects: |store, m| store.drop_rejects(
        &[m.reject.id], &DropOrder { actor: "wang".into(), reason: "test".into(), at: start() },
    ),
    dropped_rejects: |store, m| store.dropped_rejects(10),
    report_payments: |store, m| store.report_payments(&[PaymentReport {
        merchant: mall(),
        id: m.name.parse().expect("an id"),
        installment: m.name.parse().expect("an id"),
        amount: money("1", "CNY"),
        paid_at: None,
        state: PaymentState::Pending,
    }], TimeDelta::days(2)),
    payments: |store, m| store.payments(&mall(), &m.name.parse().expect("an id")),
    pending_payments: |store, m| store.pending_payments(),
    settle_payments: |store, m| store.settle_payments(&["books".parse().expect("a name")]),
    keep_delivery: |store, m| store.keep_delivery(&delivery(&m.name)),
    waiting_deliveries: |store, m| store.waiting_deliveries(&delivery(&m.name).source, 10),
    end_delivery: |store, m| store.end_delivery(1),
    note_source: |store, m| store.note_source(&SourceState {
        read_to: Some(start()), pulled_at: Some(start()),
        branches: [("loans".parse().expect("a name"), start())].into(),
        merchants: [merchant("mall")].into(),
        ..SourceState::new("books".parse().expect("a name"))
    }),
    sources: |store, m| store.sources(),
    open_of_source: |store, m| store.open_of_source(
        &"books".parse().expect("a name"), &OpenFilter::Page { after: None, limit: 10 },
    ),
    settle_vanished: |store, m| store.settle_vanished(
        &"books".parse().expect("a name"), &[(merchant("mall"), m.new_row().installment)], &VanishedSettlement::Hold,
    ),
    due_page: |store, m| store.due_page(due()..=due(), None, 10),
    installments: |store, m| store.installments(&InstallmentFilter { limit: 10, ..InstallmentFilter::default() }),
    settled_installments: |store, m| store.settled_installments(&m.borrower()),
    account: |store, m| store.account(&m.borrower(), due(), Channel::Sms),
    account_beside: |store, m| store.account_beside(
        &m.borrower(), due(), Channel::Sms,
        RecentContacts { contacts_within: TimeDelta::days(7), across_merchants: true, days_ahead: 2 },
    ),
    suppress: |store, m| store.suppress(&[suppression(None, phone(), SuppressionReason::OptedOut)], Some(&by_hand())),
    suppressions: |store, m| store.suppressions(&SuppressionFilter { limit: 10, ..SuppressionFilter::default() }),
    suppressions_of: |store, m| store.suppressions_of(&AddressKey::from(phone())),
    lift_suppression: |store, m| store.lift_suppression(
        None, &AddressKey::from(phone()), Lifter::Confirms, &by_hand()
    ),
    suppression_changes: |store, m| store.suppression_changes(&SuppressionChangeFilter {
        address: Some(phone().into()), limit: 10, ..SuppressionChangeFilter::default()
    }),
    set_preferences: |store, m| store.set_preferences(&ManualPreferences {
        borrower: m.borrower(),
        preferences: ContactPreferences { preferred_channel: FieldUpdate::Set(Some(Channel::Email)), ..ContactPreferences::default() },
        actor: "wang".into(),
        at: start(),
    }),
    add_route_version: |store, m| store.add_route_version(&RouteVersion {
        route: route(&m.name), at: start(), actor: "wang".into(), reason: "moved".into(),
    }),
    route_versions: |store, m| store.route_versions(None),
    note_route_health: |store, m| store.note_route_health(&RouteHealth {
        key: "web".parse().expect("a key"),
        url: "https://a.mall.example/".into(),
        degraded: true,
        since: start(),
        failures: 3,
        successes: 0,
        last_fault: None,
        probed_at: start(),
    }, &merchant("mall")),
    route_health: |store, m| store.route_health(),
    add_click: |store, m| store.add_click(&Click { at: start(), reminder: m.id, route: "web".parse().expect("a key") }),
    clicks: |store, m| store.clicks(start()),
    clicks_of: |store, m| store.clicks_of(&m.answer.borrower, 9),
    sent: |store, m| store.sent(&(start() - TimeDelta::days(1)..start())),
    try_digits: |store, m| store.try_digits(&m.answer),
    forget_tries: |store, m| store.forget_tries(&m.answer),
    renew_encryption: |store, m| store.renew_encryption(None),
    protection: |store, m| store.protection(),
    preferences: |store, m| store.preferences(&m.borrower()),
    plan: |store, m| store.plan(&[sms(&format!("{}-more", m.name), START)], start(), WriteMode::Commit),
    scan_state: |store, m| store.scan_state(),
    announce: |store, m| store.announce(&[], start()),
    passed: |store, m| store.passed(&[]),
    changes: |store, m| store.changes(None, 10),
    put_in: |store, m| store.put_in(
        &[PlanItem { reminder: sms(&format!("{}-more", m.name), START), is_sole: false, skip: None },
          PlanItem { reminder: sms(&m.name, START), is_sole: false, skip: None }],
        start(), WriteMode::Commit,
    ),
    done_with: |store, m| store.done_with(&m.changes, &m.rules),
    database_state: |store, m| store.database_state(Some(Beat { daemon: &m.name, handed_in: None })),
    disarm: |store, m| store.disarm(DisarmReason::MarksBehind, &m.name),
    hand_in: |store, m| store.hand_in(&[HandoverRecord {
        at: start(), id: m.id, attempt: 9, gateway: kannel(), reminder: sms(&m.name, START),
    }], Marks::default()),
    arm: |store, m| store.arm(&by_hand(), 1),
    append: |store, m| store.append(&crate::store::audit::origin(), &[crate::store::audit::login(&m.name)]),
    audit_entries: |store, m| store.audit_entries(&AuditFilter { limit: 10, ..AuditFilter::default() }),
    audit_chain: |store, m| store.audit_chain(0, 10),
    audit_head: |store, m| store.audit_head(),
    add_checkpoint: |store, m| store.add_checkpoint(&crate::store::audit::checkpoint(m.id.0)),
    checkpoints: |store, m| store.checkpoints(0, 10),
    last_checkpoint: |store, m| store.last_checkpoint(),
    claim: |store, m| store.claim(&ClaimRequest {
        rate: Some(RateLimit { per_second: 500, burst: 500, per_day: None }),
        recent_contacts: Some(RecentContacts { contacts_within: TimeDelta::days(7), across_merchants: true, days_ahead: 2 }),
        ..request(2)
    }, &send),
    settle_and_claim: |store, m| store.settle_and_claim(&m.settlements, &request(2), &send),
    settle: |store, m| store.settle(&m.settlements),
    unknown: |store, m| store.unknown(Channel::Sms, None, 10),
    unknown_due: |store, m| store.unknown_due(Channel::Sms, 10),
    look_again: |store, m| store.look_again(&[NextLook { reminder: m.id, attempt: 1, at: Some(start()) }]),
    record: |store, m| store.record(&[Receipt {
        reminder: m.settlements[0].reminder(), gateway: kannel(), arrived: true, code: None, at: start(),
    }]),
    take_in: |store, m| store.take_in(&told(&m)),
    kept_reports: |store, m| store.kept_reports(10),
    review_kept: |store, m| store.review_kept(
        &m.kept.iter().map(|one| (one.clone(), ReportAction::Later(start()))).collect::<Vec<_>>(),
    ),
    read_reply: |store, m| store.read_reply(&ReplyReading { reply: 1, actor: "wang".into(), is_stop: false, at: start() }),
    replies: |store, m| store.replies(&ReplyFilter { limit: 10, ..ReplyFilter::default() }),
    fallbacks_due: |store, m| store.fallbacks_due(10),
    fall_back: |store, m| store.fall_back(&[(m.id, Some(sms(&format!("{}-second", m.name), START)))], start()),
    stop: |store, m| store.stop(&Stop {
        merchant: Some(merchant("arcade")), channel: None, actor: "wang".into(), reason: "test".into(), since: start(),
    }),
    lift_stop: |store, m| store.lift_stop(Some(&merchant("arcade")), None, &by_hand()),
    stops: |store, m| store.stops(),
    refresh_statistics: |store, m| store.refresh_statistics(),
    rehome: |store, m| store.rehome(Channel::Sms, &m.lists, RehomeScope::All),
    reap: |store, m| store.reap(10),
    next_due: |store, m| store.next_due(Channel::Sms),
    queue_counts: |store, m| store.queue_counts(),
    reminders: |store, m| store.reminders(&ReminderFilter { limit: 10, ..ReminderFilter::default() }),
    events: |store, m| store.events(m.id),
    messages: |store, m| store.messages(m.id),
    keep_form: |store, m| store.keep_form(&crate::store::messages::form()),
    note_gateway: |store, m| store.note_gateway(&GatewayState {
        gateway: kannel(), holder: "a".into(), open_since: None, last_error: None, at: start(),
    }),
    gateway_states: |store, m| store.gateway_states(start()),
    take_turn: |store, m| store.take_turn("scan", &m.name, TimeDelta::zero()),
    add_notice: |store, m| store.add_notice(&notice(&format!("{}-more", m.name))),
    notices: |store, m| store.notices(None),
    move_notice: |store, m| store.move_notice(&notice_name(&m.name), NoticeState::Draft, &NoticeChange {
        state: NoticeState::Sending, at: start(), actor: "li".into(), reason: "seen".into(),
    }),
    notice_audience: |store, m| store.notice_audience(&notice_name(&m.name)),
    notice_changes: |store, m| store.notice_changes(&notice_name(&m.name)),
    add_recipients: |store, m| store.add_recipients(&notice_name(&m.name), &[Recipient {
        borrower: m.borrower(), due_date: due(), channel: Channel::Sms,
    }]),
    put_out: |store, m| store.put_out(&notice_name(&format!("{}-out", m.name)), 10, start(), start() + TimeDelta::days(1)),
    unfinished_notices: |store, m| store.unfinished_notices(),
    notice_counts: |store, m| store.notice_counts(&notice_name(&m.name)),
    holds: |store, m| store.holds(),
    note_volume: |store, m| store.note_volume(&merchant("mall"), start().date_naive(), 1),
    hold_volume: |store, m| store.hold_volume(&merchant("mall"), start().date_naive(), &[(m.id, start())], start()),
    approve_volume: |store, m| store.approve_volume(&merchant("mall"), start().date_naive(), &by_hand()),
    release: |store, m| store.release(&HoldCause::new(HoldReason::Stopped, "mall"), Channel::Sms, 10),
    release_expired: |store, m| store.release_expired(10),
    held: |store, m| store.held(&[(m.borrower(), due())]),
    notice_merchants: |store, m| store.notice_merchants(&notice_name(&m.name)),
    find_borrowers: |store, m| store.find_borrowers(&BorrowerSearch {
        phone_tail: PhoneTail::read("8000"), ..BorrowerSearch::of(mall(), 2)
    }),
    activity: |store, m| store.activity(&(start() - TimeDelta::days(1)..start())),
    add_user: |store, m| store.add_user(&staff::user(&format!("{}-more", m.name)), &by_hand()),
    users: |store, m| store.users(),
    user: |store, m| store.user(&staff::name(&m.name)),
    user_of_subject: |store, m| store.user_of_subject(&OidcSubject::new("login", &m.name).expect("a subject")),
    change_password: |store, m| store.change_password(&staff::password(&m.name), &by_hand()),
    disable_user: |store, m| store.disable_user(&staff::name(&m.name), &by_hand()),
    enable_user: |store, m| store.enable_user(&staff::name(&m.name), &by_hand()),
    change_display: |store, m| store.change_display(&staff::name(&m.name), &UserDisplay::default(), &by_hand()),
    change_grant: |store, m| store.change_grant(&staff::name(&m.name), &staff::grant(), &by_hand()),
    try_login: |store, m| store.try_login(&staff::login(&m.name), Some(&staff::name(&m.name))),
    forget_login_tries: |store, m| store.forget_login_tries(&staff::login(&m.name)),
    begin_session: |store, m| store.begin_session(&staff::session(&m.name, "more")),
    use_session: |store, m| store.use_session(
        &staff::session(&m.name, "").digest, start() + TimeDelta::minutes(5), TimeDelta::hours(1),
    ),
    end_session: |store, m| store.end_session(&staff::session(&m.name, "").digest),
    take_work: |store, m| store.take_work(&WorkItem::Unknown(m.id), &staff::name(&m.name), start()),
    leave_work: |store, m| store.leave_work(&WorkItem::Unknown(m.id), &staff::name(&m.name)),
    work_owners: |store, m| store.work_owners(),
    add_token: |store, m| store.add_token(&staff::token(&format!("{}-more", m.name))),
    tokens: |store, m| store.tokens(),
    revoke_token: |store, m| store.revoke_token(&m.name, start()),
    use_token: |store, m| store.use_token(&staff::token(&m.name).digest, start() + TimeDelta::minutes(5)),
    begin_request: |store, m| store.begin_request(&staff::request(&format!("{}-more", m.name))),
    write_part: |store, m| store.write_part(&m.claim, TimeDelta::seconds(10), &LedgerPart {
        rows: vec![m.new_row()], ..LedgerPart::default()
    }),
    end_request: |store, m| store.end_request(&m.claim, &RequestEnd::Answer(KeptAnswer { status: 200, body: "{}".into() })),
    release_request: |store, m| store.release_request(&m.claim),
    record_ends: |store, m| store.record_ends(),
    record_page: |store, m| store.record_page(&[merchant("mall")], RecordPosition::default(), RecordPosition([9; 4])),
    records_of: |store, m| store.records_of(
        &merchant("mall"), Some(&m.borrower().id), RecordPosition::default(), RecordPosition([9; 4]),
    ),
    webhook_endpoints: |store, m| store.webhook_endpoints(),
    add_webhook_endpoint: |store, m| store.add_webhook_endpoint(&endpoint(&m.name), RecordPosition::default()),
    webhook_waiting: |store, m| store.webhook_waiting(&endpoint(&m.name)),
    save_webhook_progress: |store, m| store.save_webhook_progress(&crate::store::webhooks::progress(&endpoint(&m.name))),
    replay_webhook: |store, m| store.replay_webhook(&endpoint(&m.name), start(), &by_hand()),
    enable_webhook: |store, m| store.enable_webhook(&endpoint(&m.name), &by_hand()),
};

fn endpoint(name: &str) -> EndpointKey {
    EndpointKey { merchant: merchant("mall"), name: name.parse().expect("a name") }
}
