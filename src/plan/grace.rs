//! Days of grace: so long after its due date an instalment is not overdue yet.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Policy;
use super::rule::day;
use crate::domain::Installment;

/// The days of grace that a merchant gives, where the ledger names none for an instalment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraceDays {
    /// For every product that is not named.
    pub all: u16,
    /// For these products.
    pub products: BTreeMap<String, u16>,
}

impl GraceDays {
    fn of(&self, product: Option<&String>) -> u16 {
        product.and_then(|product| self.products.get(product)).copied().unwrap_or(self.all)
    }
}

/// The days from which the steps of a rule count: a step before the due date, or on it, from the due date; one after it
/// from the end of the grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) due_date: NaiveDate,
    pub(super) grace: u16,
}

impl Anchor {
    /// How many days after the due date the day of a step lies.
    pub(super) fn distance(self, step: i32) -> i32 {
        if step > 0 { step.saturating_add(i32::from(self.grace)) } else { step }
    }

    /// The day of a step; `None` beyond the calendar.
    pub(super) fn day(self, step: i32) -> Option<NaiveDate> {
        day(self.due_date, self.distance(step))
    }

    /// The first step that lies so many days after the due date, or later.
    pub(super) fn first_step(self, distance: i32) -> i32 {
        if distance > 0 { (distance.saturating_sub(i32::from(self.grace))).max(1) } else { distance }
    }

    /// The last step that lies so many days after the due date, or earlier.
    pub(super) fn last_step(self, distance: i32) -> i32 {
        if distance > 0 { (distance.saturating_sub(i32::from(self.grace))).max(0) } else { distance }
    }
}

impl Policy {
    /// The days of grace of an instalment: its own, else those of its product at its merchant.
    #[must_use]
    pub fn grace_of(&self, one: &Installment) -> u16 {
        let of_merchant = || self.terms.get(&one.merchant).map(|terms| terms.grace.of(one.product.as_ref()));
        one.grace_days.or_else(of_merchant).unwrap_or_default()
    }

    /// The instalments with their days of grace, whoever says how many, so that a message can be made from them.
    #[must_use]
    pub fn with_grace(&self, mut installments: Vec<Installment>) -> Vec<Installment> {
        for one in &mut installments {
            one.grace_days = Some(self.grace_of(one)).filter(|days| *days > 0);
        }
        installments
    }

    /// From when the steps about one due date count: a message speaks of all that is open that day, so the longest
    /// grace of these counts, and that of the others where nothing is open any more. `None` without instalments.
    pub(super) fn anchor(&self, due_date: NaiveDate, all: &[Installment]) -> Option<Anchor> {
        let open = all.iter().filter(|one| one.is_due()).map(|one| self.grace_of(one)).max();
        let grace = open.or_else(|| all.iter().map(|one| self.grace_of(one)).max())?;
        Some(Anchor { due_date, grace })
    }
}

#[cfg(test)]
mod tests {
    use super::Anchor;

    #[test]
    fn steps_after_the_due_date_count_from_the_end_of_the_grace() {
        let due_date = "2026-11-25".parse().expect("a date");
        for grace in [0, 1, 5, 31] {
            let anchor = Anchor { due_date, grace };
            for distance in -40..80 {
                let lies = |step: &i32| anchor.distance(*step);
                let first = (-50..90).find(|step| lies(step) >= distance);
                let last = (-50..90).rev().find(|step| lies(step) <= distance);
                assert_eq!(Some(anchor.first_step(distance)), first, "{grace} {distance}");
                assert_eq!(Some(anchor.last_step(distance)), last, "{grace} {distance}");
            }
        }
        let day = |step| Anchor { due_date, grace: 5 }.day(step).expect("a day").to_string();
        assert_eq!([day(-3), day(0), day(1), day(3)], ["2026-11-22", "2026-11-25", "2026-12-01", "2026-12-03"]);
    }
}
