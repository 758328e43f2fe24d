//! The table `payment`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::{Amount, Moment};
use crate::domain::{Currency, Money, Payment};
use crate::store::StoreError;

/// The columns of a payment `y`.
macro_rules! payment_columns {
    () => {
        "y.merchant, y.payment_id, y.installment_id, y.currency, y.amount, y.paid_at, y.stage, y.at, y.until"
    };
}
pub(in crate::store) use payment_columns;

/// Whether a row of the ledger may still change any: with nearly every import there is none.
pub(in crate::store) const ANY_OPEN: &str =
    "select exists (select 1 from payment where stage in ('holding', 'waiting', 'counted'))";

/// The payments of an instalment, oldest first. Binds: merchant, instalment.
pub(in crate::store) const OF_INSTALLMENT: &str = concat!(
    "select ",
    payment_columns!(),
    " from payment y where y.merchant = $1 and y.installment_id = $2 order by y.at, y.payment_id"
);

/// The instalments with a pending payment.
pub(in crate::store) const PENDING: &str =
    "select distinct merchant, installment_id from payment where stage = 'holding'";

/// The payments whose time is over, longest first. Binds: now, limit.
pub(in crate::store) const OVER: &str = concat!(
    "select ",
    payment_columns!(),
    " from payment y where y.stage in ('holding', 'counted') and y.until <= $1 order by y.until, y.payment_id limit $2"
);

#[derive(FromRow)]
pub(in crate::store) struct PaymentRow {
    merchant: String,
    payment_id: String,
    installment_id: String,
    currency: String,
    amount: Amount,
    paid_at: Option<Moment>,
    stage: String,
    at: Moment,
    until: Moment,
}

/// A payment that a row of the ledger may change, with the time of the transaction.
#[derive(FromRow)]
pub(in crate::store) struct OpenPaymentRow {
    pub(in crate::store) now: Moment,
    #[sqlx(flatten)]
    pub(in crate::store) payment: PaymentRow,
}

impl PaymentRow {
    pub(in crate::store) fn payment(self) -> Result<Payment, StoreError> {
        let currency = read(&self.currency, "payment.currency", Currency::new)?;
        let corrupt = |_| StoreError::Corrupt { column: "payment.amount" };
        Ok(Payment {
            merchant: read(&self.merchant, "payment.merchant", str::parse)?,
            id: read(&self.payment_id, "payment.payment_id", str::parse)?,
            installment: read(&self.installment_id, "payment.installment_id", str::parse)?,
            amount: Money::new(self.amount.0, currency).map_err(corrupt)?,
            paid_at: self.paid_at.map(|moment| moment.0),
            stage: read(&self.stage, "payment.stage", str::parse)?,
            at: self.at.0,
            until: self.until.0,
        })
    }
}
