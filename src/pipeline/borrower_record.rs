//! Everything that staff see about one borrower: what is owed, what was sent and why, what comes next.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::domain::{AddressKey, Borrower, BorrowerKey, Channel, Click, Installment, Suppression, SuppressionRecord};
use crate::plan::{Policy, Span};
use crate::store::{
    FunnelStore, InstallmentFilter, LedgerStore, PaymentStore, PreferenceStore, PreferencesRecord, RejectStore,
    ReminderStore, ReplyFilter, ReplyRecord, ReplyStore, SettledInstallment, StoreError, SuppressionStore,
};

use super::{ExplainError, ExplainRequest, Explanation, LinkGates, explain};

/// The most instalments, replies or suppressions that are read for one borrower.
const LOOK_AT: u32 = 1_000;

/// The facts about one borrower, for staff.
#[derive(Debug, Clone)]
pub struct BorrowerRecord {
    /// The borrower, with addresses and name.
    pub borrower: Borrower,
    /// All instalments by due date, also those that are paid or cancelled.
    pub installments: Vec<Installment>,
    /// When payments and cancellations became known, oldest first.
    pub settled: Vec<SettledInstallment>,
    /// Past and future reminders, with the reasons.
    pub explanation: Explanation,
    /// Suppressions of the borrower's addresses, by the merchant and for all, with the requests to end them.
    pub suppressions: Vec<SuppressionRecord>,
    /// Replies from the borrower's addresses, newest first.
    pub replies: Vec<ReplyRecord>,
    /// Ways to repay that the borrower followed, newest first.
    pub clicks: Vec<Click>,
    /// Changes of the contact preferences by hand.
    pub preferences: Vec<PreferencesRecord>,
}

/// Reads the record of a borrower. The explanation has its own span of due dates, as [`explain`] has.
///
/// # Errors
/// When the ledger knows no such borrower, or the store fails.
pub async fn borrower_record<S>(
    store: &S,
    policy: &Policy,
    gates: &LinkGates,
    key: &BorrowerKey,
    scans: Span,
) -> Result<BorrowerRecord, ExplainError>
where
    S: FunnelStore
        + LedgerStore
        + PreferenceStore
        + PaymentStore
        + RejectStore
        + ReminderStore
        + ReplyStore
        + SuppressionStore
        + ?Sized,
{
    let request = ExplainRequest { borrower: key.id.clone(), merchant: Some(key.merchant.clone()), date: None };
    let explanation = explain(store, policy, gates, &request, scans).await?;
    let filter = InstallmentFilter {
        merchant: Some(key.merchant.clone()),
        borrower: Some(key.id.clone()),
        limit: LOOK_AT,
        ..InstallmentFilter::default()
    };
    let installments = policy.with_grace(store.installments(&filter).await?);
    let settled = store.settled_installments(key).await?;
    let account = store.account(key, scans.horizon.now.date_naive(), Channel::Sms).await?;
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(key.clone()));
    let addresses = addresses_of(&borrower);
    let mut replies = Vec::new();
    for address in &addresses {
        let filter = ReplyFilter { from: Some(address.clone()), limit: LOOK_AT, ..ReplyFilter::default() };
        replies.extend(store.replies(&filter).await?);
    }
    replies.retain(|reply| reply.merchant.as_ref().is_none_or(|merchant| *merchant == key.merchant));
    replies.sort_by_key(|reply| std::cmp::Reverse(reply.at));
    let clicks = store.clicks_of(key, LOOK_AT).await?;
    let suppressions = suppressions(store, key, &addresses).await?;
    let preferences = store.preferences(key).await?;
    Ok(BorrowerRecord { borrower, installments, settled, explanation, suppressions, replies, clicks, preferences })
}

/// The borrower, the instalments and the suppressions, without the history.
#[derive(Debug, Clone)]
pub struct BorrowerFacts {
    /// The borrower, with addresses and name.
    pub borrower: Borrower,
    /// All instalments by due date, also those that are paid or cancelled.
    pub installments: Vec<Installment>,
    /// Suppressions of the borrower's addresses, by the merchant and for all.
    pub suppressions: Vec<Suppression>,
}

/// Reads the facts about a borrower; `None` if the ledger knows none of that number.
///
/// # Errors
/// When the store fails.
pub async fn borrower_facts(
    store: &(impl LedgerStore + SuppressionStore + ?Sized),
    key: &BorrowerKey,
    now: DateTime<Utc>,
) -> Result<Option<BorrowerFacts>, StoreError> {
    let Some(borrower) = store.account(key, now.date_naive(), Channel::Sms).await?.borrower else { return Ok(None) };
    let filter = InstallmentFilter {
        merchant: Some(key.merchant.clone()),
        borrower: Some(key.id.clone()),
        limit: LOOK_AT,
        ..InstallmentFilter::default()
    };
    let installments = store.installments(&filter).await?;
    let suppressions = suppressions(store, key, &addresses_of(&borrower)).await?;
    let suppressions = suppressions.into_iter().map(|one| one.suppression).collect();
    Ok(Some(BorrowerFacts { borrower, installments, suppressions }))
}

/// The addresses that the ledger knows, in the form that is compared.
pub(super) fn addresses_of(borrower: &Borrower) -> HashSet<AddressKey> {
    let addresses = Channel::ALL.iter().filter_map(|channel| borrower.address(*channel));
    addresses.map(|address| AddressKey::from(&address)).collect()
}

async fn suppressions(
    store: &(impl SuppressionStore + ?Sized),
    key: &BorrowerKey,
    addresses: &HashSet<AddressKey>,
) -> Result<Vec<SuppressionRecord>, StoreError> {
    let mut found = Vec::new();
    for address in addresses {
        let all = store.suppressions_of(address).await?;
        let is_own = |one: &Suppression| one.merchant.as_ref().is_none_or(|of| *of == key.merchant);
        found.extend(all.into_iter().filter(|one| is_own(&one.suppression)));
    }
    Ok(found)
}
