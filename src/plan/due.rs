//! Due dates: the instalments of one borrower that fall due on one day.

use chrono::NaiveDate;

use crate::domain::{Borrower, Channel, Installment};

/// The facts known about one borrower and one due date at planning: the input of [`super::plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The borrower.
    pub borrower: Borrower,
    /// The due date.
    pub due_date: NaiveDate,
    /// The instalments; one at least, all open.
    pub installments: Vec<Installment>,
    /// The channels on which the borrower's address must not be contacted. It only steers which channel is the first
    /// available.
    pub suppressed: Vec<Channel>,
}
