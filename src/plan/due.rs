//! Due dates: the instalments of one borrower that fall due on one day.

use chrono::NaiveDate;

use crate::domain::{Borrower, Channel, Installment};

/// What is known of one borrower and one due date when it is planned for: the question that [`super::plan`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Who.
    pub borrower: Borrower,
    /// When.
    pub due_date: NaiveDate,
    /// What; one at least, all open.
    pub installments: Vec<Installment>,
    /// The channels on which the borrower's address must not be contacted. It only steers which channel is the first
    /// available.
    pub suppressed: Vec<Channel>,
}
