//! Sources of the ledger.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{InstallmentId, ManualChange, MerchantId, SourceName, SourceState};

/// How far each source of the ledger has been read.
#[async_trait]
pub trait SourceStore: Debug + Send + Sync {
    /// Keeps how far a source has been read, and adds the merchants that it names. What is `None`, or earlier than what
    /// is known, changes nothing.
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError>;

    /// How far each source has been read that ever was, by name.
    async fn sources(&self) -> Result<Vec<SourceState>, StoreError>;

    /// The open instalments that a source yielded last.
    async fn open_of_source(&self, source: &SourceName, which: &OpenFilter)
    -> Result<Vec<OpenInstallment>, StoreError>;

    /// Settles instalments that their source has no longer, as far as they are open and it yielded them last. Gives how
    /// many.
    async fn settle_vanished(
        &self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        settlement: &VanishedSettlement,
    ) -> Result<usize, StoreError>;
}

/// The end of an instalment that its source has no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VanishedSettlement {
    /// It is cancelled; a later row of it opens it again. The person who orders it, if it is one.
    Cancel(Option<ManualChange>),
    /// Its reminders are held, until a later row of it comes or a person decides.
    Hold,
}

/// Which open instalments of a source to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenFilter {
    /// A page of all, in the order of number and merchant.
    Page {
        /// The last of the page before.
        after: Option<(InstallmentId, MerchantId)>,
        /// At most so many.
        limit: u32,
    },
    /// Those of these orders, each with its merchant.
    Orders(Vec<(MerchantId, String)>),
}

/// An open instalment of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInstallment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's number for it.
    pub installment: InstallmentId,
    /// Its order.
    pub order_ref: Option<String>,
}

impl OpenInstallment {
    /// Its place in the order of pages.
    #[must_use]
    pub fn place(&self) -> (InstallmentId, MerchantId) {
        (self.installment.clone(), self.merchant.clone())
    }
}
