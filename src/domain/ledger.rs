use chrono::NaiveDate;

use super::{
    Borrower, BorrowerKey, EmailAddress, Installment, InstallmentId, InstallmentStatus, KeyRing, Locale, Money,
    PersonName, Phone, RouteKey, Tags, Verifier, VerifierHash, Wishes,
};

/// What an import row says about one optional field: nothing (the column is missing: what is known stays), or a value (an
/// empty cell takes back what was known).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Said<T> {
    /// Not in the row.
    #[default]
    Nothing,
    /// In the row; `None` is an empty cell.
    Value(Option<T>),
}

impl<T> Said<T> {
    /// What holds after this was said, given what was known.
    #[must_use]
    pub fn over(self, known: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => known,
            Self::Value(value) => value,
        }
    }
}

/// One sound row of an import: an instalment and what the row says about its borrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Who owes.
    pub borrower: BorrowerKey,
    /// The merchant's number for the instalment.
    pub installment: InstallmentId,
    /// What is to be paid.
    pub amount: Money,
    /// When.
    pub due_date: NaiveDate,
    /// What the borrower is called.
    pub name: Said<PersonName>,
    /// Where SMS go.
    pub phone: Said<Phone>,
    /// Where e-mail goes.
    pub email: Said<EmailAddress>,
    /// The language of messages.
    pub locale: Said<Locale>,
    /// Whose local hours count.
    pub time_zone: Said<chrono_tz::Tz>,
    /// The number bound to the mall account.
    pub account_phone: Said<Phone>,
    /// What the page asks for.
    pub verifier: Said<Verifier>,
    /// The order.
    pub order_ref: Said<String>,
    /// The product.
    pub product: Said<String>,
    /// Which instalment, from 1.
    pub sequence: Said<u32>,
    /// How many there are.
    pub of: Said<u32>,
    /// What was paid already; an empty cell is zero.
    pub paid_amount: Said<Money>,
    /// How it stands; an empty cell is open.
    pub status: Said<InstallmentStatus>,
    /// The way to repay.
    pub route: Said<RouteKey>,
    /// What the lender calls it.
    pub tags: Said<Tags>,
    /// How the borrower is to be contacted.
    pub wishes: Wishes,
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
            name: Said::Nothing,
            phone: Said::Nothing,
            email: Said::Nothing,
            locale: Said::Nothing,
            time_zone: Said::Nothing,
            account_phone: Said::Nothing,
            verifier: Said::Nothing,
            order_ref: Said::Nothing,
            product: Said::Nothing,
            sequence: Said::Nothing,
            of: Said::Nothing,
            paid_amount: Said::Nothing,
            status: Said::Nothing,
            route: Said::Nothing,
            tags: Said::Nothing,
            wishes: Wishes::default(),
        }
    }
}

/// Lays `row` over what is known. The result is what the ledger is to hold; compare it with what was there to see whether
/// anything is to be written. A verifier is kept as a hash under a key of `ring`; without a ring it is not kept, and what is known stays.
#[must_use]
pub fn merge(
    row: LedgerRow,
    borrower: Option<Borrower>,
    installment: Option<Installment>,
    ring: Option<&KeyRing>,
) -> (Borrower, Installment) {
    let verifier = hashed(&row, ring);
    let known = row.wishes.over(borrower.unwrap_or_else(|| Borrower::unknown(row.borrower.clone())));
    let zero = row.amount.less(&row.amount);
    let before = installment.as_ref();
    let merged = Installment {
        merchant: row.borrower.merchant.clone(),
        id: row.installment,
        borrower: row.borrower.id.clone(),
        order_ref: row.order_ref.over(before.and_then(|known| known.order_ref.clone())),
        product: row.product.over(before.and_then(|known| known.product.clone())),
        sequence: row.sequence.over(before.and_then(|known| known.sequence)),
        of: row.of.over(before.and_then(|known| known.of)),
        // Both amounts have one currency in the ledger; an amount in another pays nothing.
        paid_amount: row
            .paid_amount
            .over(before.map(|known| known.paid_amount))
            .filter(|paid| paid.currency() == row.amount.currency())
            .unwrap_or(zero),
        status: row.status.over(before.map(|known| known.status)).unwrap_or(InstallmentStatus::Open),
        route: row.route.over(before.and_then(|known| known.route.clone())),
        tags: row.tags.over(before.map(|known| known.tags.clone())).unwrap_or_default(),
        amount: row.amount,
        due_date: row.due_date,
    };
    let borrower = Borrower {
        name: row.name.over(known.name),
        phone: row.phone.over(known.phone),
        email: row.email.over(known.email),
        locale: row.locale.over(known.locale),
        time_zone: row.time_zone.over(known.time_zone),
        account_phone: row.account_phone.over(known.account_phone),
        verifier: verifier.over(known.verifier),
        ..known
    };
    (borrower, merged)
}

fn hashed(row: &LedgerRow, ring: Option<&KeyRing>) -> Said<VerifierHash> {
    match (&row.verifier, ring) {
        (Said::Value(None), _) => Said::Value(None),
        (Said::Value(Some(verifier)), Some(ring)) => Said::Value(Some(ring.hash_verifier(&row.borrower, verifier))),
        (Said::Nothing, _) | (Said::Value(Some(_)), None) => Said::Nothing,
    }
}
