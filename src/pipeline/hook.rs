//! Applies the deliveries of a webhook, in the order in which they came: like rows of an import.

use chrono::TimeDelta;

use crate::domain::{Merchant, RejectedRecord, SourceName};
use crate::source::{HookContent, HookMap};
use crate::store::{Delivery, DeliveryStore, LedgerStore, PaymentStore, RejectStore, StoreError, TurnStore, WriteMode};

/// How many deliveries are read at once.
const BATCH: u32 = 100;

/// How long a batch may take before another process may take over.
const TURN: TimeDelta = TimeDelta::minutes(1);

/// A webhook whose deliveries are applied.
#[derive(Debug, Clone, Copy)]
pub struct HookJob<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// The mapping of its bodies.
    pub map: &'a HookMap,
    /// The merchant of all that it says.
    pub merchant: &'a Merchant,
    /// How long a reported payment waits for the ledger.
    pub pending_for: TimeDelta,
    /// The process that applies.
    pub holder: &'a str,
}

/// The content of the deliveries of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HookSummary {
    /// Deliveries that were applied.
    pub deliveries: u64,
    /// Instalments and payments in them that were taken.
    pub taken: u64,
    /// Items that were refused: each is kept, and holds the reminders of its instalment.
    pub rejected: u64,
    /// Those among them that hold nothing, because their instalment cannot be read.
    pub unreadable: u64,
}

/// Applies what waits, up to a bound. `settle` decides whether a delivery is over once it is applied: one that asks for
/// a pull waits for that. Another process that is at it has the turn, and nothing is done.
///
/// # Errors
/// When the store fails; what was applied is not applied again.
pub async fn apply_deliveries<S>(
    store: &S,
    job: HookJob<'_>,
    is_over: impl Fn(&Delivery) -> bool,
) -> Result<HookSummary, StoreError>
where
    S: DeliveryStore + LedgerStore + PaymentStore + RejectStore + TurnStore + ?Sized,
{
    let mut summary = HookSummary::default();
    let waiting = store.waiting_deliveries(job.source, BATCH).await?;
    if waiting.is_empty() || !store.take_turn(&format!("hook {}", job.source), job.holder, TURN).await? {
        return Ok(summary);
    }
    // Read again: the process that had the turn may have applied some.
    for delivery in store.waiting_deliveries(job.source, BATCH).await? {
        let content = job.map.read(delivery.body.as_deref().unwrap_or_default(), job.merchant, job.source);
        let is_passed_over = content.is_passed_over;
        if job.map.has_values() && !is_passed_over {
            apply(store, job, content, &mut summary).await?;
        }
        if is_passed_over || is_over(&delivery) {
            store.end_delivery(delivery.id).await?;
            summary.deliveries += 1;
        }
    }
    store.take_turn(&format!("hook {}", job.source), job.holder, TimeDelta::zero()).await?;
    Ok(summary)
}

async fn apply<S>(
    store: &S,
    job: HookJob<'_>,
    content: HookContent,
    summary: &mut HookSummary,
) -> Result<(), StoreError>
where
    S: LedgerStore + PaymentStore + RejectStore + ?Sized,
{
    let HookContent { rows, amendments, payments, rejected, .. } = content;
    summary.taken += (rows.len() + amendments.len() + payments.len()) as u64;
    summary.rejected += rejected.len() as u64;
    summary.unreadable += rejected.iter().filter(|one| !one.holds()).count() as u64;
    let rejected: Vec<RejectedRecord> = rejected.into_iter().filter_map(|one| one.record).map(|one| *one).collect();
    if !rows.is_empty() || !rejected.is_empty() {
        store.import_batch(&rows, &rejected, WriteMode::Commit).await?;
    }
    if !amendments.is_empty() {
        store.amend(&amendments, Some(job.source), WriteMode::Commit).await?;
    }
    if !payments.is_empty() {
        store.report_payments(&payments, job.pending_for).await?;
    }
    Ok(())
}
