//! Everybody who owes something, page by page.

use std::ops::RangeInclusive;

use chrono::NaiveDate;

use crate::plan::Due;
use crate::store::{DueCursor, LedgerStore, StoreError};

/// How many due dates are read at once.
const PAGE: u32 = 1_000;

/// A walk over what is open, by due date: what one borrower owes on one day comes as a whole.
pub(super) struct UnpaidWalk<'s, S: ?Sized> {
    store: &'s S,
    dates: RangeInclusive<NaiveDate>,
    after: Option<DueCursor>,
}

impl<'s, S: LedgerStore + ?Sized> UnpaidWalk<'s, S> {
    /// Of these due dates; without an end, of all there are.
    pub(super) fn of(store: &'s S, from: Option<NaiveDate>, to: Option<NaiveDate>) -> Self {
        // These years are in the range of dates that every database can compare.
        let year = |year| NaiveDate::from_yo_opt(year, 1).unwrap_or_default();
        Self { store, dates: from.unwrap_or(year(1))..=to.unwrap_or(year(9999)), after: None }
    }

    /// The next page; an empty one is the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Due>, StoreError> {
        let page = self.store.due_page(self.dates.clone(), self.after.as_ref(), PAGE).await?;
        self.after = page.last().map(DueCursor::after).or(self.after.take());
        Ok(page)
    }
}
