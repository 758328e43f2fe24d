//! Maps the columns of a source query to import columns.

use std::collections::BTreeMap;

use super::error::Problem;
use super::field::{ColumnType, Field, ROW_KEY, ResultColumn, UPDATED_AT, unsuited};
use crate::domain::{AmountUnit, MAX_ID_CHARS, MerchantId};
use crate::source::Column;
use crate::source::check::{Cells, readable_text};
use crate::source::fault::Faults;
use crate::source::unknown::UnknownNames;

/// The kind of a query's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultShape {
    /// Whole instalments.
    Rows,
    /// Amounts paid, or statuses, of instalments that the ledger knows.
    Amendments,
}

/// The columns that an amendment may have.
const AMENDED: [Column; 6] =
    [Column::Merchant, Column::InstallmentId, Column::Currency, Column::PaidAmount, Column::AmountUnit, Column::Status];

/// The columns of a query's answer.
#[derive(Debug, Clone)]
pub(super) struct ResultColumns {
    pub(super) yields: ResultShape,
    /// The position of each import column in the result.
    places: [Option<usize>; Column::COUNT],
    updated_at: usize,
    /// The position of the key, and its column's name.
    key: (usize, &'static str),
    /// The merchant of every row.
    merchant: Option<String>,
    /// The unit of every row's amounts. It is a cell like any other, so that a rejected row keeps it.
    amount_unit: Option<String>,
}

impl ResultColumns {
    pub(super) fn new(
        columns: &[ResultColumn],
        (merchant, amount_unit): (Option<&MerchantId>, Option<AmountUnit>),
        unknown: &mut UnknownNames,
    ) -> Result<Self, Problem> {
        let mut places = [None; Column::COUNT];
        let (mut updated_at, mut row_key) = (None, None);
        for (at, answered) in columns.iter().enumerate() {
            let (name, known) = (answered.name.as_str(), Column::find(&answered.name));
            let twice = match known {
                Some(column) => places[column as usize].replace(at).map(|_| column.name()),
                None if name.eq_ignore_ascii_case(UPDATED_AT) => updated_at.replace(at).map(|_| UPDATED_AT),
                None if name.eq_ignore_ascii_case(ROW_KEY) => row_key.replace(at).map(|_| ROW_KEY),
                None => {
                    unknown.note(name);
                    None
                }
            };
            if let Some(name) = twice {
                return Err(Problem::Twice(name));
            }
            if let Some(advice) = known.and_then(|column| unsuited(column, answered.kind)) {
                return Err(of_wrong_type(answered, advice));
            }
        }
        if merchant.is_some() && places[Column::Merchant as usize].is_some() {
            return Err(Problem::Twice(Column::Merchant.name()));
        }
        if amount_unit.is_some() && places[Column::AmountUnit as usize].is_some() {
            return Err(Problem::Twice(Column::AmountUnit.name()));
        }
        let has =
            |column: Column| places[column as usize].is_some() || (column == Column::Merchant && merchant.is_some());
        let yields = what_it_yields(has, updated_at.is_some(), unknown)?;
        let Some(updated_at) = updated_at else { return Err(missing(vec![UPDATED_AT], unknown)) };
        let key = match (row_key, places[Column::InstallmentId as usize]) {
            (Some(at), _) => (at, ROW_KEY),
            (None, Some(at)) => (at, Column::InstallmentId.name()),
            (None, None) => return Err(missing(vec![Column::InstallmentId.name()], unknown)),
        };
        if !matches!(columns[updated_at].kind, ColumnType::Instant | ColumnType::Local | ColumnType::Any) {
            let advice = "it must be a timestamp (with or without a zone), a datetime, in SQLite a text such as \
                2026-03-31 08:00:00";
            return Err(of_wrong_type(&columns[updated_at], advice));
        }
        if !matches!(columns[key.0].kind, ColumnType::Text | ColumnType::Whole | ColumnType::Any) {
            return Err(of_wrong_type(&columns[key.0], "a key is a whole number or a text; write it so"));
        }
        let (merchant, amount_unit) = (merchant.map(ToString::to_string), amount_unit.map(|unit| unit.to_string()));
        Ok(Self { yields, places, updated_at, key, merchant, amount_unit })
    }

    /// A column that is here and not there, or there and not here.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs =
            |column: &&Column| self.places[**column as usize].is_some() != other.places[**column as usize].is_some();
        Column::ALL.iter().find(differs).map(|column| column.name())
    }

    /// Whether a row says what was paid.
    pub(super) fn tells_of_payments(&self) -> bool {
        [Column::Status, Column::PaidAmount].into_iter().any(|column| self.places[column as usize].is_some())
    }

    /// Whether the rows are instalments with their orders.
    pub(super) fn has_orders(&self) -> bool {
        self.yields == ResultShape::Rows && self.places[Column::OrderRef as usize].is_some()
    }

    pub(super) fn updated_at<'r>(&self, row: &'r [Field]) -> &'r Field {
        row.get(self.updated_at).unwrap_or(&Field::Null)
    }

    pub(super) fn key<'r>(&self, row: &'r [Field]) -> &'r Field {
        row.get(self.key.0).unwrap_or(&Field::Null)
    }

    pub(super) fn key_name(&self) -> &'static str {
        self.key.1
    }

    /// The texts of a row, column by column. A value of an unsupported type is a fault.
    pub(super) fn texts(&self, row: &[Field], faults: &mut Faults) -> Texts {
        let mut texts = Texts(Default::default());
        for column in Column::ALL {
            let Some(field) = self.places[*column as usize].and_then(|at| row.get(at)) else { continue };
            if matches!(field, Field::Unreadable | Field::OutOfRange(_)) {
                let problem = match column {
                    Column::DueDate => "is not a day of the calendar between 1970 and 2199",
                    _ => "has a value that cannot be read, such as NaN or infinity; leave the row out, or mend it",
                };
                faults.column(*column, problem);
            } else if let Some(advice) = unsuited(*column, field.kind()) {
                faults.column(*column, format!("has a value that cannot be taken; {advice}"));
            }
            texts.0[*column as usize] = Some(field.cell());
        }
        if let Some(merchant) = &self.merchant {
            texts.0[Column::Merchant as usize] = Some(merchant.clone());
        }
        if let Some(amount_unit) = &self.amount_unit {
            texts.0[Column::AmountUnit as usize] = Some(amount_unit.clone());
        }
        texts
    }
}

/// The cells of a row.
pub(super) struct Texts([Option<String>; Column::COUNT]);

impl Texts {
    pub(super) fn cells(&self) -> Cells<'_> {
        let mut cells = Cells::default();
        for (cell, text) in cells.iter_mut().zip(&self.0) {
            *cell = text.as_deref();
        }
        cells
    }

    /// The cells as a line of JSON.
    pub(super) fn line(&self) -> String {
        let cells = Column::ALL.iter().filter_map(|column| Some((column.name(), self.0[*column as usize].as_ref()?)));
        serde_json::to_string(&cells.collect::<BTreeMap<_, _>>()).unwrap_or_default()
    }

    /// Whether there is an order, and no instalment of it.
    pub(super) fn is_empty_order(&self) -> bool {
        self.0[Column::InstallmentId as usize].as_ref().is_some_and(String::is_empty) && self.order().is_some()
    }

    /// The merchant, if that can be read.
    pub(super) fn merchant(&self) -> Option<MerchantId> {
        MerchantId::new(self.0[Column::Merchant as usize].as_deref()?).ok()
    }

    /// The order, as a sound row would have it; `None` if there is none or it cannot be read.
    pub(super) fn order(&self) -> Option<String> {
        let text = self.0[Column::OrderRef as usize].as_deref().filter(|text| !text.is_empty())?;
        readable_text(text).ok()
    }

    /// The lender's number for the instalment, as it may be shown.
    pub(super) fn key(&self) -> Option<String> {
        let text = self.0[Column::InstallmentId as usize].as_ref()?;
        let shown = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
        Some(text.chars().map(shown).take(MAX_ID_CHARS).collect())
    }
}

fn what_it_yields(
    has: impl Fn(Column) -> bool,
    has_updated_at: bool,
    unknown: &UnknownNames,
) -> Result<ResultShape, Problem> {
    let lacking: Vec<_> = Column::REQUIRED.into_iter().filter(|column| !has(*column)).collect();
    if lacking.is_empty() {
        return Ok(ResultShape::Rows);
    }
    let amends = has(Column::InstallmentId) && (has(Column::PaidAmount) || has(Column::Status));
    let whole = [Column::BorrowerId, Column::Amount, Column::DueDate].into_iter().any(&has);
    if !amends || whole {
        let updated_at = (!has_updated_at).then_some(UPDATED_AT);
        return Err(missing(lacking.into_iter().map(Column::name).chain(updated_at).collect(), unknown));
    }
    if !has(Column::Merchant) {
        return Err(missing(vec![Column::Merchant.name()], unknown));
    }
    if has(Column::PaidAmount) && !has(Column::Currency) {
        return Err(missing(vec![Column::Currency.name()], unknown));
    }
    match Column::ALL.iter().copied().find(|column| has(*column) && !AMENDED.contains(column)) {
        Some(column) => Err(Problem::NotAmended(column.name())),
        None => Ok(ResultShape::Amendments),
    }
}

fn missing(columns: Vec<&'static str>, unknown: &UnknownNames) -> Problem {
    let meant = unknown.names().iter().filter_map(|slip| {
        let column = slip.nearest.filter(|column| columns.contains(&column.name()))?;
        Some(format!("; is “{}” meant for {column}?", slip.name))
    });
    Problem::Missing { hint: meant.collect(), columns }
}

fn of_wrong_type(answered: &ResultColumn, advice: &'static str) -> Problem {
    Problem::Type { column: answered.name.clone(), found: answered.found.clone(), advice }
}
