//! Import columns and their names.

use std::fmt;

/// Gives [`Column`] its names and keeps their order in one place.
macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident => $name:literal),+ $(,)?) => {
        /// A column of an import.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column {
            $($(#[$doc])* $variant),+
        }

        impl Column {
            /// Every column, in the order of the sample file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in the header line, and as a JSON key.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

columns! {
    /// The key of `[merchants.*]`.
    Merchant => "merchant",
    /// The merchant's number for the borrower.
    BorrowerId => "borrower_id",
    /// The borrower's name.
    Name => "name",
    /// Where SMS go.
    Phone => "phone",
    /// Where e-mail goes.
    Email => "email",
    /// The language of messages.
    Locale => "locale",
    /// The time zone of the borrower's local hours.
    TimeZone => "time_zone",
    /// The number bound to the mall account.
    AccountPhone => "account_phone",
    /// The answer to the page's question: the end of an ID, or month and day of birth.
    Verifier => "verifier",
    /// The merchant's number for the instalment.
    InstallmentId => "installment_id",
    /// The order.
    OrderRef => "order_ref",
    /// The product.
    Product => "product",
    /// The position of the instalment in its plan, from 1.
    Sequence => "sequence",
    /// The number of instalments in the plan.
    Of => "of",
    /// The currency of both amounts.
    Currency => "currency",
    /// The full amount to pay.
    Amount => "amount",
    /// The amount paid so far.
    PaidAmount => "paid_amount",
    /// The unit of both amounts: `major` or `minor`.
    AmountUnit => "amount_unit",
    /// The due date.
    DueDate => "due_date",
    /// The status.
    Status => "status",
    /// The way to repay.
    Route => "route",
    /// The lender's tags, separated by semicolons.
    Tags => "tags",
    /// The days after the due date in which it is not overdue yet.
    GraceDays => "grace_days",
    /// The reason why nothing may be sent to the borrower.
    Hold => "hold",
    /// The end of that hold.
    HoldUntil => "hold_until",
    /// The channel that goes first.
    PreferredChannel => "preferred_channel",
    /// When the borrower likes to be contacted.
    PreferredHours => "preferred_hours",
}

impl Column {
    /// How many columns there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The columns without which nothing can be imported.
    pub const REQUIRED: [Self; 6] =
        [Self::Merchant, Self::BorrowerId, Self::InstallmentId, Self::Amount, Self::Currency, Self::DueDate];

    /// Whether it decides who owes what, and when: without it the rest of a record must not be applied.
    #[must_use]
    pub fn decides(self) -> bool {
        Self::REQUIRED.contains(&self)
            || matches!(self, Self::PaidAmount | Self::AmountUnit | Self::Status | Self::GraceDays)
    }

    /// The column with that name; case and outer white space do not matter.
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.iter().copied().find(|column| column.name().eq_ignore_ascii_case(name))
    }

    /// The column whose name is so near that `name` may be a slip of the pen for it.
    pub(super) fn nearest(name: &str) -> Option<Self> {
        // Beyond this length nothing is a slip of the pen for names of at most 17 letters.
        if name.chars().count() > 24 {
            return None;
        }
        let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' ', '.'], "");
        let wanted = plain(name);
        let near = |column: &Self| distance(&wanted, &plain(column.name()));
        let best = Self::ALL.iter().copied().min_by_key(near)?;
        (near(&best) <= wanted.chars().count() / 3).then_some(best)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many letters must be put in, left out or replaced to make one word of the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_foreign_name_is_not() {
        for (name, meant) in [
            ("BorrowerID", Column::BorrowerId),
            ("due date", Column::DueDate),
            ("instalment_id", Column::InstallmentId),
            ("ammount", Column::Amount),
            ("e-mail", Column::Email),
            ("timezone", Column::TimeZone),
        ] {
            assert_eq!(Column::nearest(name), Some(meant), "{name}");
        }
        for name in ["", "x", "shoe_size", "注释", "comment from the branch office in full"] {
            assert_eq!(Column::nearest(name), None, "{name}");
        }
    }
}
