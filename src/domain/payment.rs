//! Payments that the lender's systems report one by one, beside the ledger.
//!
//! The paid amount of an instalment is the lender's ledger's own, plus the payments that are reported as posted and
//! that the ledger has not shown yet ([`PaymentStage::Counted`]). A row of the ledger that comes later says how much it
//! has gained, and the oldest payments are booked from that. So an older row, or one from a replica that lags, does not
//! undo a payment; and after [`Payment::until`] the ledger is right.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::reminder::words;
use super::{FieldUpdate, Installment, InstallmentId, InstallmentStatus, MerchantId, Money, PaymentId, UnknownWord};

/// The state of a payment as the lender reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentState {
    /// The borrower has paid, and the lender has not booked it yet.
    Pending,
    /// It is booked.
    Posted,
    /// It failed, or was charged back.
    Reversed,
}
words!(PaymentState { Pending => "pending", Posted => "posted", Reversed => "reversed" });

/// The progress of a payment here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentStage {
    /// It is pending, and holds the reminders of its instalment.
    Holding,
    /// It is posted, and its instalment is not in the ledger, or has another currency.
    Waiting,
    /// It is posted, and a part of the paid amount that the ledger has not shown yet.
    Counted,
    /// The ledger has it.
    Booked,
    /// The ledger did not show it in time: the ledger is right.
    Overruled,
    /// It was pending for too long: the ledger decides.
    Lapsed,
    /// The lender took it back.
    Reversed,
}
words!(PaymentStage {
    Holding => "holding", Waiting => "waiting", Counted => "counted", Booked => "booked", Overruled => "overruled",
    Lapsed => "lapsed", Reversed => "reversed",
});

impl PaymentStage {
    /// Whether a row of the ledger may still change it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Holding | Self::Waiting | Self::Counted)
    }
}

/// A report of the lender about one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    /// The merchant.
    pub merchant: MerchantId,
    /// The lender's number for the payment.
    pub id: PaymentId,
    /// The instalment that it pays.
    pub installment: InstallmentId,
    /// The amount of this payment alone.
    pub amount: Money,
    /// When the borrower paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// Its state.
    pub state: PaymentState,
}

/// A payment as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The lender's number for the payment.
    pub id: PaymentId,
    /// The instalment that it pays.
    pub installment: InstallmentId,
    /// The amount of this payment alone.
    pub amount: Money,
    /// When the borrower paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// Its progress.
    pub stage: PaymentStage,
    /// When its present state was reported.
    pub at: DateTime<Utc>,
    /// The end of the hold of a pending payment; and until when a row of the ledger without a posted one may be older
    /// than it.
    pub until: DateTime<Utc>,
}

/// The result of a [`PaymentReport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentResult {
    /// It is new, or has another state.
    Changed,
    /// It was known, or a later state of it.
    Unchanged,
    /// It is kept until its instalment comes.
    Unknown,
    /// It is kept: its instalment is in another currency.
    OtherCurrency,
    /// Its number belongs to another payment; nothing was written.
    OtherPayment,
}

impl PaymentResult {
    /// Why it waits or was refused; reads on from the field's name.
    #[must_use]
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Changed | Self::Unchanged => None,
            Self::Unknown => Some(
                "installment_id is not in the ledger yet; the payment is kept and counts when its instalment comes",
            ),
            Self::OtherCurrency => Some("currency is not that of the instalment; the payment is kept"),
            Self::OtherPayment => {
                Some("payment_id belongs to a payment of another instalment or amount; send a number of its own")
            }
        }
    }
}

impl PaymentReport {
    /// Lays the report over what is known of the payment, and counts it in its `installment`. The payment is to be
    /// written where the result is not [`PaymentResult::Unchanged`] or [`PaymentResult::OtherPayment`].
    pub fn lay_over(
        &self,
        known: Option<&Payment>,
        installment: Option<&mut Installment>,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> (Option<Payment>, PaymentResult) {
        let is_other = |one: &Payment| {
            let may_differ = matches!(one.stage, PaymentStage::Holding | PaymentStage::Lapsed);
            one.installment != self.installment
                || one.amount != self.amount && self.state != PaymentState::Reversed && !may_differ
        };
        if known.is_some_and(is_other) {
            return (None, PaymentResult::OtherPayment);
        }
        let mut payment = Payment {
            merchant: self.merchant.clone(),
            id: self.id.clone(),
            installment: self.installment.clone(),
            amount: self.amount,
            paid_at: self.paid_at.or(known.and_then(|one| one.paid_at)),
            stage: PaymentStage::Reversed,
            at: now,
            until,
        };
        let before = known.map(|one| one.stage);
        payment.stage = match (before, self.state) {
            (Some(PaymentStage::Reversed), _) => return (None, PaymentResult::Unchanged),
            (None, PaymentState::Pending) => PaymentStage::Holding,
            (Some(_), PaymentState::Pending) => return (None, PaymentResult::Unchanged),
            (None | Some(PaymentStage::Holding | PaymentStage::Lapsed), PaymentState::Posted) => {
                return payment.count(installment);
            }
            (Some(_), PaymentState::Posted) => return (None, PaymentResult::Unchanged),
            (_, PaymentState::Reversed) => PaymentStage::Reversed,
        };
        if let (Some(PaymentStage::Counted), Some(one), Some(known)) = (before, installment, known) {
            one.paid_amount = one.paid_amount.less(&known.amount);
            payment.amount = known.amount;
        }
        (Some(payment), PaymentResult::Changed)
    }
}

impl Payment {
    fn count(mut self, installment: Option<&mut Installment>) -> (Option<Self>, PaymentResult) {
        self.stage = PaymentStage::Waiting;
        let Some(one) = installment else { return (Some(self), PaymentResult::Unknown) };
        let Ok(paid) = one.paid_amount.plus(&self.amount) else {
            return (Some(self), PaymentResult::OtherCurrency);
        };
        one.paid_amount = paid;
        self.stage = PaymentStage::Counted;
        (Some(self), PaymentResult::Changed)
    }

    /// Takes it out of the paid amount: the ledger did not show it.
    pub fn overrule(&mut self, installment: &mut Installment) {
        installment.paid_amount = installment.paid_amount.less(&self.amount);
        self.stage = PaymentStage::Overruled;
    }
}

/// The words of a ledger row about what is paid.
#[derive(Debug, Clone, Copy)]
pub struct PaidClaim<'r> {
    /// The amount paid so far.
    pub paid_amount: &'r FieldUpdate<Money>,
    /// The status.
    pub status: &'r FieldUpdate<InstallmentStatus>,
}

/// Settles the open payments of an instalment by a row of the ledger: `merged` is the row laid over `before`, and gets
/// the payments that the row does not have. They are in the order in which they came.
pub fn settle_payments(
    payments: &mut [Payment],
    before: Option<&Installment>,
    claim: PaidClaim<'_>,
    merged: &mut Installment,
    now: DateTime<Utc>,
) {
    let mut open: Vec<_> = payments.iter_mut().filter(|one| one.stage.is_open()).collect();
    if open.is_empty() {
        return;
    }
    let zero = merged.amount.less(&merged.amount);
    let counted = open.iter().filter(|one| one.stage == PaymentStage::Counted).map(|one| one.amount);
    let counted = counted.fold(zero, |sum, amount| sum.plus(&amount).unwrap_or(sum));
    // An amount in another currency pays nothing.
    let paid_before = before.map(|one| one.paid_amount).filter(|paid| paid.currency() == zero.currency());
    let own_before = paid_before.unwrap_or(zero).less(&counted);
    let is_stated = *claim.paid_amount != FieldUpdate::Keep;
    let has_status = *claim.status != FieldUpdate::Keep;
    let is_over = match merged.status {
        InstallmentStatus::Paid | InstallmentStatus::Cancelled | InstallmentStatus::WrittenOff => true,
        InstallmentStatus::Open | InstallmentStatus::Disputed => false,
    };
    if has_status && is_over {
        open.iter_mut().for_each(|one| one.stage = PaymentStage::Booked);
        return;
    }
    let own = if is_stated { merged.paid_amount } else { own_before };
    let mut gained = own.less(&own_before);
    merged.paid_amount = own;
    for one in &mut open {
        let has_gained = gained.currency() == one.amount.currency() && gained.amount() >= one.amount.amount();
        one.stage = match one.stage {
            _ if is_stated && has_gained => {
                gained = gained.less(&one.amount);
                PaymentStage::Booked
            }
            PaymentStage::Holding => PaymentStage::Holding,
            PaymentStage::Counted if is_stated && now >= one.until => PaymentStage::Overruled,
            _ => match merged.paid_amount.plus(&one.amount) {
                Ok(paid) => {
                    merged.paid_amount = paid;
                    PaymentStage::Counted
                }
                Err(_) => PaymentStage::Waiting,
            },
        };
    }
    // A source that knows a status alone says that it is open although the payments cover it.
    if has_status && !is_stated {
        for one in open.iter_mut().rev().filter(|one| one.stage == PaymentStage::Counted && now >= one.until) {
            if merged.is_due() {
                break;
            }
            one.overrule(merged);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
    use rstest::rstest;

    use super::{PaidClaim, Payment, PaymentReport, PaymentResult, PaymentStage, PaymentState, settle_payments};
    use crate::domain::{
        BorrowerId, BorrowerKey, Currency, FieldUpdate, Installment, InstallmentId, InstallmentStatus, MerchantId,
        Money, PaymentId,
    };

    fn money(amount: i64) -> Money {
        Money::parse(&amount.to_string(), Currency::new("CNY").expect("a currency")).expect("an amount")
    }

    fn installment(paid: i64) -> Installment {
        let borrower =
            BorrowerKey { merchant: MerchantId::new("mall").expect("an id"), id: BorrowerId::new("b").expect("an id") };
        let due = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a day");
        let id = InstallmentId::new("i").expect("an id");
        Installment { paid_amount: money(paid), ..Installment::new(borrower, id, money(300), due) }
    }

    fn report(id: &str, amount: i64, state: PaymentState) -> PaymentReport {
        PaymentReport {
            merchant: MerchantId::new("mall").expect("an id"),
            id: PaymentId::new(id).expect("an id"),
            installment: InstallmentId::new("i").expect("an id"),
            amount: money(amount),
            paid_at: None,
            state,
        }
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn posted(amounts: &[i64], known: &mut Installment) -> Vec<Payment> {
        let posted = (0..).zip(amounts).map(|(number, amount): (i64, _)| {
            let report = report(&number.to_string(), *amount, PaymentState::Posted);
            report.lay_over(None, Some(known), (at(number), at(48))).0.expect("a payment")
        });
        posted.collect()
    }

    /// `ledger` is what a row says is paid; the base is 0.
    #[rstest]
    #[case::an_older_row(&[100], 0, 1, 100, "counted")]
    #[case::the_row_has_it(&[100], 100, 1, 100, "booked")]
    #[case::the_row_has_more(&[100], 250, 1, 250, "booked")]
    #[case::the_oldest_first(&[100, 50], 100, 1, 150, "booked counted")]
    #[case::another_payment(&[200], 100, 1, 300, "counted")]
    #[case::both(&[100, 200], 300, 1, 300, "booked booked")]
    #[case::the_ledger_is_right_in_the_end(&[100], 0, 48, 0, "overruled")]
    fn a_row_settles_payments(
        #[case] payments: &[i64],
        #[case] ledger: i64,
        #[case] hour: i64,
        #[case] paid: i64,
        #[case] stages: &str,
    ) {
        let mut known = installment(0);
        let mut open = posted(payments, &mut known);
        let mut merged = Installment { paid_amount: money(ledger), ..known.clone() };
        let said = FieldUpdate::Set(Some(money(ledger)));
        let claim = PaidClaim { paid_amount: &said, status: &FieldUpdate::Keep };
        settle_payments(&mut open, Some(&known), claim, &mut merged, at(hour));
        assert_eq!(merged.paid_amount, money(paid));
        assert_eq!(open.iter().map(|one| one.stage.as_str()).collect::<Vec<_>>().join(" "), stages);

        // The same row again changes nothing.
        let again = merged.clone();
        open.retain(|one| one.stage.is_open());
        merged.paid_amount = money(ledger);
        settle_payments(&mut open, Some(&again), claim, &mut merged, at(hour));
        assert_eq!(merged, again);
    }

    #[rstest]
    #[case(InstallmentStatus::Paid, 1, "booked")]
    #[case(InstallmentStatus::Open, 1, "counted")]
    #[case(InstallmentStatus::Open, 48, "overruled")]
    fn a_status_alone_settles_payments(#[case] status: InstallmentStatus, #[case] hour: i64, #[case] stage: &str) {
        let mut known = installment(0);
        let mut open = posted(&[300], &mut known);
        let mut merged = Installment { status, ..known.clone() };
        let said = FieldUpdate::Set(Some(status));
        let claim = PaidClaim { paid_amount: &FieldUpdate::Keep, status: &said };
        settle_payments(&mut open, Some(&known), claim, &mut merged, at(hour));
        assert_eq!(open[0].stage.as_str(), stage);
        assert_eq!(merged.is_due(), stage == "overruled");
    }

    #[test]
    fn states_go_forward_only() {
        let mut known = installment(0);
        let mut tell = |payment: &mut Option<Payment>, state| {
            let (next, result) = report("p", 100, state).lay_over(payment.as_ref(), Some(&mut known), (at(0), at(48)));
            *payment = next.or(payment.take());
            (result, known.paid_amount)
        };
        let mut payment = None;
        assert_eq!(tell(&mut payment, PaymentState::Pending), (PaymentResult::Changed, money(0)));
        assert_eq!(tell(&mut payment, PaymentState::Posted), (PaymentResult::Changed, money(100)));
        assert_eq!(tell(&mut payment, PaymentState::Posted), (PaymentResult::Unchanged, money(100)));
        assert_eq!(tell(&mut payment, PaymentState::Pending), (PaymentResult::Unchanged, money(100)));
        assert_eq!(tell(&mut payment, PaymentState::Reversed), (PaymentResult::Changed, money(0)));
        assert_eq!(tell(&mut payment, PaymentState::Posted), (PaymentResult::Unchanged, money(0)));
        assert_eq!(payment.map(|one| one.stage), Some(PaymentStage::Reversed));
    }

    #[test]
    fn a_number_belongs_to_one_payment() {
        let mut known = installment(0);
        let payment = posted(&[100], &mut known).remove(0);
        for other in [
            report("0", 99, PaymentState::Posted),
            PaymentReport {
                installment: InstallmentId::new("j").expect("an id"),
                ..report("0", 100, PaymentState::Reversed)
            },
        ] {
            let result = other.lay_over(Some(&payment), Some(&mut known), (at(1), at(49)));
            assert_eq!(result, (None, PaymentResult::OtherPayment));
        }
        assert_eq!(known.paid_amount, money(100));
    }
}
