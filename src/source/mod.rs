//! Level 2: where instalments come from: CSV and JSON lines, record by record, and the lender's own database ([`sql`]).
//!
//! [`Rows`] reads an input of any size in bounded memory and gives, for each record, a sound [`LedgerRow`] or a [`Rejected`] with
//! everything that is wrong with it; a bad record never stops the rest. What is wrong is told by column and kind: the
//! record's own text, which may be personal data, goes to a rejects file ([`RejectsWriter`]) and nowhere else.
//!
//! How cells are read: outer white space does not count; a column that is missing says nothing about its field, an empty cell
//! (in JSON `null` or `""`) takes back what was known; a line break within a text is read as a space; phone numbers may be written
//! as people do and come out in E.164. Amounts, dates, identifiers and words of a list are taken as they are or not at all.

mod borrower_list;
mod check;
mod column;
mod csv_records;
mod fault;
mod json_lines;
mod phone;
mod recheck;
mod rejects;
mod sniff;
mod splitter;
pub mod sql;
mod suppressions;
mod unknown;
mod wishes;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use crate::domain::{LedgerRow, Merchant, MerchantId, RecordKind, RejectedRecord};
use check::{Cells, Checker};
use csv_records::{CsvRecords, split_anyhow};
use fault::Faults;
use json_lines::ObjectReader;
use rejects::Original;
use splitter::{Flaw, Raw, Splitter};
use unknown::UnknownNames;

pub use borrower_list::{BorrowerListError, read_borrower_list};
pub use column::Column;
pub use fault::Fault;
pub use recheck::Recheck;
pub use rejects::{RejectsLayout, RejectsWriter};
pub use suppressions::{
    Defaults, SuppressionLine, SuppressionLines, SuppressionsError, SuppressionsWriter, read_address,
};
pub use unknown::UnknownColumn;

/// Why an input as a whole cannot be imported. Says what to do about it; repeats nothing of the input but column names.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The input failed while it was read.
    #[error("it could not be read at line {line}: {source}")]
    Read {
        /// The line that was being read, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing at all in it, not even a header.
    #[error("it is empty; a CSV file needs a header line, even without records")]
    Empty,
    /// Surely not what it is taken for.
    #[error("it {what}; {advice}")]
    Foreign {
        /// What it is, as "is …" or "has …".
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The first line of a CSV names no column.
    #[error(
        "its first line names no column; it must be a header line such as merchant,borrower_id,installment_id,amount,currency,due_date"
    )]
    NoHeader,
    /// A required column is not in the header.
    #[error("its header line lacks {}{}", list(missing), hints(slips))]
    MissingColumns {
        /// Every one that is missing.
        missing: Vec<Column>,
        /// Names in the header that may be meant for them.
        slips: Vec<UnknownColumn>,
    },
    /// A column is in the header twice.
    #[error("its header line has the column {column} twice; keep one")]
    TwiceColumn {
        /// Which.
        column: Column,
    },
}

fn list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
    match names.as_slice() {
        [one] => format!("the column {one}"),
        _ => format!("the columns {}", names.join(", ")),
    }
}

fn hints(slips: &[UnknownColumn]) -> String {
    let hint = |slip: &UnknownColumn| slip.nearest.map(|column| format!("; is “{}” meant for {column}?", slip.name));
    slips.iter().filter_map(hint).collect()
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated with a header line, by RFC 4180.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

/// A word that is no [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of csv, jsonl")]
pub struct UnknownFormat;

impl std::str::FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(UnknownFormat),
        }
    }
}

impl Format {
    /// What the name of a file says: `.csv`, or `.jsonl`, `.ndjson`, `.json`.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// A record that is refused, or that lost cells.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The line of the input on which it begins, or the row of the query's answers, from 1.
    pub line: u64,
    /// The lender's number for the instalment, where a row has no place in a file to be found by.
    pub key: Option<String>,
    /// What is wrong with it: one fault at least, one at most for each column.
    pub faults: Vec<Fault>,
    /// What is kept of it until it can be applied; `None` if it has no cells, or nothing of it is to be kept.
    pub record: Option<Box<RejectedRecord>>,
    original: Original,
}

impl Rejected {
    /// A row of a database.
    #[must_use]
    pub fn row(line: u64, key: Option<String>, faults: Vec<Fault>, record: Option<Box<RejectedRecord>>) -> Self {
        Self { line, key, faults, record, original: Original::Lost }
    }

    /// Where to look for it.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.key {
            Some(key) => format!("instalment {key}"),
            None => format!("line {}", self.line),
        }
    }

    /// Everything that is wrong with it, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        fault::in_one_line(&self.faults)
    }

    /// Whether it names the instalment whose reminders it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.key().is_some())
    }

    /// The same without the record's own text and cells: small, and free of personal data.
    #[must_use]
    pub fn without_original(self) -> Self {
        Self { original: Original::Lost, record: None, ..self }
    }
}

/// Lets a later sound record answer for the refused ones before it that are of the same instalment: `left` is what it leaves of
/// each. They were refused all the same, and stay counted.
fn supersede(
    rejected: &mut [Rejected],
    is_same: impl Fn(&RejectedRecord) -> bool,
    left: impl Fn(RejectedRecord) -> Option<RejectedRecord>,
) {
    for one in rejected {
        if let Some(record) = one.record.take_if(|record| is_same(record)) {
            one.record = left(*record).map(Box::new);
        }
    }
}

/// One record of an input.
#[derive(Debug)]
pub struct Record {
    /// The line of the input on which it begins, from 1.
    pub line: u64,
    /// What it is.
    pub read: Result<LedgerRow, Rejected>,
    /// The cells of a row that was taken without them: what the ledger knew there stays.
    pub left_out: Option<Box<Rejected>>,
}

/// The records of an input, one after the other. After an error there are no more.
pub struct Rows<R> {
    input: Splitter<R>,
    form: Form,
    checker: Checker,
    unknown: UnknownNames,
    bom: bool,
    failed: bool,
}

enum Form {
    Csv(Box<CsvRecords>),
    JsonLines,
}

impl<R: Read> Rows<R> {
    /// Looks at the beginning of `input`. Without a `format` it is JSON lines if the first character is `{`, else CSV. A phone
    /// number without country code is one of the country of its row's merchant.
    ///
    /// # Errors
    /// When the input as a whole is refused: see [`SourceError`].
    pub fn open(
        input: R,
        format: Option<Format>,
        merchants: &BTreeMap<MerchantId, Merchant>,
    ) -> Result<Self, SourceError> {
        let mut input = Splitter::new(input);
        let mut unknown = UnknownNames::default();
        let sniff::Seen { format, bom } = sniff::sniff(&mut input, format)?;
        let form = match format {
            Format::Csv => Form::Csv(Box::new(CsvRecords::open(&mut input, &mut unknown)?)),
            Format::JsonLines => Form::JsonLines,
        };
        Ok(Self { input, form, checker: Checker::new(merchants), unknown, bom, failed: false })
    }

    /// The columns that were passed over so far. Of a CSV they are known from the beginning.
    #[must_use]
    pub fn unknown_columns(&self) -> &[UnknownColumn] {
        self.unknown.names()
    }

    /// How many bytes of the input are behind.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.input.position()
    }

    /// The line that is read next, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.input.line()
    }

    /// What a rejects file for this input looks like.
    #[must_use]
    pub fn rejects_layout(&self) -> RejectsLayout {
        RejectsLayout(match &self.form {
            Form::Csv(records) => rejects::Form::Csv { header: records.header.clone(), bom: self.bom },
            Form::JsonLines => rejects::Form::JsonLines,
        })
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        let quotes = matches!(self.form, Form::Csv(_));
        let Some(raw) = self.input.next(quotes)? else { return Ok(None) };
        let line = raw.line;
        let mut faults = Faults::default();
        let row = match &mut self.form {
            Form::Csv(records) => csv_row(records, &mut self.input, &raw, &mut self.checker, &mut faults),
            Form::JsonLines => json_row(&self.input, &raw, &mut self.checker, &mut self.unknown, &mut faults),
        };
        let rejected = |Refused { record, original }| Rejected { line, key: None, faults: faults.0, record, original };
        Ok(Some(match row {
            Ok((row, None)) => Record { line, read: Ok(row), left_out: None },
            Ok((row, Some(original))) => {
                let left_out = rejected(Refused { record: None, original });
                Record { line, read: Ok(row), left_out: Some(Box::new(left_out)) }
            }
            Err(refused) => Record { line, read: Err(rejected(refused)), left_out: None },
        }))
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Record, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.input.line();
        let read = self.read();
        self.failed = read.is_err();
        read.map_err(|source| SourceError::Read { line, source }).transpose()
    }
}

/// A record that makes no row: what is kept of it, and what it was.
struct Refused {
    record: Option<Box<RejectedRecord>>,
    original: Original,
}

impl From<Original> for Refused {
    fn from(original: Original) -> Self {
        Self { record: None, original }
    }
}

/// A row, and what it was if cells of it are left out.
type Taken = (LedgerRow, Option<Original>);

/// Checks the cells of a record, whose text is `original`.
fn check(
    checker: &mut Checker,
    cells: &Cells<'_>,
    faults: &mut Faults,
    original: impl FnOnce() -> Original,
) -> Result<Taken, Refused> {
    match checker.row(cells, faults) {
        Some(row) if faults.is_empty() => Ok((row, None)),
        Some(row) => Ok((row, Some(original()))),
        None => {
            let record = Checker::rejected(RecordKind::Row, None, cells, faults);
            Err(Refused { record: Some(Box::new(record)), original: original() })
        }
    }
}

/// The row of a CSV record; else what it was, and in `faults` what is wrong with it.
fn csv_row<R: Read>(
    records: &mut CsvRecords,
    input: &mut Splitter<R>,
    raw: &Raw,
    checker: &mut Checker,
    faults: &mut Faults,
) -> Result<Taken, Refused> {
    if let Some(flaw) = raw.flaw {
        faults.record(problem(flaw));
        return Err(match flaw {
            Flaw::TooLong => Original::Lost.into(),
            _ => Original::Fields(split_anyhow(input.bytes(raw))).into(),
        });
    }
    let whole = records.split(input.bytes(raw));
    if raw.lines > 1 && (whole.is_err() || records.is_whole_but_for_a_quote(input.first_line(raw))) {
        // A stray quote, and not line breaks within a text: what it swallowed is read again.
        let first = input.keep_first_line_only(raw);
        faults.record(problem(Flaw::OpenQuote));
        return Err(Original::Fields(split_anyhow(input.bytes(&first))).into());
    }
    if let Err(expected) = whole {
        let found = records.record().len();
        faults.record(format!(
            "the record has {found} fields, the header has {expected}; a text with a comma in it belongs in double quotes"
        ));
        return Err(Original::Fields(records.record().clone()).into());
    }
    let cells = records.cells(faults);
    check(checker, &cells, faults, || Original::Fields(records.record().clone()))
}

/// The row of a line of JSON; else what it was, and in `faults` what is wrong with it.
fn json_row<R: Read>(
    input: &Splitter<R>,
    raw: &Raw,
    checker: &mut Checker,
    unknown: &mut UnknownNames,
    faults: &mut Faults,
) -> Result<Taken, Refused> {
    if let Some(flaw) = raw.flaw {
        faults.record(problem(flaw));
        return Err(Original::Lost.into());
    }
    let line = input.bytes(raw);
    let original = || Original::Text(line.to_vec());
    let Ok(text) = str::from_utf8(line) else {
        faults.record("the line is not UTF-8 text");
        return Err(original().into());
    };
    let object = json_lines::read(text, ObjectReader { unknown, faults }).ok_or_else(original)?;
    check(checker, &object.cells(), faults, original)
}

fn problem(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::TooLong => "the record is longer than 1 MiB; it was skipped to the end of its line",
        Flaw::TextAfterQuote => {
            "the record has text after a closing quote; write a quote within a quoted text as two quotes"
        }
        Flaw::SpaceBeforeQuote => "the record has white space before an opening quote; begin the field with the quote",
        Flaw::OpenQuote => {
            "a text in double quotes that begins on this line does not end as it must; close it, or write the quote as two"
        }
    }
}
