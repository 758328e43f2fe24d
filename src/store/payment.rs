//! Payments that the lender's systems report one by one.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::StoreError;
use crate::domain::{
    InstallmentId, MerchantId, Payment, PaymentReport, PaymentResult, PaymentStage, SourceName, SourceState,
};

/// Payments beside the ledger: see [`Payment`].
#[async_trait]
pub trait PaymentStore: Debug + Send + Sync {
    /// Writes reports, in order, in one transaction. A payment that is new or has a new state gets a time of `lasts`
    /// from now. Gives one result per report.
    async fn report_payments(
        &self,
        reports: &[PaymentReport],
        lasts: TimeDelta,
    ) -> Result<Vec<PaymentResult>, StoreError>;

    /// The payments of an instalment, oldest first.
    async fn payments(&self, merchant: &MerchantId, id: &InstallmentId) -> Result<Vec<Payment>, StoreError>;

    /// The instalments with a pending payment, which holds their reminders.
    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError>;

    /// Ends the payments whose time is over. A pending one lapses. A posted one is taken out of the paid amount if one
    /// of these sources feeds its merchant and was read completely since; without such a source it stays a part of it.
    async fn settle_payments(&self, telling: &[SourceName]) -> Result<PaymentSettlement, StoreError>;
}

/// How many payments ended because their time was over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentSettlement {
    /// Pending ones.
    pub lapsed: u64,
    /// Posted ones that the ledger does not show.
    pub overruled: u64,
}

/// How many payments one operation ends.
pub(super) const OVER_AT_ONCE: i64 = 1_000;

/// How long a payment waits for a source that has not been read completely since.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// The end of a payment's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeOver {
    /// It was pending.
    Lapsed,
    /// It stays in the paid amount, for good or for now.
    Kept,
    /// It is to be taken out of the paid amount.
    Overruled,
}

/// Gives a payment whose time is over its next stage, but for the one that changes its instalment.
pub(super) fn time_over(
    payment: &mut Payment,
    states: &[SourceState],
    telling: &[SourceName],
    now: DateTime<Utc>,
) -> TimeOver {
    if payment.stage == PaymentStage::Holding {
        payment.stage = PaymentStage::Lapsed;
        return TimeOver::Lapsed;
    }
    let feeds = |state: &&SourceState| telling.contains(&state.name) && state.merchants.contains(&payment.merchant);
    let mut feeding = states.iter().filter(feeds).peekable();
    if feeding.peek().is_none() {
        payment.stage = PaymentStage::Booked;
        return TimeOver::Kept;
    }
    if feeding.all(|state| state.pulled_at.is_some_and(|at| at > payment.at)) {
        return TimeOver::Overruled;
    }
    payment.until = now + LOOK_AGAIN;
    TimeOver::Kept
}
