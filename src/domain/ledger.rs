//! Ledger rows of an import and how they merge with stored values.

use chrono::NaiveDate;

use super::{
    Borrower, BorrowerKey, ContactPreferences, EmailAddress, Installment, InstallmentId, InstallmentStatus, KeyRing,
    Locale, Money, PersonName, Phone, RouteKey, SourceName, Tags, Verifier, VerifierHash,
};

/// An import row's update to one optional field: none (the column is missing, so the known value stays), or a value (an
/// empty cell deletes the known one).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldUpdate<T> {
    /// Not in the row.
    #[default]
    Keep,
    /// In the row; `None` is an empty cell.
    Set(Option<T>),
}

impl<T> FieldUpdate<T> {
    /// The value after this update, given the known one.
    #[must_use]
    pub fn apply_to(self, known: Option<T>) -> Option<T> {
        match self {
            Self::Keep => known,
            Self::Set(value) => value,
        }
    }
}

/// One sound row of an import: an instalment and what the row says about its borrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// The borrower who owes.
    pub borrower: BorrowerKey,
    /// The merchant's number for the instalment.
    pub installment: InstallmentId,
    /// The full amount to pay.
    pub amount: Money,
    /// The due date.
    pub due_date: NaiveDate,
    /// The borrower's name.
    pub name: FieldUpdate<PersonName>,
    /// Where SMS go.
    pub phone: FieldUpdate<Phone>,
    /// Where e-mail goes.
    pub email: FieldUpdate<EmailAddress>,
    /// The language of messages.
    pub locale: FieldUpdate<Locale>,
    /// The time zone of the borrower's local hours.
    pub time_zone: FieldUpdate<chrono_tz::Tz>,
    /// The number bound to the mall account.
    pub account_phone: FieldUpdate<Phone>,
    /// The expected answer to the page's question.
    pub verifier: FieldUpdate<Verifier>,
    /// The order.
    pub order_ref: FieldUpdate<String>,
    /// The product.
    pub product: FieldUpdate<String>,
    /// The position of the instalment in its plan, from 1.
    pub sequence: FieldUpdate<u32>,
    /// The number of instalments in the plan.
    pub of: FieldUpdate<u32>,
    /// The amount paid so far; an empty cell is zero.
    pub paid_amount: FieldUpdate<Money>,
    /// The status; an empty cell is open.
    pub status: FieldUpdate<InstallmentStatus>,
    /// The way to repay.
    pub route: FieldUpdate<RouteKey>,
    /// The lender's tags.
    pub tags: FieldUpdate<Tags>,
    /// The days of grace; an empty cell leaves them to the merchant's config.
    pub grace_days: FieldUpdate<u16>,
    /// The borrower's wishes about contact.
    pub preferences: ContactPreferences,
    /// The source that yields it; `None` for a file or the API.
    pub source: Option<SourceName>,
}

impl LedgerRow {
    /// A row that says only what every row has to.
    #[must_use]
    pub fn new(borrower: BorrowerKey, installment: InstallmentId, amount: Money, due_date: NaiveDate) -> Self {
        Self {
            borrower,
            installment,
            amount,
            due_date,
            name: FieldUpdate::Keep,
            phone: FieldUpdate::Keep,
            email: FieldUpdate::Keep,
            locale: FieldUpdate::Keep,
            time_zone: FieldUpdate::Keep,
            account_phone: FieldUpdate::Keep,
            verifier: FieldUpdate::Keep,
            order_ref: FieldUpdate::Keep,
            product: FieldUpdate::Keep,
            sequence: FieldUpdate::Keep,
            of: FieldUpdate::Keep,
            paid_amount: FieldUpdate::Keep,
            status: FieldUpdate::Keep,
            route: FieldUpdate::Keep,
            tags: FieldUpdate::Keep,
            grace_days: FieldUpdate::Keep,
            preferences: ContactPreferences::default(),
            source: None,
        }
    }
}

/// A sound row about a borrower alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BorrowerUpdate {
    /// The borrower.
    pub borrower: BorrowerKey,
    /// The borrower's name.
    pub name: FieldUpdate<PersonName>,
    /// Where SMS go.
    pub phone: FieldUpdate<Phone>,
    /// Where e-mail goes.
    pub email: FieldUpdate<EmailAddress>,
    /// The language of messages.
    pub locale: FieldUpdate<Locale>,
    /// The time zone of the borrower's local hours.
    pub time_zone: FieldUpdate<chrono_tz::Tz>,
    /// The number bound to the mall account.
    pub account_phone: FieldUpdate<Phone>,
    /// The expected answer to the page's question.
    pub verifier: FieldUpdate<Verifier>,
    /// The borrower's wishes about contact.
    pub preferences: ContactPreferences,
}

/// Lays a row about a borrower over what is known. A verifier is kept as a hash under a key of `ring`; without a ring
/// it is not kept, and what is known stays.
#[must_use]
pub fn merge_borrower(row: BorrowerUpdate, known: Option<Borrower>, ring: Option<&KeyRing>) -> Borrower {
    let verifier = hashed(&row, ring);
    let known = row.preferences.apply_to(known.unwrap_or_else(|| Borrower::unknown(row.borrower)));
    Borrower {
        name: row.name.apply_to(known.name),
        phone: row.phone.apply_to(known.phone),
        email: row.email.apply_to(known.email),
        locale: row.locale.apply_to(known.locale),
        time_zone: row.time_zone.apply_to(known.time_zone),
        account_phone: row.account_phone.apply_to(known.account_phone),
        verifier: verifier.apply_to(known.verifier),
        ..known
    }
}

/// Lays `row` over what is known. The result is what the ledger is to hold; compare it with what was there to see
/// whether anything is to be written. The borrower is laid as by [`merge_borrower`].
#[must_use]
pub fn merge(
    row: LedgerRow,
    borrower: Option<Borrower>,
    installment: Option<Installment>,
    ring: Option<&KeyRing>,
) -> (Borrower, Installment) {
    let zero = row.amount.less(&row.amount);
    let before = installment.as_ref();
    let merged = Installment {
        merchant: row.borrower.merchant.clone(),
        id: row.installment,
        borrower: row.borrower.id.clone(),
        order_ref: row.order_ref.apply_to(before.and_then(|known| known.order_ref.clone())),
        product: row.product.apply_to(before.and_then(|known| known.product.clone())),
        sequence: row.sequence.apply_to(before.and_then(|known| known.sequence)),
        of: row.of.apply_to(before.and_then(|known| known.of)),
        // Both amounts have one currency in the ledger; an amount in another pays nothing.
        paid_amount: row
            .paid_amount
            .apply_to(before.map(|known| known.paid_amount))
            .filter(|paid| paid.currency() == row.amount.currency())
            .unwrap_or(zero),
        // It is back: only its absence had cancelled it.
        status: row
            .status
            .apply_to(before.filter(|known| !known.is_vanished).map(|known| known.status))
            .unwrap_or(InstallmentStatus::Open),
        route: row.route.apply_to(before.and_then(|known| known.route.clone())),
        tags: row.tags.apply_to(before.map(|known| known.tags.clone())).unwrap_or_default(),
        source: row.source.or_else(|| before.and_then(|known| known.source.clone())),
        is_vanished: false,
        grace_days: row.grace_days.apply_to(before.and_then(|known| known.grace_days)),
        amount: row.amount,
        due_date: row.due_date,
    };
    let of_borrower = BorrowerUpdate {
        borrower: row.borrower,
        name: row.name,
        phone: row.phone,
        email: row.email,
        locale: row.locale,
        time_zone: row.time_zone,
        account_phone: row.account_phone,
        verifier: row.verifier,
        preferences: row.preferences,
    };
    (merge_borrower(of_borrower, borrower, ring), merged)
}

fn hashed(row: &BorrowerUpdate, ring: Option<&KeyRing>) -> FieldUpdate<VerifierHash> {
    match (&row.verifier, ring) {
        (FieldUpdate::Set(None), _) => FieldUpdate::Set(None),
        (FieldUpdate::Set(Some(verifier)), Some(ring)) => {
            FieldUpdate::Set(Some(ring.hash_verifier(&row.borrower, verifier)))
        }
        (FieldUpdate::Keep, _) | (FieldUpdate::Set(Some(_)), None) => FieldUpdate::Keep,
    }
}
