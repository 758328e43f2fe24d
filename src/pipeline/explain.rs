//! Explain: what every rule and every step comes to for one borrower, with the reasons: what was sent, what waits, what
//! is to come, and what does not remind.

mod outlook;
mod telling;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::{
    Borrower, BorrowerId, BorrowerKey, Channel, Event, Installment, InstallmentId, MerchantId, PaymentId, PaymentStage,
    RuleName,
};
use crate::plan::{Account, Horizon, Policy, Span, due_dates};
use crate::store::{
    InstallmentFilter, KeptRecord, LedgerStore, PaymentStore, RejectFilter, RejectStore, ReminderFilter, ReminderStore,
    ReminderView, StoreError,
};

use super::LinkGates;
pub use outlook::DecisionForecast;
use outlook::answers;
pub use telling::StepExplanation;
use telling::{about, waiting};
pub(super) use timeline::why as reason_of;
pub use timeline::{ResendRequester, Timeline, TimelineEvent};

/// The most instalments or reminders that are read for one borrower.
const LOOK_AT: u32 = 1_000;

/// Due dates further away are explained only on request.
const NEAR: TimeDelta = TimeDelta::days(90);

/// The first and the last day that is explained: nothing is due outside, and further away the calendar overflows.
const DAYS: (NaiveDate, NaiveDate) = match (NaiveDate::from_ymd_opt(0, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31)) {
    (Some(first), Some(last)) => (first, last),
    _ => panic!("both are days of the calendar"),
};

/// The borrower and the due dates to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainRequest {
    /// The borrower.
    pub borrower: BorrowerId,
    /// The merchant; needed only where the number is not unique.
    pub merchant: Option<MerchantId>,
    /// The due dates of which a rule may remind on this day; without it, those within 90 days that are open or have
    /// reminders.
    pub date: Option<NaiveDate>,
}

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No such borrower.
    #[error("the ledger knows no such borrower; check the number, or import first")]
    NotFound,
    /// The number exists at several merchants.
    #[error("the number exists at several merchants ({0}); name one with --merchant")]
    SeveralMerchants(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A reason: a word that stays the same, for programs, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    /// The word: a skip reason, a reason to put off, a gateway's code, or what keeps a rule from a due date.
    pub word: String,
    /// The reason as a colleague would say it.
    pub text: String,
}

/// Everything about one borrower. Holds no name, amount, address or whole number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// Of which merchant.
    #[schema(value_type = String)]
    pub merchant: MerchantId,
    /// Who.
    #[schema(value_type = String)]
    pub borrower: BorrowerId,
    /// As of when.
    pub at: DateTime<Utc>,
    /// The zone whose dates and times of day count for rules.
    #[schema(value_type = String)]
    pub time_zone: chrono_tz::Tz,
    /// In how many other zones the borrower may live; contact hours hold in all.
    pub other_zones: usize,
    /// The hours of contact there; `None` if the merchant is not in the config.
    pub contact_hours: Option<String>,
    /// The end of the phone number, if one is known.
    pub phone_ends: Option<String>,
    /// Whether an e-mail address is known.
    pub has_email: bool,
    /// Why the borrower is on hold now, in the words of who set it.
    pub hold: Option<String>,
    /// When the hold ends by itself.
    pub hold_until: Option<DateTime<Utc>>,
    /// The channel that goes first where a rule chooses one.
    #[schema(value_type = Option<String>)]
    pub preferred_channel: Option<Channel>,
    /// When the borrower likes to be contacted.
    pub preferred_hours: Option<String>,
    /// The number of due dates with open instalments or reminders that are too far away to be explained.
    pub left_out: usize,
    /// The due dates, in their order.
    pub due_dates: Vec<DueDate>,
}

/// The explanation of one due date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DueDate {
    /// The day.
    pub due_date: NaiveDate,
    /// How many instalments are open.
    pub open: usize,
    /// How many are paid.
    pub paid: usize,
    /// How many were cancelled.
    pub cancelled: usize,
    /// How many are written off.
    pub written_off: usize,
    /// How many are disputed.
    pub disputed: usize,
    /// The rejected records of its instalments, which hold its reminders.
    pub rejected: Vec<RejectView>,
    /// Payments of its instalments that the lender reported, and that the ledger has not booked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<PaymentView>,
    /// Every rule in the order of the config; then rules that are gone and resends by hand, where they left reminders.
    pub rules: Vec<RuleExplanation>,
}

/// A record that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectView {
    /// Its number, for `dueherald rejects`.
    pub id: i64,
    /// Of which instalment.
    #[schema(value_type = String)]
    pub installment: InstallmentId,
    /// Since when it is kept.
    pub since: DateTime<Utc>,
    /// Why it could not be applied.
    pub reason: String,
}

/// A payment that the lender reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentView {
    /// The lender's number for it.
    #[schema(value_type = String)]
    pub payment: PaymentId,
    /// Of which instalment.
    #[schema(value_type = String)]
    pub installment: InstallmentId,
    /// Its progress.
    #[schema(value_type = String)]
    #[serde(serialize_with = "as_text")]
    pub stage: PaymentStage,
    /// When its present state was reported.
    pub at: DateTime<Utc>,
    /// The end of a hold, or of the time in which the ledger may lag behind.
    pub until: DateTime<Utc>,
}

fn as_text<S: Serializer>(stage: &PaymentStage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(stage.as_str())
}

impl PaymentView {
    /// Its progress as a colleague would say it, behind the number; `until` is its time in words.
    #[must_use]
    pub fn explained(&self, until: &str) -> String {
        match self.stage {
            PaymentStage::Holding => format!("is pending and holds the reminders until {until}"),
            PaymentStage::Waiting => "is posted, and waits for the instalment or its currency".to_owned(),
            PaymentStage::Counted => format!("is posted and counts; the ledger may show it until {until}"),
            PaymentStage::Booked => "is in the ledger".to_owned(),
            PaymentStage::Overruled => "was posted, and the ledger does not show it: it does not count".to_owned(),
            PaymentStage::Lapsed => "was pending for too long: it holds nothing any more".to_owned(),
            PaymentStage::Reversed => "was reversed".to_owned(),
        }
    }
}

/// The explanation of one rule for one due date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleExplanation {
    /// Its name; `None` for resends by hand.
    #[schema(value_type = Option<String>)]
    pub rule: Option<RuleName>,
    /// The line of the config on which it begins.
    pub line: Option<u32>,
    /// It joins what falls due within so many days after the earliest due date into one message.
    pub digest: Option<u16>,
    /// The reason why the rule as a whole does not apply to the due date.
    pub why_not: Option<Reason>,
    /// Its steps by day.
    pub steps: Vec<StepExplanation>,
}

/// The facts about one due date, from which [`about`] makes the explanation.
struct DueDateFacts {
    due_date: NaiveDate,
    borrower: Borrower,
    /// The account on each channel, with recent contacts if the policy needs them.
    accounts: BTreeMap<Channel, Account>,
    /// The reminders in the outbox, oldest first, each with its events.
    reminders: Vec<(ReminderView, Vec<Event>)>,
    /// Records of its instalments that could not be applied.
    rejected: Vec<RejectView>,
    /// Payments of its instalments that are not booked.
    payments: Vec<PaymentView>,
}

/// Tells everything about one borrower as of the horizon's `now`; what lies before its `until`, and not before the
/// start, the next scan plans. A message that its gate holds is shown as held.
///
/// # Errors
/// When it is unclear who is meant, or the store fails.
pub async fn explain(
    store: &(impl LedgerStore + PaymentStore + RejectStore + ReminderStore + ?Sized),
    policy: &Policy,
    gates: &LinkGates,
    request: &ExplainRequest,
    scans: Span,
) -> Result<Explanation, ExplainError> {
    let horizon = scans.horizon;
    let (key, installments, reminders) = find(store, request).await?;
    let account = store.account(&key, horizon.now.date_naive(), Channel::Sms).await?;
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.clone()));
    let open = installments.iter().filter(|one| one.is_due()).map(|one| one.due_date);
    let mut dates: BTreeSet<_> = open.chain(reminders.iter().map(|view| view.reminder.plan.key.due_date)).collect();
    if request.date.is_some() {
        dates.extend(installments.iter().map(|one| one.due_date));
    }
    let told = span(policy, request.date, horizon.now, TimeDelta::zero());
    let mut explanation = profile(policy, &borrower, horizon.now);
    explanation.left_out =
        if request.date.is_none() { dates.iter().filter(|date| !told.contains(date)).count() } else { 0 };
    // Messages of the days before and after count for caps and digests.
    let near = policy.recent_contacts().map_or(told.clone(), |recent_contacts| {
        span(policy, request.date, horizon.now, recent_contacts.contacts_within)
    });
    let mut all = Vec::new();
    for due_date in dates.into_iter().filter(|date| near.contains(date)) {
        all.push(facts(store, policy, &borrower, due_date, &reminders).await?);
    }
    let waits = all.iter().flat_map(|facts| waiting(policy, facts, scans)).collect();
    let answers = answers(policy, gates, &all, waits, horizon.now);
    let told = all.iter().filter(|facts| told.contains(&facts.due_date));
    explanation.due_dates = told.map(|facts| about(policy, facts, scans, &answers)).collect();
    Ok(explanation)
}

/// The requested borrower, with its instalments and reminders.
async fn find(
    store: &(impl LedgerStore + ReminderStore + ?Sized),
    request: &ExplainRequest,
) -> Result<(BorrowerKey, Vec<Installment>, Vec<ReminderView>), ExplainError> {
    let (merchant, borrower) = (request.merchant.clone(), Some(request.borrower.clone()));
    let filter = InstallmentFilter {
        merchant: merchant.clone(),
        borrower: borrower.clone(),
        limit: LOOK_AT,
        ..Default::default()
    };
    let installments = store.installments(&filter).await?;
    let filter = ReminderFilter { merchant, borrower, limit: LOOK_AT, ..Default::default() };
    let mut reminders = store.reminders(&filter).await?;
    reminders.reverse();
    let of_reminders = reminders.iter().map(|view| &view.reminder.plan.key.borrower.merchant);
    let merchants: BTreeSet<_> = installments.iter().map(|one| &one.merchant).chain(of_reminders).collect();
    if merchants.len() > 1 {
        let names: Vec<_> = merchants.iter().map(|merchant| merchant.as_str()).collect();
        return Err(ExplainError::SeveralMerchants(names.join(", ")));
    }
    let merchant = merchants.first().copied().cloned().ok_or(ExplainError::NotFound)?;
    Ok((BorrowerKey { merchant, id: request.borrower.clone() }, installments, reminders))
}

/// The due dates to explain, and those about which a message leaves at most `around` before or after them.
fn span(policy: &Policy, date: Option<NaiveDate>, now: DateTime<Utc>, around: TimeDelta) -> RangeInclusive<NaiveDate> {
    let Some(date) = date else { return (now - NEAR - around).date_naive()..=(now + NEAR + around).date_naive() };
    let date = date.clamp(DAYS.0, DAYS.1);
    let day = date.and_time(NaiveTime::MIN).and_utc();
    let horizon = Horizon { now: day - around, until: day + TimeDelta::days(1) + around };
    let reminded_of = due_dates(policy, horizon).unwrap_or(date..=date);
    date.min(*reminded_of.start())..=date.max(*reminded_of.end())
}

fn profile(policy: &Policy, borrower: &Borrower, at: DateTime<Utc>) -> Explanation {
    let merchant = policy.merchants.get(&borrower.key.merchant);
    let hours = merchant.map(|merchant| policy.contact_hours(merchant, borrower, None));
    let hold = borrower.hold.as_ref().filter(|hold| hold.stands_at(at));
    Explanation {
        merchant: borrower.key.merchant.clone(),
        borrower: borrower.key.id.clone(),
        at,
        time_zone: hours.as_ref().map_or(chrono_tz::UTC, |hours| hours.zones.home()),
        other_zones: hours.as_ref().map_or(0, |hours| hours.zones.iter().count() - 1),
        contact_hours: hours.map(|hours| hours.hours.on(crate::plan::local_date(hours.zones.home(), at)).to_string()),
        phone_ends: borrower.phone.as_ref().map(|phone| phone.tail().to_owned()),
        has_email: borrower.email.is_some(),
        hold: hold.map(|hold| hold.reason.clone()),
        hold_until: hold.and_then(|hold| hold.until),
        preferred_channel: borrower.preferred_channel,
        preferred_hours: borrower.preferred_hours.map(|hours| hours.to_string()),
        left_out: 0,
        due_dates: Vec::new(),
    }
}

async fn facts(
    store: &(impl LedgerStore + PaymentStore + RejectStore + ReminderStore + ?Sized),
    policy: &Policy,
    borrower: &Borrower,
    due_date: NaiveDate,
    reminders: &[ReminderView],
) -> Result<DueDateFacts, StoreError> {
    let mut accounts = BTreeMap::new();
    for channel in Channel::ALL.iter().copied() {
        let account = match policy.recent_contacts() {
            Some(recent_contacts) => store.account_beside(&borrower.key, due_date, channel, recent_contacts).await?,
            None => store.account(&borrower.key, due_date, channel).await?,
        };
        accounts.insert(channel, account);
    }
    let mut told = Vec::new();
    for view in reminders.iter().filter(|view| view.reminder.plan.key.due_date == due_date) {
        told.push((view.clone(), store.events(view.reminder.id).await?));
    }
    let account = accounts.values().next();
    let rejected = rejected(store, &borrower.key.merchant, account).await?;
    let payments = payments(store, account).await?;
    Ok(DueDateFacts { due_date, borrower: borrower.clone(), accounts, reminders: told, rejected, payments })
}

/// The payments of the due date's instalments that are not booked.
async fn payments(
    store: &(impl PaymentStore + ?Sized),
    account: Option<&Account>,
) -> Result<Vec<PaymentView>, StoreError> {
    let mut told = Vec::new();
    for one in account.iter().flat_map(|account| &account.installments) {
        let payments = store.payments(&one.merchant, &one.id).await?;
        let open = payments.into_iter().filter(|payment| payment.stage != PaymentStage::Booked);
        told.extend(open.map(|payment| PaymentView {
            payment: payment.id,
            installment: payment.installment,
            stage: payment.stage,
            at: payment.at,
            until: payment.until,
        }));
    }
    Ok(told)
}

/// The kept records of the due date's own instalments.
async fn rejected(
    store: &(impl RejectStore + ?Sized),
    merchant: &MerchantId,
    account: Option<&Account>,
) -> Result<Vec<RejectView>, StoreError> {
    let mut told = Vec::new();
    for id in account.iter().flat_map(|account| &account.rejected) {
        let filter = RejectFilter {
            merchant: Some(merchant.clone()),
            installment: Some(id.clone()),
            limit: LOOK_AT,
            ..RejectFilter::default()
        };
        let told_of = |KeptRecord { id: number, at, record }: KeptRecord| RejectView {
            id: number,
            installment: id.clone(),
            since: at,
            reason: record.reason,
        };
        told.extend(store.rejects(&filter).await?.into_iter().map(told_of));
    }
    Ok(told)
}
