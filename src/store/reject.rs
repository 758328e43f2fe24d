//! The store's operations for rejected records.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Change, StoreError, WriteMode};
use crate::domain::{InstallmentId, LedgerRow, MerchantId, RejectedRecord, SoundRecord, SourceName};

/// Records that cannot be applied: kept with their reason until a later record answers for them.
#[async_trait]
pub trait RejectStore: Debug + Send + Sync {
    /// As [`LedgerStore::import`](super::LedgerStore::import); then keeps `rejected`, which must not be older than
    /// `rows`, in one transaction.
    ///
    /// Where nothing of an instalment is kept any more, its reminders are released: so in every operation that ends a
    /// record.
    ///
    /// A row ends what is kept of its instalment, as far as it answers for it ([`RejectedRecord::left_by`]), and
    /// payments that waited for it are applied. A record replaces the one that the same source (or a file) left for the
    /// same instalment.
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError>;

    /// Kept records that match, by number.
    async fn rejects(&self, filter: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError>;

    /// The instalments of which a record is kept.
    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError>;

    /// How many records are kept.
    async fn reject_counts(&self) -> Result<RejectCounts, StoreError>;

    /// Applies what a kept record turned out to be, and keeps it no longer, unless it has to wait. `false`, and nothing
    /// is written, if another record has taken its place.
    async fn retry_reject(&self, kept: &KeptRecord, sound: &SoundRecord) -> Result<bool, StoreError>;

    /// Takes records out by hand, on record. Gives the numbers of those that were kept.
    async fn drop_rejects(&self, ids: &[i64], order: &DropOrder) -> Result<Vec<i64>, StoreError>;

    /// The records that people dropped, newest first.
    async fn dropped_rejects(&self, limit: u32) -> Result<Vec<DroppedRecord>, StoreError>;
}

/// Which kept records to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct RejectFilter {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Of the instalment with this number.
    pub installment: Option<InstallmentId>,
    /// Only what waits, or only what is faulty.
    pub waits: Option<bool>,
    /// Only instalments that this source has no longer.
    pub vanished_from: Option<SourceName>,
    /// With a greater number.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRecord {
    /// Its number. A record that replaces it has the same one.
    pub id: i64,
    /// When it came.
    pub at: DateTime<Utc>,
    /// The record itself.
    pub record: RejectedRecord,
}

/// How many records are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectCounts {
    /// Records with a fault: each holds the reminders of its instalment.
    pub faulty: u64,
    /// Instalments that their source has no longer, and that nobody believes yet: each holds its reminders.
    pub vanished: u64,
    /// Payments that wait for their instalment, or for another state of it.
    pub waiting: u64,
    /// Records whose merchant or number cannot be read: they hold nothing.
    pub unreadable: u64,
}

/// An order by a person to drop records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropOrder {
    /// The person who drops them.
    pub actor: String,
    /// The reason.
    pub reason: String,
    /// The time of the order.
    pub at: DateTime<Utc>,
}

/// A record that was taken out by hand, without its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedRecord {
    /// The number that it had.
    pub id: i64,
    /// Its merchant, if that could be read.
    pub merchant: Option<MerchantId>,
    /// Its instalment, if that could be read.
    pub installment: Option<InstallmentId>,
    /// Why it could not be applied.
    pub fault: String,
    /// The order that dropped it.
    pub order: DropOrder,
}

/// The key of a record: instalment, merchant and source, each empty if unknown; and a digest of its cells if
/// instalment or merchant cannot be read, so that importing a file twice keeps the same records.
pub(super) type RejectKey = (String, String, String, String);

pub(super) fn key_of(record: &RejectedRecord) -> RejectKey {
    let installment = record.installment.as_ref().map(ToString::to_string).unwrap_or_default();
    let merchant = record.merchant.as_ref().map(ToString::to_string).unwrap_or_default();
    let source = record.source.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = if record.key().is_some() { String::new() } else { digest(record) };
    (installment, merchant, source, digest)
}

fn digest(record: &RejectedRecord) -> String {
    let mut hasher = Sha256::new();
    for (column, text) in &record.cells.0 {
        // No cell holds a NUL.
        hasher.update(column);
        hasher.update([0]);
        hasher.update(text);
        hasher.update([0]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
