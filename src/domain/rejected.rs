//! Ledger rows and payments that could not be applied.

use std::collections::BTreeMap;
use std::fmt;

use super::{
    Amendment, AmendmentResult, AmountUnit, Currency, FieldUpdate, Installment, InstallmentId, InstallmentStatus,
    LedgerRow, MerchantId, SourceName,
};

/// The columns by which a record may say that a debt is settled. A sound row that does not speak of them leaves them
/// open.
const SETTLING: [&str; 2] = [STATUS, PAID_AMOUNT];

/// The columns of a payment.
const KEPT: [&str; 6] = ["merchant", "installment_id", CURRENCY, PAID_AMOUNT, AMOUNT_UNIT, STATUS];

const STATUS: &str = "status";
const PAID_AMOUNT: &str = "paid_amount";
const AMOUNT_UNIT: &str = "amount_unit";
const CURRENCY: &str = "currency";

/// The cells of a record by column: enough to try it again. They are personal data, so `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordCells(pub BTreeMap<String, String>);

impl fmt::Debug for RecordCells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordCells(…)")
    }
}

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A whole instalment.
    Row,
    /// A payment: the amount paid of an instalment, or its status.
    Amendment,
    /// An instalment that its source has no longer, held until a person or the source says what that means.
    Vanished,
}

impl RecordKind {
    /// The word in the database and in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Amendment => "payment",
            Self::Vanished => "vanished",
        }
    }
}

/// A word that is no [`RecordKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of row, payment, vanished")]
pub struct UnknownRecordKind;

impl std::str::FromStr for RecordKind {
    type Err = UnknownRecordKind;
    fn from_str(word: &str) -> Result<Self, UnknownRecordKind> {
        [Self::Row, Self::Amendment, Self::Vanished]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(UnknownRecordKind)
    }
}

/// A record that cannot be applied to the ledger yet. While it is kept, it holds the reminders of its instalment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// The source of the config that it came from; `None` if it came from a file.
    pub source: Option<SourceName>,
    /// Its kind.
    pub kind: RecordKind,
    /// Its merchant, if that can be read; the config need not have it.
    pub merchant: Option<MerchantId>,
    /// The lender's number for the instalment, if that can be read.
    pub installment: Option<InstallmentId>,
    /// Its cells.
    pub cells: RecordCells,
    /// It is sound in itself and waits for its instalment, or for another state of it.
    pub waits: bool,
    /// Why it cannot be applied. Names columns, never values.
    pub reason: String,
}

/// A record that was kept and turned out valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundRecord {
    /// An instalment.
    Row(Box<LedgerRow>),
    /// A payment.
    Amendment(Amendment),
}

impl RejectedRecord {
    /// A payment that cannot be applied to the ledger as it is now.
    #[must_use]
    pub fn waiting(amendment: &Amendment, source: Option<&SourceName>, cause: AmendmentResult) -> Self {
        Self {
            source: source.cloned(),
            kind: RecordKind::Amendment,
            merchant: Some(amendment.merchant.clone()),
            installment: Some(amendment.installment.clone()),
            cells: amendment.cells(),
            waits: true,
            reason: cause.problem().unwrap_or_default().to_owned(),
        }
    }

    /// An instalment that `source` has no longer.
    #[must_use]
    pub fn vanished(merchant: &MerchantId, installment: &InstallmentId, source: &SourceName) -> Self {
        Self {
            source: Some(source.clone()),
            kind: RecordKind::Vanished,
            merchant: Some(merchant.clone()),
            installment: Some(installment.clone()),
            cells: RecordCells::default(),
            waits: false,
            reason: "its source has it no longer, and far more vanished than usual; see dueherald source accept --help"
                .to_owned(),
        }
    }

    /// The instalment that it holds; `None` if its merchant or number cannot be read.
    #[must_use]
    pub fn key(&self) -> Option<(&MerchantId, &InstallmentId)> {
        self.merchant.as_ref().zip(self.installment.as_ref())
    }

    /// Whether it is about the instalment of `row`.
    #[must_use]
    pub fn is_of(&self, row: &LedgerRow) -> bool {
        self.installment.as_ref() == Some(&row.installment) && self.merchant.as_ref() == Some(&row.borrower.merchant)
    }

    /// The part of it that remains when a sound row of its instalment comes later; `None` if nothing does. A row
    /// without the paid amount or without the status does not replace this record's value, which is then kept as a
    /// payment.
    #[must_use]
    pub fn left_by(mut self, row: &LedgerRow) -> Option<Self> {
        let speaks = |column: &str| match column {
            STATUS => row.status != FieldUpdate::Keep,
            _ => row.paid_amount != FieldUpdate::Keep,
        };
        let says = |column: &str| self.cells.0.get(column).is_some_and(|text| !text.is_empty());
        if !SETTLING.into_iter().any(|column| says(column) && !speaks(column)) {
            return None;
        }
        self.kind = RecordKind::Amendment;
        self.cells.0.retain(|column, _| KEPT.contains(&column.as_str()));
        Some(self)
    }

    /// Applies a waiting payment to its instalment; `None` if it is none.
    pub fn apply(&self, known: &mut Installment) -> Option<AmendmentResult> {
        let amendment = self.amendment().filter(|_| self.waits)?;
        Some(amendment.lay_over(known))
    }

    /// The payment in it, if it is one or what is left of a row is one.
    #[must_use]
    pub fn amendment(&self) -> Option<Amendment> {
        let (merchant, installment) = self.key()?;
        let cell = |column: &str| self.cells.0.get(column).map(String::as_str);
        let paid_amount = match cell(PAID_AMOUNT) {
            None => FieldUpdate::Keep,
            Some("") => FieldUpdate::Set(None),
            Some(text) => {
                let currency = Currency::new(cell(CURRENCY)?).ok()?;
                let unit = match cell(AMOUNT_UNIT) {
                    None | Some("") => AmountUnit::Major,
                    Some(word) => word.parse().ok()?,
                };
                FieldUpdate::Set(Some(unit.parse(text, currency).ok()?))
            }
        };
        let status = match cell(STATUS) {
            None => FieldUpdate::Keep,
            Some("") => FieldUpdate::Set(None),
            Some(word) => FieldUpdate::Set(Some(word.parse::<InstallmentStatus>().ok()?)),
        };
        Some(Amendment { merchant: merchant.clone(), installment: installment.clone(), paid_amount, status })
    }
}

impl Amendment {
    /// Its cells, as they are kept while it waits.
    fn cells(&self) -> RecordCells {
        let mut cells = BTreeMap::from([
            ("merchant".to_owned(), self.merchant.to_string()),
            ("installment_id".to_owned(), self.installment.to_string()),
        ]);
        if let FieldUpdate::Set(paid) = &self.paid_amount {
            cells.extend(paid.map(|paid| (CURRENCY.to_owned(), paid.currency().code().to_owned())));
            // Whatever the unit of its source or merchant.
            cells.extend(paid.map(|_| (AMOUNT_UNIT.to_owned(), AmountUnit::Major.to_string())));
            cells.insert(PAID_AMOUNT.to_owned(), paid.map(|paid| paid.amount().to_string()).unwrap_or_default());
        }
        if let FieldUpdate::Set(status) = &self.status {
            cells.insert(STATUS.to_owned(), status.map(|status| status.to_string()).unwrap_or_default());
        }
        RecordCells(cells)
    }
}

impl AmendmentResult {
    /// Why a payment has to wait; reads on from the column's name. `None` if it was applied.
    #[must_use]
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Changed | Self::Same => None,
            Self::Unknown => {
                Some("is not in the ledger yet; the payment is kept and applied when its instalment comes")
            }
            Self::OtherCurrency => Some("is not that of the instalment in the ledger; the payment is kept"),
        }
    }
}
