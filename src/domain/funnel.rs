//! Funnel counts: sent, opened, followed, paid.

use super::{Channel, MerchantId, RouteKey, Step};

/// Messages that have the same way through, and what came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCount {
    /// In whose name.
    pub merchant: MerchantId,
    /// Of which step of a rule, or resend by hand.
    pub step: Step,
    /// On which channel.
    pub channel: Channel,
    /// Of what the first of their instalments is.
    pub product: Option<String>,
    /// The route to which a link of theirs led that is the same for everybody; else the one that an instalment of
    /// theirs names.
    pub route: Option<RouteKey>,
    /// How many, and what came of them.
    pub funnel: Funnel,
}

/// How many messages came how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funnel {
    /// Taken over by a gateway.
    pub sent: u64,
    /// Reported as delivered.
    pub delivered: u64,
    /// From whose page the borrower went a way to repay.
    pub clicked: u64,
    /// About a due date of which nothing is open now, and something is paid.
    pub paid: u64,
}

/// The stages that tell whether a way to repay works for those who use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Went a way to repay.
    Clicked,
    /// Paid.
    Paid,
}

/// So many have to be expected at a stage before their lack tells anything: where 20 come by chance, fewer than 10 come
/// in 1 of 200 cases (Poisson).
const LEAST_EXPECTED: u64 = 20;

impl Stage {
    /// Each.
    pub const ALL: [Self; 2] = [Self::Clicked, Self::Paid];

    /// The word in figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clicked => "clicked",
            Self::Paid => "paid",
        }
    }
}

impl Funnel {
    /// Adds what came of other messages.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.clicked += other.clicked;
        self.paid += other.paid;
    }

    /// How many came to a stage.
    #[must_use]
    pub fn at(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Clicked => self.clicked,
            Stage::Paid => self.paid,
        }
    }

    /// Whether, per message sent, fewer than half as many reached a stage as in `before`; `false` where the numbers are
    /// too small to tell.
    #[must_use]
    pub fn has_fallen(&self, before: &Self, stage: Stage) -> bool {
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        // The expected number, times `before.sent`.
        let expected = wide(before.at(stage), self.sent);
        let enough = wide(LEAST_EXPECTED, before.sent).max(1);
        expected >= enough && wide(2 * self.at(stage), before.sent) < expected
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Funnel, Stage};

    fn funnel(sent: u64, clicked: u64) -> Funnel {
        Funnel { sent, clicked, ..Funnel::default() }
    }

    #[rstest]
    #[case::as_before(funnel(100, 30), funnel(1_400, 420), false)]
    #[case::less(funnel(100, 16), funnel(1_400, 420), false)]
    #[case::half(funnel(100, 15), funnel(1_400, 420), false)]
    #[case::far_less(funnel(100, 14), funnel(1_400, 420), true)]
    #[case::none(funnel(100, 0), funnel(1_400, 420), true)]
    #[case::too_few_to_tell(funnel(60, 0), funnel(1_400, 420), false)]
    #[case::just_enough(funnel(67, 0), funnel(1_400, 420), true)]
    #[case::nothing_sent(funnel(0, 0), funnel(1_400, 420), false)]
    #[case::nobody_ever_clicked(funnel(100, 0), funnel(1_400, 0), false)]
    #[case::nothing_before(funnel(100, 0), funnel(0, 0), false)]
    fn a_share_falls_when_half_of_many_are_missing(#[case] now: Funnel, #[case] before: Funnel, #[case] fell: bool) {
        assert_eq!(now.has_fallen(&before, Stage::Clicked), fell);
        assert!(!now.has_fallen(&before, Stage::Paid));
    }
}
