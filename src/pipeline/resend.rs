//! Resend by hand: a reminder of its own, with who asked and why, decided by the same rules as any other.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{AuditNote, LinkGate};
use crate::domain::{
    AddressKey, BorrowerId, BorrowerKey, Channel, Installment, InstallmentId, MerchantId, NewReminder, Origin,
    ReminderId, ReminderKey, Step,
};
use crate::plan::{
    Account, Decision, EarlierMessage, Policy, ResendBasis, ResendChange, ResendDigest, ResendFacts, ResendRefusal,
    decide, has_reached_cap, is_reminded, resend_refusals,
};
use crate::store::{
    InstallmentFilter, LedgerStore, OutboxStore, ReminderFilter, ReminderStore, ReminderView, StoreError, WriteMode,
};

/// How long a resend stays of use: staff expects it to leave at once, so one that could not is not sent hours later.
const USEFUL_FOR: TimeDelta = TimeDelta::hours(1);

/// The most instalments or reminders that are read for one borrower.
const LOOK_AT: u32 = 1_000;

/// The recipient of a resend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendTarget {
    /// A borrower, about what is open.
    Borrower(BorrowerId),
    /// The borrower who owes this instalment, about its due date.
    Installment(InstallmentId),
}

/// A wish to send once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendRequest {
    /// To whom.
    pub whom: ResendTarget,
    /// Of which merchant; needed only where the number is not unique.
    pub merchant: Option<MerchantId>,
    /// About which due date; needed only where several are open.
    pub due_date: Option<NaiveDate>,
    /// On which channel.
    pub channel: Channel,
    /// The person who asks, and the reason.
    pub audit_note: AuditNote,
    /// Whether a supervisor wants it in spite of a cap and the cool-down; nothing else is passed over.
    pub overrides_limits: bool,
    /// The digest of the facts that the person saw: if others are true now, nothing is sent.
    pub seen: Option<ResendDigest>,
    /// Tells versions of the texts apart: the fingerprint of the renderer.
    pub text_version: String,
}

/// The outcome of a resend as far as it can be told before.
#[derive(Debug, Clone)]
pub struct ResendOutlook {
    /// The reminder by which it is sent.
    pub reminder: NewReminder,
    /// The decision about it, as about any reminder.
    pub decision: Decision,
    /// The reasons against it, those that a supervisor may pass over included.
    pub refusals: Vec<ResendRefusal>,
    /// The digest of its facts; `None` where nothing would be sent.
    pub digest: Option<ResendDigest>,
}

impl ResendOutlook {
    /// The changes since somebody saw the facts of that digest.
    #[must_use]
    pub fn changes_since(&self, seen: &ResendDigest) -> Vec<ResendChange> {
        match (&self.digest, &self.decision) {
            (Some(now), _) => seen.changes(now),
            (None, Decision::Skip(reason)) if reason.is_by_ledger() => vec![ResendChange::Settled(*reason)],
            (None, _) => Vec::new(),
        }
    }
}

/// Why a resend was not put into the outbox.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// No such borrower or instalment.
    #[error("the ledger knows no such borrower or instalment; check the number, or import first")]
    NotFound,
    /// The number exists at several merchants.
    #[error("the number exists at several merchants ({0}); name one with --merchant")]
    SeveralMerchants(String),
    /// Several due dates are open.
    #[error("several due dates are open ({0}); name one with --due-date")]
    SeveralDueDates(String),
    /// It is not sent, for these reasons.
    #[error("not sent: {}", listed(.0))]
    Refused(Vec<ResendRefusal>),
    /// The facts are not those that the person saw.
    #[error("changed since you looked: {}; nothing was sent", listed(.0))]
    Changed(Vec<ResendChange>),
    /// No gateway carries the merchant's messages on that channel.
    #[error("no gateway carries {0} for {1}; write [channels.{0}] in the config, or gateways of the merchant's own")]
    NoGateway(Channel, MerchantId),
    /// Somebody else asked for the same at the same moment.
    #[error("somebody has just resent the same; look at it with `dueherald reminders list`")]
    JustResent,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(reasons: &[impl ToString]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Puts a resend into the outbox, due now; the next dispatch hands it over, and decides once more. Gives its number.
/// What `gate`, the merchant's, or anything else holds is refused, not kept: whoever asks is at the telephone, and an
/// hour later it would come out of the blue.
///
/// Of several people who ask at the same moment one gets a message sent. Each counts the earlier resends and looks at
/// their states in one query, and the count is part of the key. So whoever has not seen another one's resend has the
/// same key, which the outbox takes once.
///
/// # Errors
/// When it is unclear what is meant, when an earlier one is on its way, or when it would not be sent:
/// [`ResendError::Refused`] says why.
pub async fn resend<'g>(
    store: &(impl LedgerStore + OutboxStore + ReminderStore + ?Sized),
    policy: &Policy,
    gate: &(dyn Fn(&MerchantId) -> Option<&'g LinkGate> + Sync),
    request: ResendRequest,
    now: DateTime<Utc>,
) -> Result<ReminderId, ResendError> {
    let reminder = prepare_resend(store, policy, gate, request, now).await?;
    let planned = store.plan(&[reminder], now, WriteMode::Commit).await?;
    planned.first().copied().ok_or(ResendError::JustResent)
}

/// The reminder by which [`resend`] sends, for whoever puts it into the outbox together with something else.
///
/// # Errors
/// As [`resend`].
pub async fn prepare_resend<'g>(
    store: &(impl LedgerStore + ReminderStore + ?Sized),
    policy: &Policy,
    gate: &(dyn Fn(&MerchantId) -> Option<&'g LinkGate> + Sync),
    request: ResendRequest,
    now: DateTime<Utc>,
) -> Result<NewReminder, ResendError> {
    let outlook = resend_outlook(store, policy, gate, &request, now).await?;
    let changes = request.seen.as_ref().map(|seen| outlook.changes_since(seen)).unwrap_or_default();
    if !changes.is_empty() {
        return Err(ResendError::Changed(changes));
    }
    let stands = |refusal: &ResendRefusal| !(request.overrides_limits && refusal.may_be_overridden());
    let refusals: Vec<_> = outlook.refusals.into_iter().filter(stands).collect();
    if refusals.is_empty() { Ok(outlook.reminder) } else { Err(ResendError::Refused(refusals)) }
}

/// The outcome of a resend, for a page that shows it before its button; sends nothing.
///
/// # Errors
/// When it is unclear what is meant, or no gateway carries it.
pub async fn resend_outlook<'g>(
    store: &(impl LedgerStore + ReminderStore + ?Sized),
    policy: &Policy,
    gate: &(dyn Fn(&MerchantId) -> Option<&'g LinkGate> + Sync),
    request: &ResendRequest,
    now: DateTime<Utc>,
) -> Result<ResendOutlook, ResendError> {
    let AuditNote { actor, reason } = request.audit_note.clone();
    let (borrower, due_date) = find(store, request).await?;
    let gate = gate(&borrower.merchant).ok_or(ResendError::NoGateway(request.channel, borrower.merchant.clone()))?;
    let earlier = earlier(store, &borrower, due_date, request.channel).await?;
    let (number, of) = (next_number(&earlier), earlier.first().map(|view| view.reminder.id));
    let key = ReminderKey { borrower, due_date, step: Step::Manual { number }, channel: request.channel };
    let origin = Origin::Manual { actor, reason, of };
    // Judged without its end, so that at night the answer is when to try again, and not that it would be too late by
    // then.
    let endless = NewReminder { key, origin, not_before: now, expires_at: DateTime::<Utc>::MAX_UTC };
    let account = account(store, policy, &endless).await?;
    let decision = gate.pass(decide(policy, &endless, &account, now), &endless);
    let messages: Vec<_> = earlier.iter().map(message).collect();
    let facts = ResendFacts {
        now,
        decision: &decision,
        earlier: &messages,
        is_capped: has_reached_cap(policy, &endless, &account, now),
        is_reminded: is_reminded(policy, &endless, &account),
    };
    let refusals = resend_refusals(&facts, false);
    let digest = match &decision {
        Decision::Send(plan) => Some(ResendDigest::of(&ResendBasis {
            reminder: &endless,
            installments: &plan.installments,
            to: &AddressKey::from(&plan.to),
            ways: &gate.ways(&plan.installments),
            text_version: &request.text_version,
        })),
        _ => None,
    };
    let reminder = NewReminder { expires_at: now + USEFUL_FOR, ..endless };
    Ok(ResendOutlook { reminder, decision, refusals, digest })
}

/// The facts about a resend, with the contacts that caps count.
async fn account(
    store: &(impl LedgerStore + ?Sized),
    policy: &Policy,
    reminder: &NewReminder,
) -> Result<Account, StoreError> {
    let ReminderKey { borrower, due_date, channel, .. } = &reminder.key;
    match policy.recent_contacts() {
        Some(recent_contacts) => store.account_beside(borrower, *due_date, *channel, recent_contacts).await,
        None => store.account(borrower, *due_date, *channel).await,
    }
}

fn message(view: &ReminderView) -> EarlierMessage {
    EarlierMessage {
        id: view.reminder.id,
        step: view.reminder.plan.key.step.clone(),
        state: view.state,
        since: view.last.as_ref().map(|last| last.at),
        expires_at: view.reminder.plan.expires_at,
    }
}

/// The borrower and the due date that a request means.
async fn find(
    store: &(impl LedgerStore + ?Sized),
    request: &ResendRequest,
) -> Result<(BorrowerKey, NaiveDate), ResendError> {
    let mut filter = InstallmentFilter { merchant: request.merchant.clone(), limit: LOOK_AT, ..Default::default() };
    match &request.whom {
        ResendTarget::Borrower(id) => filter.borrower = Some(id.clone()),
        ResendTarget::Installment(id) => filter.installment = Some(id.clone()),
    }
    let found = store.installments(&filter).await?;
    let merchants: BTreeSet<_> = found.iter().map(|one| one.merchant.as_str()).collect();
    if merchants.len() > 1 {
        return Err(ResendError::SeveralMerchants(merchants.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let first = found.first().ok_or(ResendError::NotFound)?;
    let borrower = BorrowerKey { merchant: first.merchant.clone(), id: first.borrower.clone() };
    Ok((borrower, due_date(&found, request.due_date)?))
}

fn due_date(found: &[Installment], wished: Option<NaiveDate>) -> Result<NaiveDate, ResendError> {
    if let Some(date) = wished {
        return Ok(date);
    }
    let open: BTreeSet<_> = found.iter().filter(|one| one.is_due()).map(|one| one.due_date).collect();
    match (open.first(), open.len()) {
        (Some(date), 1) => Ok(*date),
        // Nothing is open: the decision about the last one says whether it was paid or cancelled.
        (None, _) => found.last().map(|one| one.due_date).ok_or(ResendError::NotFound),
        _ => {
            let dates = open.iter().take(5).map(NaiveDate::to_string).collect::<Vec<_>>();
            Err(ResendError::SeveralDueDates(dates.join(", ")))
        }
    }
}

/// The reminders about one due date on one channel, newest first.
async fn earlier(
    store: &(impl ReminderStore + ?Sized),
    borrower: &BorrowerKey,
    due_date: NaiveDate,
    channel: Channel,
) -> Result<Vec<ReminderView>, StoreError> {
    let filter = ReminderFilter {
        merchant: Some(borrower.merchant.clone()),
        borrower: Some(borrower.id.clone()),
        due_date: Some(due_date),
        channel: Some(channel),
        limit: LOOK_AT,
        ..Default::default()
    };
    store.reminders(&filter).await
}

/// The number of the next resend.
fn next_number(earlier: &[ReminderView]) -> u32 {
    let last = earlier.iter().filter_map(|view| match view.reminder.plan.key.step {
        Step::Manual { number } => Some(number),
        Step::Rule { .. } | Step::Notice { .. } | Step::Confirmation { .. } => None,
    });
    last.max().unwrap_or(0) + 1
}
