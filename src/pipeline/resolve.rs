//! Unknown reminders settled by a person, one by one or from a provider's report.

use chrono::{DateTime, Utc};

use super::AuditNote;
use crate::domain::{Code, MerchantId, Next, Outcome, Receipt, ReminderId, Settlement};
use crate::store::{
    OutboxStore, ReconcileStore, ReminderFilter, ReminderStore, ReportStore, StoreError, UnknownReminder,
};

/// A person's finding about an unknown reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It went out.
    Sent,
    /// It did not; it is to be sent again.
    Resend,
    /// It went out and arrived.
    Delivered,
    /// It went out and did not arrive; it is not sent again.
    Undelivered,
}

/// Why an unknown reminder could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It is not unknown, or not any more.
    #[error("reminder {0} is not unknown; look at it with `dueherald reminders show {0}`")]
    NotUnknown(ReminderId),
    /// Actor or reason is missing or too long.
    #[error(transparent)]
    Unsigned(#[from] super::AuditNoteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Settles an unknown reminder by hand; who and why are on record.
///
/// # Errors
/// When it is not unknown, or actor or reason is missing.
pub async fn resolve(
    store: &(impl OutboxStore + ReconcileStore + ReminderStore + ReportStore + ?Sized),
    id: ReminderId,
    finding: Finding,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<(), ResolveError> {
    let Resolution { settlement, receipt, .. } = prepare_resolution(store, id, finding, audit_note, now).await?;
    if store.settle(&[settlement]).await? == 0 {
        return Err(ResolveError::NotUnknown(id));
    }
    if let Some(receipt) = receipt {
        store.record(&[receipt]).await?;
    }
    Ok(())
}

/// The writes by which an unknown reminder is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The merchant of the reminder.
    pub merchant: MerchantId,
    /// The outcome of its attempt.
    pub settlement: Settlement,
    /// Its delivery, if that is known.
    pub receipt: Option<Receipt>,
}

/// The writes by which [`resolve`] settles a reminder, for whoever makes them together with something else. The receipt
/// counts only if the settlement does.
///
/// # Errors
/// As [`resolve`].
pub async fn prepare_resolution(
    store: &(impl ReconcileStore + ReminderStore + ?Sized),
    id: ReminderId,
    finding: Finding,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<Resolution, ResolveError> {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let found = store.reminders(&filter).await?;
    let channel = found.first().ok_or(ResolveError::NotUnknown(id))?.reminder.plan.key.channel;
    let unknown = store.unknown(channel, Some(ReminderId(id.0.saturating_sub(1))), 1).await?;
    let unknown = unknown.into_iter().find(|unknown| unknown.attempt.reminder() == id);
    let unknown = unknown.ok_or(ResolveError::NotUnknown(id))?;
    let merchant = unknown.reminder.key.borrower.merchant.clone();
    let (settlement, receipt) = settled(unknown, finding, audit_note, now);
    Ok(Resolution { merchant, settlement, receipt })
}

/// The settlement for a finding: the outcome of the attempt, and a receipt if it is known whether it arrived.
fn settled(
    UnknownReminder { attempt, .. }: UnknownReminder,
    finding: Finding,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> (Settlement, Option<Receipt>) {
    let (reminder, gateway) = (attempt.reminder(), attempt.gateway().clone());
    let (outcome, next) = match finding {
        Finding::Resend => {
            (Outcome::NotSent { code: Code::new("by_hand") }, Next::Retry { not_before: now, gateway_index: 0 })
        }
        Finding::Sent | Finding::Delivered | Finding::Undelivered => {
            (Outcome::Accepted { provider_id: None }, Next::Accepted)
        }
    };
    let arrived = match finding {
        Finding::Sent | Finding::Resend => None,
        Finding::Delivered => Some(true),
        Finding::Undelivered => Some(false),
    };
    let receipt = arrived.map(|arrived| Receipt { reminder, gateway, arrived, code: None, at: now });
    let settlement = attempt.settle(outcome, next, now).resolved_by(audit_note.clone().at(now));
    // A message that is proven not to have arrived may go to another channel, if its rule has one.
    let settlement = if finding == Finding::Undelivered { settlement.falling_back_at(now) } else { settlement };
    (settlement, receipt)
}
