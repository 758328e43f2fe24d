//! Checks the JSON objects of a request, one by one, as an import checks its records.

use std::collections::BTreeMap;
use std::ops::Range;

use super::check::{Cells, Checker};
use super::fault::{self, Faults};
use super::json_lines::{self, Object, ObjectReader};
use super::unknown::{UnknownColumn, UnknownNames};
use super::{Column, RejectedRow};
use crate::domain::{
    Amendment, BorrowerId, BorrowerUpdate, InstallmentId, LedgerRow, Merchant, MerchantId, RecordKind,
};

/// The fields of a payment. An object that has a status or a paid amount and none but these is one.
const OF_PAYMENT: [Column; 6] =
    [Column::Merchant, Column::InstallmentId, Column::Currency, Column::PaidAmount, Column::AmountUnit, Column::Status];

/// The fields of a borrower.
const OF_BORROWER: [Column; 13] = [
    Column::Merchant,
    Column::BorrowerId,
    Column::Name,
    Column::Phone,
    Column::Email,
    Column::Locale,
    Column::TimeZone,
    Column::AccountPhone,
    Column::Verifier,
    Column::Hold,
    Column::HoldUntil,
    Column::PreferredChannel,
    Column::PreferredHours,
];

/// The texts of JSON values within one text.
#[derive(Debug, Default)]
pub struct JsonItems {
    text: String,
    places: Vec<Range<usize>>,
}

impl JsonItems {
    /// The values at these places of `text`.
    #[must_use]
    pub fn new(text: String, places: Vec<Range<usize>>) -> Self {
        Self { text, places }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The text of the value with this index; empty if there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        self.places.get(index).and_then(|place| self.text.get(place.clone())).unwrap_or_default()
    }
}

/// The subject of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// An instalment with what is said about its borrower; or a payment.
    Installment,
    /// A borrower alone.
    Borrower,
}

impl ObjectKind {
    /// The column of the number that an object must have.
    #[must_use]
    pub fn id_column(self) -> Column {
        match self {
            Self::Installment => Column::InstallmentId,
            Self::Borrower => Column::BorrowerId,
        }
    }

    /// Whether such an object may have the column.
    #[must_use]
    pub fn may_have(self, column: Column) -> bool {
        self == Self::Installment || OF_BORROWER.contains(&column)
    }

    /// The lender's number in the text of an object, if it is one.
    #[must_use]
    pub fn id_in(self, text: &str) -> Option<String> {
        let (mut unknown, mut faults) = (UnknownNames::default(), Faults::default());
        let object = json_lines::read(text, ObjectReader { unknown: &mut unknown, faults: &mut faults })?;
        let id = object.cells()[self.id_column() as usize]?;
        let is_sound = match self {
            Self::Installment => InstallmentId::new(id).is_ok(),
            Self::Borrower => BorrowerId::new(id).is_ok(),
        };
        is_sound.then(|| id.to_owned())
    }
}

/// A sound object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundObject {
    /// An instalment.
    Row(Box<LedgerRow>),
    /// A payment, or another status.
    Amendment(Amendment),
    /// A borrower.
    Borrower(Box<BorrowerUpdate>),
}

/// An object that was checked.
#[derive(Debug)]
pub struct CheckedObject {
    /// Its content, or why it was refused.
    pub read: Result<SoundObject, RejectedRow>,
    /// The faults of fields that were left out: what the ledger knew there stays.
    pub left_out: Option<String>,
}

/// Checks objects about one merchant's borrowers. An object need not name the merchant; one that names another is
/// refused, and nothing of it is kept.
#[derive(Debug)]
pub struct ObjectChecker {
    checker: Checker,
    merchant: MerchantId,
    kind: ObjectKind,
    unknown: UnknownNames,
}

impl ObjectChecker {
    /// A checker of objects of that kind.
    #[must_use]
    pub fn new(merchant: &Merchant, kind: ObjectKind) -> Self {
        let merchants = BTreeMap::from([(merchant.id.clone(), merchant.clone())]);
        Self {
            checker: Checker::new(&merchants),
            merchant: merchant.id.clone(),
            kind,
            unknown: UnknownNames::default(),
        }
    }

    /// The names of fields that were passed over, each once.
    #[must_use]
    pub fn unknown_fields(&self) -> &[UnknownColumn] {
        self.unknown.names()
    }

    /// Checks the text of one object; `number` counts them from 1.
    pub fn check(&mut self, number: u64, text: &str) -> CheckedObject {
        let mut faults = Faults::default();
        let reader = ObjectReader { unknown: &mut self.unknown, faults: &mut faults };
        let Some(object) = json_lines::read(text, reader) else {
            faults.0.clear();
            faults.record("the item is no JSON object of fields");
            return refused(number, faults, None);
        };
        self.check_object(number, &object, faults)
    }

    fn check_object(&mut self, number: u64, object: &Object<'_>, mut faults: Faults) -> CheckedObject {
        let mut cells = object.cells();
        let merchant = self.merchant.clone();
        match cells[Column::Merchant as usize] {
            None => cells[Column::Merchant as usize] = Some(merchant.as_str()),
            Some(named) if named == merchant.as_str() => {}
            // Nothing may be kept of it: that would hold another merchant's reminders.
            Some(_) => {
                faults.column(Column::Merchant, "is not the merchant of the request; leave it out, or send it apart");
                return refused(number, faults, None);
            }
        }
        match self.kind {
            ObjectKind::Borrower => {
                for column in Column::ALL.iter().filter(|column| !self.kind.may_have(**column)) {
                    if cells[*column as usize].is_some() {
                        faults.record(format!("{column} is no field of a borrower; send it with an instalment"));
                    }
                }
                let row = self.checker.borrower_row(&cells, &mut faults);
                checked(number, row.map(|row| SoundObject::Borrower(Box::new(row))), faults, None)
            }
            ObjectKind::Installment => {
                let kind = if is_payment(&cells) { RecordKind::Amendment } else { RecordKind::Row };
                let sound = match kind {
                    RecordKind::Row => self.checker.row(&cells, &mut faults).map(|row| SoundObject::Row(Box::new(row))),
                    RecordKind::Amendment | RecordKind::Vanished => {
                        self.checker.amendment(&cells, &mut faults).map(SoundObject::Amendment)
                    }
                };
                checked(number, sound, faults, Some((&self.checker, kind, &cells)))
            }
        }
    }
}

fn is_payment(cells: &Cells<'_>) -> bool {
    let has = |column: Column| cells[column as usize].is_some();
    (has(Column::PaidAmount) || has(Column::Status))
        && Column::ALL.iter().all(|column| OF_PAYMENT.contains(column) || !has(*column))
}

fn checked(
    number: u64,
    sound: Option<SoundObject>,
    faults: Faults,
    kept: Option<(&Checker, RecordKind, &Cells<'_>)>,
) -> CheckedObject {
    match sound {
        Some(sound) => {
            let left_out = (!faults.is_empty()).then(|| fault::in_one_line(&faults.0));
            CheckedObject { read: Ok(sound), left_out }
        }
        None => refused(number, faults, kept),
    }
}

fn refused(number: u64, faults: Faults, kept: Option<(&Checker, RecordKind, &Cells<'_>)>) -> CheckedObject {
    let record = kept.map(|(checker, kind, cells)| Box::new(checker.rejected(kind, None, cells, &faults)));
    CheckedObject { read: Err(RejectedRow::row(number, None, faults.0, record)), left_out: None }
}

#[cfg(test)]
mod tests {
    use super::{JsonItems, ObjectKind};

    #[test]
    fn the_number_of_an_object_is_found_again() {
        for (text, expected) in [
            (r#"{"installment_id": " i-1 ", "amount": 1}"#, Some("i-1")),
            (r#"{"installment_id": 7}"#, None),
            (r#"{"borrower_id": "b"}"#, None),
            ("[]", None),
            ("\"\\ud800\"", None),
        ] {
            assert_eq!(ObjectKind::Installment.id_in(text).as_deref(), expected, "{text}");
        }
        assert_eq!(ObjectKind::Borrower.id_in(r#"{"borrower_id": "b"}"#).as_deref(), Some("b"));
    }

    #[test]
    fn an_item_that_is_not_there_is_empty() {
        let items = JsonItems::new("[1,22]".to_owned(), vec![1..2, 3..5]);
        assert_eq!((items.get(0), items.get(1), items.get(2), items.len()), ("1", "22", "", 2));
    }
}
