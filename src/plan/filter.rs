use std::ops::RangeInclusive;

use rust_decimal::Decimal;

use super::WhyNot;
use crate::domain::{Currency, Installment};

/// How much must be open for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountRange {
    /// Whose amounts; what is owed in other currencies does not count.
    pub currency: Currency,
    /// This or more.
    pub at_least: Option<Decimal>,
    /// This or less.
    pub at_most: Option<Decimal>,
}

impl AmountRange {
    fn contains(&self, amount: Decimal) -> bool {
        self.at_least.is_none_or(|least| least <= amount) && self.at_most.is_none_or(|most| amount <= most)
    }

    /// Whether an amount may lie in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let below =
            |least: Option<Decimal>, most: Option<Decimal>| least.zip(most).is_none_or(|(least, most)| least <= most);
        // What is owed in two currencies may lie in both.
        self.currency != other.currency || below(self.at_least, other.at_most) && below(other.at_least, self.at_most)
    }
}

/// What a rule asks of what falls due: one open instalment must have the product, the sequence and the tag, and all that is open
/// on the day together the amount. What is not asked for is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// One of these products.
    pub products: Vec<String>,
    /// Which instalment of its plan, from 1.
    pub sequence: Option<RangeInclusive<u32>>,
    /// One of these tags.
    pub tags: Vec<String>,
    /// What is still to be paid on the day, all instalments together.
    pub amount: Option<AmountRange>,
}

impl Filters {
    /// The first that does not match what is `open` on a day.
    pub(super) fn mismatch(&self, open: &[Installment]) -> Option<WhyNot> {
        let mut left: Vec<&Installment> = open.iter().collect();
        if !self.products.is_empty() {
            left.retain(|one| one.product.as_ref().is_some_and(|product| self.products.contains(product)));
            if left.is_empty() {
                return Some(WhyNot::Product);
            }
        }
        if let Some(range) = &self.sequence {
            left.retain(|one| one.sequence.is_some_and(|sequence| range.contains(&sequence)));
            if left.is_empty() {
                return Some(WhyNot::Sequence);
            }
        }
        if !self.tags.is_empty() {
            left.retain(|one| self.tags.iter().any(|tag| one.tags.has(tag)));
            if left.is_empty() {
                return Some(WhyNot::Tag);
            }
        }
        self.amount.as_ref().filter(|range| !range.contains(outstanding(open, range.currency))).map(|_| WhyNot::Amount)
    }

    /// Whether what matches `other` matches this too, as far as can be told without knowing what falls due.
    pub(super) fn cover(&self, other: &Self) -> bool {
        fn covers<T: PartialEq>(these: &[T], others: &[T]) -> bool {
            these.is_empty() || !others.is_empty() && others.iter().all(|other| these.contains(other))
        }
        // Asked about more than one, they may each be met by another instalment: only what is asked alike is sure.
        let asked = usize::from(!self.products.is_empty())
            + usize::from(self.sequence.is_some())
            + usize::from(!self.tags.is_empty());
        let alike = self.products == other.products && self.sequence == other.sequence && self.tags == other.tags;
        let sequence = match (&self.sequence, &other.sequence) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(this), Some(other)) => this.contains(other.start()) && this.contains(other.end()),
        };
        let installment = alike
            || asked <= 1 && covers(&self.products, &other.products) && covers(&self.tags, &other.tags) && sequence;
        installment && (self.amount.is_none() || self.amount == other.amount)
    }

    /// Whether one due date may match both.
    pub(super) fn meet(&self, other: &Self) -> bool {
        let share = |these: &[String], others: &[String]| {
            these.is_empty() || others.is_empty() || these.iter().any(|one| others.contains(one))
        };
        let sequence = match (&self.sequence, &other.sequence) {
            (Some(this), Some(other)) => this.start() <= other.end() && other.start() <= this.end(),
            _ => true,
        };
        let amount = match (&self.amount, &other.amount) {
            (Some(this), Some(other)) => this.meets(other),
            _ => true,
        };
        share(&self.products, &other.products) && share(&self.tags, &other.tags) && sequence && amount
    }
}

/// What is still to be paid in that currency.
fn outstanding(open: &[Installment], currency: Currency) -> Decimal {
    let open = open.iter().map(Installment::outstanding).filter(|open| open.currency() == currency);
    open.map(|open| open.amount()).sum()
}
