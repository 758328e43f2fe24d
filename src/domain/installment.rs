//! Instalments and their statuses.

use std::borrow::Cow;
use std::fmt;

use chrono::{Days, NaiveDate};

use super::{BorrowerId, BorrowerKey, InstallmentId, MerchantId, Money, RouteKey, SourceName, Tags, clean};

/// The status of an instalment in the lender's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstallmentStatus {
    /// Something is still to be paid.
    Open,
    /// Paid in full.
    Paid,
    /// No longer owed: returned goods, merged into another.
    Cancelled,
    /// The lender has written the debt off: it may still be owed, and nothing is sent about it.
    WrittenOff,
    /// The borrower disputes the debt: nothing is sent about it until the lender says that it is open again.
    Disputed,
}

/// A word that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of open, paid, cancelled, written_off, disputed")]
pub struct UnknownStatus;

impl InstallmentStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Open, Self::Paid, Self::Cancelled, Self::WrittenOff, Self::Disputed];

    /// The word in files, the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::WrittenOff => "written_off",
            Self::Disputed => "disputed",
        }
    }
}

impl fmt::Display for InstallmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for InstallmentStatus {
    type Err = UnknownStatus;
    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        // People write it as they like: “Paid” is no other status.
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word)).ok_or(UnknownStatus)
    }
}

/// One repayment due on one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installment {
    /// The merchant in whose name it is collected.
    pub merchant: MerchantId,
    /// The merchant's number for it.
    pub id: InstallmentId,
    /// The borrower who owes it.
    pub borrower: BorrowerId,
    /// The order it belongs to, as the borrower knows it.
    pub order_ref: Option<String>,
    /// The purchased goods, or the credit product.
    pub product: Option<String>,
    /// Which instalment of the plan this is, from 1.
    pub sequence: Option<u32>,
    /// How many instalments the plan has.
    pub of: Option<u32>,
    /// The full amount to pay.
    pub amount: Money,
    /// The amount paid so far, in the currency of `amount`; may exceed it.
    pub paid_amount: Money,
    /// The day on which it falls due, in the borrower's time zone.
    pub due_date: NaiveDate,
    /// Its status.
    pub status: InstallmentStatus,
    /// The way to repay it, if not the merchant's first.
    pub route: Option<RouteKey>,
    /// The lender's tags, which rules can match.
    pub tags: Tags,
    /// The source that yielded it last; `None` if only files and the API did.
    pub source: Option<SourceName>,
    /// Its source has it no longer, so it is cancelled.
    pub is_vanished: bool,
    /// So many days after the due date it is not overdue yet; `None` if the merchant's config says how many.
    pub grace_days: Option<u16>,
}

/// The most days of grace.
pub const LONGEST_GRACE: u16 = 31;

impl Installment {
    /// An open instalment of which nothing is paid and nothing more is known.
    #[must_use]
    pub fn new(borrower: BorrowerKey, id: InstallmentId, amount: Money, due_date: NaiveDate) -> Self {
        Self {
            merchant: borrower.merchant,
            id,
            borrower: borrower.id,
            order_ref: None,
            product: None,
            sequence: None,
            of: None,
            paid_amount: amount.less(&amount),
            amount,
            due_date,
            status: InstallmentStatus::Open,
            route: None,
            tags: Tags::default(),
            source: None,
            is_vanished: false,
            grace_days: None,
        }
    }

    /// The last day on which it is not overdue, by its own days of grace.
    #[must_use]
    pub fn grace_end(&self) -> NaiveDate {
        let days = Days::new(u64::from(self.grace_days.unwrap_or_default()));
        self.due_date.checked_add_days(days).unwrap_or(self.due_date)
    }

    /// The amount still to be paid; zero unless it is open.
    #[must_use]
    pub fn outstanding(&self) -> Money {
        match self.status {
            InstallmentStatus::Open => self.amount.less(&self.paid_amount),
            InstallmentStatus::Paid
            | InstallmentStatus::Cancelled
            | InstallmentStatus::WrittenOff
            | InstallmentStatus::Disputed => self.amount.less(&self.amount),
        }
    }

    /// The product as a borrower may read it. What imports of earlier versions took goes through [`clean`] here.
    #[must_use]
    pub fn readable_product(&self) -> Option<Cow<'_, str>> {
        readable(self.product.as_deref())
    }

    /// The order number as a borrower may read it.
    #[must_use]
    pub fn readable_order(&self) -> Option<Cow<'_, str>> {
        readable(self.order_ref.as_deref())
    }

    /// Whether a reminder may speak of it: open, and something is left to pay.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.outstanding().amount().is_zero()
    }
}

fn readable(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.and_then(|text| clean(text, usize::MAX).ok())
}
