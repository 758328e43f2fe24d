//! Evidence about one borrower: every message as it was sent, with the reasons, and everything else that is on record.

mod acts;
mod entries;
mod in_force;

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use crate::domain::{
    AddressKey, AuditAction, AuditEntry, AuditSubject, AuditValues, Borrower, BorrowerKey, Channel, Click, Event,
    EvidenceDocument, Installment, MerchantId, NewAuditEntry, Suppression, SuppressionChange, SuppressionScope,
};
use crate::plan::Policy;
use crate::render::LinkKeys;
use crate::store::{
    AuditFilter, AuditStore, FunnelStore, InstallmentFilter, LedgerStore, PreferenceStore, PreferencesRecord,
    ReminderFilter, ReminderStore, ReminderView, ReplyFilter, ReplyRecord, ReplyStore, StoreError,
    SuppressionChangeFilter, SuppressionFilter, SuppressionStore,
};

use super::borrower_record::addresses_of;
use super::{AuditNote, MessageView, shown_messages};

/// Evidence leaves nothing out: a borrower has thousands of rows at most, and all of them go into the document.
const ALL: u32 = u32::MAX;

/// The document that somebody asks for.
#[derive(Debug, Clone)]
pub struct EvidenceRequest {
    /// The borrower.
    pub key: BorrowerKey,
    /// Only what happened at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Only what happened before this instant.
    pub until: Option<DateTime<Utc>>,
    /// The person who asks, and the reason.
    pub note: AuditNote,
    /// The tag of the document's language.
    pub language: &'static str,
    /// Whether addresses are written in full.
    pub reveal: bool,
    /// Whether the HTML of e-mails is in it as well.
    pub with_html: bool,
    /// Random: without it, the head of a short document would let somebody guess what is in it.
    pub salt: [u8; 16],
}

impl EvidenceRequest {
    fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Everything that the store has on record about a borrower.
#[derive(Debug)]
struct EvidenceFacts {
    borrower: Borrower,
    /// By due date, each with the time when it became known that nothing of it is owed any more.
    installments: Vec<(Installment, Option<DateTime<Utc>>)>,
    /// Oldest first.
    reminders: Vec<ReminderFacts>,
    replies: Vec<ReplyRecord>,
    clicks: Vec<Click>,
    /// Oldest first.
    preferences: Vec<PreferencesRecord>,
    /// Oldest first.
    audit: Vec<AuditEntry>,
    suppressions: Vec<Suppression>,
    /// Oldest first.
    suppression_changes: Vec<SuppressionChange>,
}

/// A reminder with everything that happened to it.
#[derive(Debug)]
struct ReminderFacts {
    view: ReminderView,
    events: Vec<Event>,
    messages: Vec<MessageView>,
}

/// Reads the record of a borrower and makes the document. `None` if neither the ledger nor the outbox knows the
/// borrower.
///
/// # Errors
/// When the store fails.
pub async fn evidence<S>(
    store: &S,
    policy: &Policy,
    links: &LinkKeys,
    request: &EvidenceRequest,
    now: DateTime<Utc>,
) -> Result<Option<EvidenceDocument>, StoreError>
where
    S: AuditStore
        + FunnelStore
        + LedgerStore
        + PreferenceStore
        + ReminderStore
        + ReplyStore
        + SuppressionStore
        + ?Sized,
{
    let facts = facts(store, links, &request.key, now).await?;
    Ok(facts.map(|facts| EvidenceDocument::chain(entries::entries(&facts, policy, request, now))))
}

/// The entry of the audit log about a document that was made: by its head, a document can be found there.
#[must_use]
pub fn evidence_record(document: &EvidenceDocument, request: EvidenceRequest, at: DateTime<Utc>) -> NewAuditEntry {
    let subject = AuditSubject { object: Some(evidence_object(document)), ..AuditSubject::borrower(&request.key) };
    let values = AuditValues::because(&request.note.reason);
    NewAuditEntry { at, actor: Some(request.note.actor), action: AuditAction::Evidence, subject, values }
}

/// The object of that entry.
#[must_use]
pub fn evidence_object(document: &EvidenceDocument) -> String {
    format!("head {}", document.head())
}

async fn facts<S>(
    store: &S,
    links: &LinkKeys,
    key: &BorrowerKey,
    now: DateTime<Utc>,
) -> Result<Option<EvidenceFacts>, StoreError>
where
    S: AuditStore
        + FunnelStore
        + LedgerStore
        + PreferenceStore
        + ReminderStore
        + ReplyStore
        + SuppressionStore
        + ?Sized,
{
    let account = store.account(key, now.date_naive(), Channel::Sms).await?;
    let installments = installments(store, key).await?;
    let reminders = reminders(store, links, key).await?;
    if account.borrower.is_none() && installments.is_empty() && reminders.is_empty() {
        return Ok(None);
    }
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.clone()));
    let addresses = addresses_of(&borrower);
    let mut facts = EvidenceFacts {
        borrower,
        installments,
        reminders,
        replies: Vec::new(),
        clicks: store.clicks_of(key, ALL).await?,
        preferences: store.preferences(key).await?,
        audit: audit(store, key).await?,
        suppressions: Vec::new(),
        suppression_changes: Vec::new(),
    };
    read_addresses(store, key, &addresses, &mut facts).await?;
    Ok(Some(facts))
}

async fn installments(
    store: &(impl LedgerStore + ?Sized),
    key: &BorrowerKey,
) -> Result<Vec<(Installment, Option<DateTime<Utc>>)>, StoreError> {
    let filter = InstallmentFilter {
        merchant: Some(key.merchant.clone()),
        borrower: Some(key.id.clone()),
        limit: ALL,
        ..InstallmentFilter::default()
    };
    let settlements = store.settled_installments(key).await?.into_iter().map(|one| (one.installment, one.at));
    let settled: BTreeMap<_, _> = settlements.collect();
    let all = store.installments(&filter).await?.into_iter();
    Ok(all
        .map(|one| (settled.get(&one.id).copied().filter(|_| !one.is_due()), one))
        .map(|(at, one)| (one, at))
        .collect())
}

async fn reminders(
    store: &(impl ReminderStore + ?Sized),
    links: &LinkKeys,
    key: &BorrowerKey,
) -> Result<Vec<ReminderFacts>, StoreError> {
    let filter = ReminderFilter {
        merchant: Some(key.merchant.clone()),
        borrower: Some(key.id.clone()),
        limit: ALL,
        ..ReminderFilter::default()
    };
    let mut all = Vec::new();
    for view in store.reminders(&filter).await?.into_iter().rev() {
        let id = view.reminder.id;
        let messages = shown_messages(&store.messages(id).await?, links, id);
        all.push(ReminderFacts { events: store.events(id).await?, messages, view });
    }
    Ok(all)
}

async fn audit(store: &(impl AuditStore + ?Sized), key: &BorrowerKey) -> Result<Vec<AuditEntry>, StoreError> {
    let filter = AuditFilter {
        merchant: Some(key.merchant.clone()),
        borrower: Some(key.id.clone()),
        limit: ALL,
        ..AuditFilter::default()
    };
    let mut all = store.audit_entries(&filter).await?;
    all.reverse();
    Ok(all)
}

/// Reads what is known by the borrower's addresses.
async fn read_addresses(
    store: &(impl ReplyStore + SuppressionStore + ?Sized),
    key: &BorrowerKey,
    addresses: &HashSet<AddressKey>,
    facts: &mut EvidenceFacts,
) -> Result<(), StoreError> {
    let is_own = |merchant: Option<&MerchantId>| merchant.is_none_or(|of| *of == key.merchant);
    for address in addresses {
        let address = Some(address.clone());
        let filter = SuppressionFilter { address: address.clone(), limit: ALL, ..SuppressionFilter::default() };
        let found = store.suppressions(&filter).await?;
        facts.suppressions.extend(found.into_iter().filter(|one| is_own(one.merchant.as_ref())));
        let filter = ReplyFilter { from: address.clone(), limit: ALL, ..ReplyFilter::default() };
        let found = store.replies(&filter).await?;
        facts.replies.extend(found.into_iter().filter(|reply| is_own(reply.merchant.as_ref())));
        let filter = SuppressionChangeFilter { address, before: None, limit: ALL };
        let found = store.suppression_changes(&filter).await?;
        facts.suppression_changes.extend(found.into_iter().filter(|change| match &change.scope {
            SuppressionScope::Address { merchant, .. } => is_own(merchant.as_ref()),
            // A list of addresses, of which this is one.
            SuppressionScope::Addresses(_) => true,
            SuppressionScope::Stop { .. } => false,
        }));
    }
    facts.suppression_changes.sort_by_key(|change| change.id);
    Ok(())
}
