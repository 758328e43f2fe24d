//! Ingest: the items of one request into the ledger, in parts of one transaction each.
//!
//! Reading and checking run on a thread of their own, one part ahead of the database, by the same checks as an import.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::import::answered_by;
use crate::domain::{AmendmentResult, InstallmentId, Merchant};
use crate::source::{CheckedObject, JsonItems, ObjectChecker, ObjectKind, RejectedRow, SoundObject};
use crate::store::{Change, LedgerPart, LedgerPartResult};

/// Items in one transaction, as in an import.
const PART_ITEMS: usize = 1_000;

/// Where parts are written.
#[async_trait]
pub trait PartWriter: Send + Sync {
    /// Why a part is not written.
    type Error: Send;

    /// Writes a part as a whole.
    ///
    /// # Errors
    /// Then nothing of it is written.
    async fn write(&self, part: LedgerPart) -> Result<LedgerPartResult, Self::Error>;
}

/// The outcome of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemOutcome {
    /// The ledger has changed.
    Changed,
    /// The ledger held all of it already.
    Unchanged,
    /// A payment that is kept until its instalment comes, or has its currency.
    Waiting,
    /// It was refused; where it names its instalment, it is kept and holds the reminders of it.
    Rejected,
}

/// The result of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResult {
    /// Its outcome.
    pub outcome: ItemOutcome,
    /// Why it was refused, or waits.
    pub reason: Option<String>,
    /// The faults of fields that were left out.
    pub left_out: Option<String>,
}

/// The result of all items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// One for each item, in order.
    pub results: Vec<ItemResult>,
    /// The names of fields that were passed over.
    pub unknown_fields: Vec<String>,
}

/// The items of one request.
#[derive(Debug, Clone)]
pub struct IngestJob {
    /// Their texts.
    pub items: Arc<JsonItems>,
    /// Their kind.
    pub kind: ObjectKind,
    /// Their merchant.
    pub merchant: Merchant,
}

/// Why items were not all written.
#[derive(Debug)]
pub enum IngestError<E> {
    /// A part could not be written; the parts before it are.
    Write(E),
    /// The process ends.
    Ending,
}

/// Checks the items and writes the sound ones, part by part. Doing it twice is harmless: what the ledger holds already
/// changes nothing.
///
/// # Errors
/// When a part could not be written; those before it are.
pub async fn ingest<W: PartWriter>(job: IngestJob, writer: &W) -> Result<IngestReport, IngestError<W::Error>> {
    let mut report = IngestReport::default();
    report.results.reserve(job.items.len());
    let checker = ObjectChecker::new(&job.merchant, job.kind);
    let mut read = read_part(PartReader { items: job.items, checker, next: 0 }).await?;
    loop {
        let (part, reader) = read;
        if part.results.is_empty() {
            report.unknown_fields = reader.checker.unknown_fields().iter().map(|field| field.name.clone()).collect();
            return Ok(report);
        }
        let Part { content, places, mut results } = part;
        let (written, next) = tokio::join!(write(content, writer), read_part(reader));
        places.note(&written?, &mut results);
        report.results.append(&mut results);
        read = next?;
    }
}

async fn write<W: PartWriter>(content: LedgerPart, writer: &W) -> Result<LedgerPartResult, IngestError<W::Error>> {
    if content.is_empty() {
        return Ok(LedgerPartResult::default());
    }
    writer.write(content).await.map_err(IngestError::Write)
}

async fn read_part<E>(mut reader: PartReader) -> Result<(Part, PartReader), IngestError<E>> {
    let task = tokio::task::spawn_blocking(move || (reader.read(), reader));
    match task.await {
        Ok(read) => Ok(read),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(IngestError::Ending),
    }
}

/// Reads parts, one after the other.
struct PartReader {
    items: Arc<JsonItems>,
    checker: ObjectChecker,
    next: usize,
}

/// Items that are written in one transaction.
#[derive(Default)]
struct Part {
    content: LedgerPart,
    places: Places,
    /// One for each item; of those that are to be written the outcome follows.
    results: Vec<ItemResult>,
}

/// Which item of a part each row is.
#[derive(Default)]
struct Places {
    borrowers: Vec<usize>,
    rows: Vec<usize>,
    amendments: Vec<usize>,
}

impl PartReader {
    fn read(&mut self) -> Part {
        let mut part = Part::default();
        let mut amended = BTreeSet::new();
        while self.next < self.items.len() && part.results.len() < PART_ITEMS {
            let checked = self.checker.check(self.next as u64 + 1, self.items.get(self.next));
            // A part writes its payments last. What comes behind a payment of the same instalment goes into the next.
            if subject(&checked).is_some_and(|installment| amended.contains(installment)) {
                break;
            }
            if let Ok(SoundObject::Amendment(amendment)) = &checked.read {
                amended.insert(amendment.installment.clone());
            }
            part.add(checked);
            self.next += 1;
        }
        part
    }
}

/// The instalment of an item that is no payment.
fn subject(checked: &CheckedObject) -> Option<&InstallmentId> {
    match &checked.read {
        Ok(SoundObject::Row(row)) => Some(&row.installment),
        Ok(SoundObject::Amendment(_) | SoundObject::Borrower(_)) => None,
        Err(rejected) => rejected.record.as_ref()?.installment.as_ref(),
    }
}

impl Part {
    fn add(&mut self, checked: CheckedObject) {
        let (place, Self { content, places, .. }) = (self.results.len(), &mut *self);
        let (outcome, reason) = match checked.read {
            Ok(SoundObject::Row(row)) => {
                answered_by(&mut content.rejected, &row);
                content.rows.push(*row);
                places.rows.push(place);
                (ItemOutcome::Unchanged, None)
            }
            Ok(SoundObject::Amendment(amendment)) => {
                content.amendments.push(amendment);
                places.amendments.push(place);
                (ItemOutcome::Unchanged, None)
            }
            Ok(SoundObject::Borrower(row)) => {
                content.borrowers.push(*row);
                places.borrowers.push(place);
                (ItemOutcome::Unchanged, None)
            }
            Err(mut rejected) => {
                content.rejected.extend(rejected.record.take().map(|record| *record));
                (ItemOutcome::Rejected, Some(RejectedRow::reason(&rejected)))
            }
        };
        self.results.push(ItemResult { outcome, reason, left_out: checked.left_out });
    }
}

impl Places {
    /// Completes the results of the items that were written.
    fn note(&self, written: &LedgerPartResult, results: &mut [ItemResult]) {
        let changes = self.borrowers.iter().zip(&written.borrowers).chain(self.rows.iter().zip(&written.rows));
        for (place, change) in changes {
            if let Some(result) = results.get_mut(*place) {
                result.outcome = match change {
                    Change::New | Change::Changed => ItemOutcome::Changed,
                    Change::Same => ItemOutcome::Unchanged,
                };
            }
        }
        for (place, amended) in self.amendments.iter().zip(&written.amendments) {
            let Some(result) = results.get_mut(*place) else { continue };
            let column = match amended {
                AmendmentResult::Changed | AmendmentResult::Same => "",
                AmendmentResult::Unknown => "installment_id ",
                AmendmentResult::OtherCurrency => "currency ",
            };
            result.reason = amended.problem().map(|problem| format!("{column}{problem}"));
            result.outcome = match amended {
                AmendmentResult::Changed => ItemOutcome::Changed,
                AmendmentResult::Same => ItemOutcome::Unchanged,
                AmendmentResult::Unknown | AmendmentResult::OtherCurrency => ItemOutcome::Waiting,
            };
        }
    }
}
