//! Suppressions.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{StoreError, SuppressionChangeFilter, SuppressionFilter};
use crate::domain::{
    AddressKey, LiftResult, Lifter, ManualChange, MerchantId, Suppression, SuppressionChange, SuppressionRecord,
};

/// Addresses that get no message.
#[async_trait]
pub trait SuppressionStore: Debug + Send + Sync {
    /// Adds suppressions; the same address for the same merchant is replaced, but what has no end stays where the new
    /// one has: an opt-out is ended by lifting it. An opt-out cancels the requests to end an earlier one. What a person
    /// does goes on record in the same transaction.
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError>;

    /// Suppressions that match, also those that have ended, ordered by channel, address and merchant.
    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError>;

    /// The suppressions of one address, ordered by merchant, with the requests to end them.
    async fn suppressions_of(&self, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError>;

    /// Takes the suppression of that address for that merchant, or for all with `None`, out, on record. An opt-out ends
    /// when a second person orders it as well, by [`Lifter::decide`].
    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError>;

    /// The changes that people made to stops and suppressions, newest first.
    async fn suppression_changes(&self, filter: &SuppressionChangeFilter)
    -> Result<Vec<SuppressionChange>, StoreError>;
}
