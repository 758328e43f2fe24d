//! Level 2: where instalments come from: CSV and JSON lines, record by record, and the lender's own database ([`sql`]).
//!
//! [`Rows`] reads an input of any size in bounded memory and gives, for each record, a sound [`LedgerRow`] or a
//! [`RejectedRow`] with all its faults; a bad record never stops the rest. A fault names the column and the kind: the
//! record's own text, which may be personal data, goes to a rejects file ([`RejectsWriter`]) and nowhere else.
//!
//! How cells are read: outer white space is ignored; a missing column leaves its field unchanged, an empty cell (in
//! JSON `null` or `""`) deletes the known value; cells that a record lacks at its end leave their fields unchanged; a
//! line break within a text is read as a space; phone numbers may be written as people do and are converted to E.164.
//! Amounts, dates, identifiers and words of a list are never corrected: they are valid as they are, or a fault.

mod borrower_list;
mod check;
mod column;
mod csv_records;
mod encoding;
mod error;
mod fault;
mod folder;
mod formula;
mod hook_map;
mod json_lines;
mod objects;
mod phone;
mod preferences;
pub mod presets;
mod quote_scan;
mod recheck;
mod record;
mod rejects;
mod sender;
mod sniff;
mod splitter;
mod spreadsheet;
pub mod sql;
mod suppressions;
mod text_file;
mod text_input;
mod unknown;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::domain::{LedgerRow, Merchant, MerchantId, RejectedRecord};
use check::Checker;
use csv_records::CsvRecords;
use fault::Faults;
use record::{CsvReading, RejectedInput, json_row};
use rejects::Original;
use splitter::Splitter;
use unknown::UnknownNames;

pub use borrower_list::{BorrowerListError, read_borrower_list};
pub use column::Column;
pub use encoding::{Encoding, UnknownEncoding};
pub use error::SourceError;
pub use fault::Fault;
pub use folder::{Completeness, FileContent, FileFault, Folder, FolderFile, Trailer};
pub use hook_map::{HookCondition, HookContent, HookField, HookMap, HookValue};
pub use objects::{CheckedObject, JsonItems, ObjectChecker, ObjectKind, SoundObject};
pub use recheck::Recheck;
pub use rejects::{RejectsLayout, RejectsWriter};
pub use sender::read_sender;
pub use suppressions::{
    Defaults, SuppressionLine, SuppressionLines, SuppressionsError, SuppressionsWriter, read_address,
};
pub use text_file::read_text_file;
pub use text_input::{TextInput, TextOptions};
pub use unknown::UnknownColumn;

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
    /// The format by the extension of a file name: `.csv`, or `.jsonl`, `.ndjson`, `.json`.
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
pub struct RejectedRow {
    /// The line of the input on which it begins, or the row of the query's answers, from 1.
    pub line: u64,
    /// The lender's number for the instalment, where a row has no place in a file to be found by.
    pub key: Option<String>,
    /// Its faults: one at least, and at most one for each column.
    pub faults: Vec<Fault>,
    /// The part that is kept until it can be applied; `None` if it has no cells, or nothing of it is to be kept.
    pub record: Option<Box<RejectedRecord>>,
    original: Original,
}

impl RejectedRow {
    /// A row of a database.
    #[must_use]
    pub fn row(line: u64, key: Option<String>, faults: Vec<Fault>, record: Option<Box<RejectedRecord>>) -> Self {
        Self { line, key, faults, record, original: Original::Lost }
    }

    /// The same with its cells as a line of JSON, for a rejects file.
    #[must_use]
    pub fn with_line(self, line: String) -> Self {
        Self { original: Original::Text(line.into_bytes()), ..self }
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

/// Lets a later sound record answer for the refused ones before it that are of the same instalment: `left` is what it
/// leaves of each. They were refused all the same, and stay counted.
fn supersede(
    rejected: &mut [RejectedRow],
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
    /// The row in it, or why it was refused.
    pub read: Result<LedgerRow, RejectedRow>,
    /// The cells of a row that was taken without them: what the ledger knew there stays.
    pub left_out: Option<Box<RejectedRow>>,
}

/// The records of an input, one after the other. After an error there are no more.
pub struct Rows<R> {
    input: Splitter<R>,
    form: RecordForm,
    checker: Checker,
    unknown: UnknownNames,
    bom: bool,
    takes_last_line: bool,
    last_line: LastLine,
    failed: bool,
}

/// The treatment of the last line of a CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LastLine {
    /// It has a line end.
    #[default]
    Ended,
    /// It has none, and was taken: its last cell cannot be cut, or the person who started the import says that it is
    /// whole.
    Taken,
    /// It has none, and was left out: its last cell may be a part of one.
    LeftOut,
}

enum RecordForm {
    Csv(Box<CsvRecords>),
    JsonLines,
}

impl<R: Read> Rows<R> {
    /// Looks at the beginning of `input`. Without a `format` it is JSON lines if the first character is `{`, else CSV.
    /// A phone number without country code is one of the country of its row's merchant.
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
        let sniff::InputSample { format, bom } = sniff::sniff(&mut input, format, |name| Column::find(name).is_some())?;
        let form = match format {
            Format::Csv => RecordForm::Csv(Box::new(CsvRecords::open(&mut input, &mut unknown)?)),
            Format::JsonLines => RecordForm::JsonLines,
        };
        let checker = Checker::new(merchants);
        let (takes_last_line, last_line) = (false, LastLine::default());
        Ok(Self { input, form, checker, unknown, bom, takes_last_line, last_line, failed: false })
    }

    /// Takes a last line that has no line end for whole, whatever its last cell is.
    #[must_use]
    pub fn taking_last_line(self, takes_last_line: bool) -> Self {
        Self { takes_last_line, ..self }
    }

    /// How the last line was treated, once it was read.
    #[must_use]
    pub fn last_line(&self) -> LastLine {
        self.last_line
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

    /// The layout of a rejects file for this input.
    #[must_use]
    pub fn rejects_layout(&self) -> RejectsLayout {
        RejectsLayout(match &self.form {
            RecordForm::Csv(records) => rejects::RejectsForm::Csv { header: records.header.clone(), bom: self.bom },
            RecordForm::JsonLines => rejects::RejectsForm::JsonLines,
        })
    }

    fn read(&mut self) -> Result<Option<Record>, SourceError> {
        let quotes = matches!(self.form, RecordForm::Csv(_));
        let line = self.input.line();
        let unreadable = |source| SourceError::Read { line, source };
        let Some(raw) = self.input.next(quotes).map_err(unreadable)? else { return Ok(None) };
        let line = raw.line;
        let mut faults = Faults::default();
        let row = match &mut self.form {
            RecordForm::Csv(records) => {
                let mut reading = CsvReading { records, input: &mut self.input, checker: &mut self.checker };
                let may_be_cut = reading.row(&raw, self.takes_last_line, &mut faults);
                let (row, last_line) = may_be_cut.map_err(|error| error.at(line))?;
                self.last_line = last_line;
                row
            }
            RecordForm::JsonLines => {
                let row = json_row(&self.input, &raw, &mut self.checker, &mut self.unknown, &mut faults);
                row.map_err(|error| error.at(line))?
            }
        };
        let rejected =
            |RejectedInput { record, original }| RejectedRow { line, key: None, faults: faults.0, record, original };
        Ok(Some(match row {
            Ok((row, None)) => Record { line, read: Ok(row), left_out: None },
            Ok((row, Some(original))) => {
                let left_out = rejected(RejectedInput { record: None, original });
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
        let read = self.read();
        self.failed = read.is_err();
        read.transpose()
    }
}
