//! The kinds of hold that staff set, and who ends them.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use super::reminder::words;
use super::{Action, Hold, UnknownWord};

/// A kind of hold. It is the first word of the hold's reason, with a note behind a colon: `dispute: wrong amount`. A
/// reason that begins otherwise is of no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldKind {
    /// The borrower disputes the debt.
    Dispute,
    /// The borrower cannot pay for now.
    Hardship,
    /// The borrower says that it is paid.
    SaysPaid,
    /// A lawyer represents the borrower: contact goes to the lawyer.
    Lawyer,
    /// The borrower is bankrupt.
    Bankruptcy,
    /// The borrower has died.
    Deceased,
    /// The borrower demands that contact ends.
    CeaseContact,
}
words!(HoldKind {
    Dispute => "dispute", Hardship => "hardship", SaysPaid => "says_paid", Lawyer => "lawyer",
    Bankruptcy => "bankruptcy", Deceased => "deceased", CeaseContact => "cease_contact",
});

impl HoldKind {
    /// The kind of a hold.
    #[must_use]
    pub fn of(hold: &Hold) -> Option<Self> {
        hold.reason.split(':').next()?.trim().parse().ok()
    }

    /// The reason of a hold of this kind.
    #[must_use]
    pub fn reason(self, note: &str) -> String {
        let note = note.trim();
        if note.is_empty() { self.to_string() } else { format!("{self}: {note}") }
    }

    /// Whether only a supervisor ends it.
    #[must_use]
    pub fn is_strict(self) -> bool {
        matches!(self, Self::Bankruptcy | Self::Deceased | Self::CeaseContact)
    }

    /// The action that ends a hold of this kind.
    #[must_use]
    pub fn ended_by(self) -> Action {
        if self.is_strict() { Action::EndStrictHolds } else { Action::ChangePreferences }
    }

    /// How long it lasts unless somebody says otherwise; `None` until it is released.
    #[must_use]
    pub fn usual_length(self) -> Option<TimeDelta> {
        // A transfer is booked within two days.
        (self == Self::SaysPaid).then_some(TimeDelta::hours(48))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::HoldKind;
    use crate::domain::Hold;

    #[rstest]
    #[case("dispute", Some(HoldKind::Dispute))]
    #[case("deceased: letter of 3 May", Some(HoldKind::Deceased))]
    #[case("cease_contact:", Some(HoldKind::CeaseContact))]
    #[case("disputed", None)]
    #[case("call back on Monday: dispute", None)]
    #[case("", None)]
    fn the_kind_is_the_first_word(#[case] reason: &str, #[case] expected: Option<HoldKind>) {
        let hold = Hold { reason: reason.to_owned(), until: None };
        assert_eq!(HoldKind::of(&hold), expected);
    }

    #[test]
    fn a_reason_says_its_kind() {
        for kind in HoldKind::ALL.iter().copied() {
            for note in ["", " a note: with a colon "] {
                let hold = Hold { reason: kind.reason(note), until: None };
                assert_eq!(HoldKind::of(&hold), Some(kind));
            }
        }
    }
}
