//! The filters of a rule. A new one is added here, and to the config in `src/config/rules.rs`.

use std::ops::RangeInclusive;

use rust_decimal::Decimal;

use crate::domain::{Currency, Installment};

/// How much must be open for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountRange {
    /// The currency of the amounts; debts in other currencies do not count.
    pub currency: Currency,
    /// The least amount, included.
    pub at_least: Option<Decimal>,
    /// The greatest amount, included.
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
        // A borrower may owe in two currencies, and so match both.
        self.currency != other.currency || below(self.at_least, other.at_most) && below(other.at_least, self.at_most)
    }
}

/// A filter that does not match the open instalments of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Nothing that is due is of the rule's products.
    Product,
    /// Nothing (of the product) is an instalment of that number.
    Sequence,
    /// Nothing (of the product and number) has one of the rule's tags.
    Tag,
    /// Something that is open on the day has a tag that the rule leaves out.
    NotTag,
    /// The amount open on the day is too small or too large.
    Amount,
}

impl Mismatch {
    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Sequence => "sequence",
            Self::Tag => "tag",
            Self::NotTag => "not_tag",
            Self::Amount => "amount",
        }
    }

    /// The reason as a colleague would say it, given the filters that do not match.
    #[must_use]
    pub fn explained(self, filters: &Filters) -> String {
        match self {
            Self::Product => format!("it is for {}, and nothing of that is due", filters.products.join(" or ")),
            Self::Sequence => match &filters.sequence {
                Some(range) if range.start() == range.end() => {
                    format!("it is for instalment {} of a plan, and that is not due", range.start())
                }
                Some(range) => {
                    format!("it is for instalments {} to {} of a plan, and none is due", range.start(), range.end())
                }
                None => "no such instalment is due".to_owned(),
            },
            Self::Tag => format!("it is for what is tagged {}, and nothing such is due", filters.tags.join(" or ")),
            Self::NotTag => {
                format!("it is not for what is tagged {}, and such is due", filters.not_tags.join(" or "))
            }
            Self::Amount => "less or more is open that day than it asks for".to_owned(),
        }
    }
}

/// The conditions of a rule: one open instalment must have the product, the sequence and the tag, none that is
/// open on the day may have a tag that is left out, as one message speaks of all, and all together must have the
/// amount. A condition that is not set is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// One of these products.
    pub products: Vec<String>,
    /// Which instalment of its plan, from 1.
    pub sequence: Option<RangeInclusive<u32>>,
    /// One of these tags.
    pub tags: Vec<String>,
    /// None of these tags.
    pub not_tags: Vec<String>,
    /// The outstanding amount on the day, all instalments together.
    pub amount: Option<AmountRange>,
}

impl Filters {
    /// The first filter that does not match the `open` instalments of a day.
    pub(super) fn mismatch(&self, open: &[Installment]) -> Option<Mismatch> {
        let mut left: Vec<&Installment> = open.iter().collect();
        if !self.products.is_empty() {
            left.retain(|one| one.product.as_ref().is_some_and(|product| self.products.contains(product)));
            if left.is_empty() {
                return Some(Mismatch::Product);
            }
        }
        if let Some(range) = &self.sequence {
            left.retain(|one| one.sequence.is_some_and(|sequence| range.contains(&sequence)));
            if left.is_empty() {
                return Some(Mismatch::Sequence);
            }
        }
        if !self.tags.is_empty() {
            left.retain(|one| self.tags.iter().any(|tag| one.tags.has(tag)));
            if left.is_empty() {
                return Some(Mismatch::Tag);
            }
        }
        if self.not_tags.iter().any(|tag| open.iter().any(|one| one.tags.has(tag))) {
            return Some(Mismatch::NotTag);
        }
        self.amount
            .as_ref()
            .filter(|range| !range.contains(outstanding(open, range.currency)))
            .map(|_| Mismatch::Amount)
    }

    /// Each of them in words that follow a rule's name, as `check` prints them.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |is: bool, text: String| all.extend(is.then_some(text));
        say(!self.products.is_empty(), format!("of {}", self.products.join(" or ")));
        say(!self.tags.is_empty(), format!("tagged {}", self.tags.join(" or ")));
        say(!self.not_tags.is_empty(), format!("not tagged {}", self.not_tags.join(" or ")));
        if let Some(sequence) = &self.sequence {
            say(true, format!("instalment {}", span_in_words(sequence)));
        }
        if let Some(amount) = &self.amount {
            let bound =
                |word: &str, bound: Option<Decimal>| bound.map(|bound| format!(" {word} {bound}")).unwrap_or_default();
            let (least, most) = (bound("at least", amount.at_least), bound("at most", amount.at_most));
            say(true, format!("open{least}{most} {}", amount.currency.code()));
        }
        all
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
        let leaves_out_no_more = self.not_tags.iter().all(|tag| other.not_tags.contains(tag));
        installment && leaves_out_no_more && (self.amount.is_none() || self.amount == other.amount)
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
        let leaves_out = |these: &Self, others: &Self| {
            !others.tags.is_empty() && others.tags.iter().all(|tag| these.not_tags.contains(tag))
        };
        let left_out = leaves_out(self, other) || leaves_out(other, self);
        !left_out && share(&self.products, &other.products) && share(&self.tags, &other.tags) && sequence && amount
    }
}

/// The outstanding amount in that currency.
fn outstanding(open: &[Installment], currency: Currency) -> Decimal {
    let open = open.iter().map(Installment::outstanding).filter(|open| open.currency() == currency);
    open.map(|open| open.amount()).sum()
}

/// `3`, or `1 to 3`.
#[must_use]
pub fn span_in_words<T: std::fmt::Display + PartialEq>(span: &RangeInclusive<T>) -> String {
    if span.start() == span.end() { span.start().to_string() } else { format!("{} to {}", span.start(), span.end()) }
}
