//! Sources of the ledger and how they are doing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    BranchName, FieldUpdate, Installment, InstallmentId, InstallmentStatus, MerchantId, Money, PaidClaim, SourceName,
};

/// A source's update to an instalment that the ledger knows: the amount paid, or the status. Everything else stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's number for the instalment.
    pub installment: InstallmentId,
    /// The amount paid so far; an empty cell is zero.
    pub paid_amount: FieldUpdate<Money>,
    /// The status; an empty cell is open.
    pub status: FieldUpdate<InstallmentStatus>,
}

/// The result of an [`Amendment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AmendmentResult {
    /// The ledger now holds its values.
    Changed,
    /// The ledger held them before.
    Same,
    /// The ledger does not know the instalment; nothing was written.
    Unknown,
    /// The amount paid is in another currency than the instalment; nothing was written.
    OtherCurrency,
}

impl Amendment {
    /// The claim about the debt in it.
    #[must_use]
    pub fn claim(&self) -> PaidClaim<'_> {
        PaidClaim { paid_amount: &self.paid_amount, status: &self.status }
    }

    /// Lays it over `known`, the instalment that it is about.
    pub fn lay_over(&self, known: &mut Installment) -> AmendmentResult {
        let zero = known.amount.less(&known.amount);
        let paid_amount = self.paid_amount.clone().apply_to(Some(known.paid_amount)).unwrap_or(zero);
        if paid_amount.currency() != known.amount.currency() {
            return AmendmentResult::OtherCurrency;
        }
        let status = self.status.clone().apply_to(Some(known.status)).unwrap_or(InstallmentStatus::Open);
        // Only its own source says that a vanished instalment is open again.
        let status = if known.is_vanished && status == InstallmentStatus::Open { known.status } else { status };
        if (paid_amount, status) == (known.paid_amount, known.status) {
            return AmendmentResult::Same;
        }
        known.is_vanished &= status == known.status;
        (known.paid_amount, known.status) = (paid_amount, status);
        AmendmentResult::Changed
    }
}

/// How far a source has been read. `None`: not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// The source.
    pub name: SourceName,
    /// The latest `updated_at` among the rows that are in the ledger: the cursor of a source with one query.
    pub read_to: Option<DateTime<Utc>>,
    /// The cursor of each branch of a source that has branches.
    pub branches: BTreeMap<BranchName, DateTime<Utc>>,
    /// The start of the last completed pull: the ledger is at least as recent as this.
    pub pulled_at: Option<DateTime<Utc>>,
    /// The newest instant that the lender's data had then, by the source's `freshness`.
    pub data_at: Option<DateTime<Utc>>,
    /// The start of the last completed pull that read all rows.
    pub full_read_at: Option<DateTime<Utc>>,
    /// The merchants that its rows have named since it is known.
    pub merchants: BTreeSet<MerchantId>,
}

impl SourceState {
    /// A source that was not read yet; noted, it changes nothing.
    #[must_use]
    pub fn new(name: SourceName) -> Self {
        Self {
            name,
            read_to: None,
            branches: BTreeMap::new(),
            pulled_at: None,
            data_at: None,
            full_read_at: None,
            merchants: BTreeSet::new(),
        }
    }

    /// The latest `updated_at` of all rows that are in the ledger.
    #[must_use]
    pub fn latest_row(&self) -> Option<DateTime<Utc>> {
        self.branches.values().copied().chain(self.read_to).max()
    }
}
