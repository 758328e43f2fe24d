//! A record of the input, as a row or as what is wrong with it.

use std::io::{self, Read};
use std::str::Utf8Error;

use super::check::{Cells, Checker};
use super::csv_records::{CsvRecords, Width};
use super::fault::Faults;
use super::json_lines::{self, ObjectReader};
use super::quote_scan::QuoteFlaw;
use super::rejects::Original;
use super::splitter::{RawRecord, Splitter};
use super::unknown::UnknownNames;
use super::{LastLine, SourceError};
use crate::domain::{LedgerRow, RecordKind, RejectedRecord};

/// Why nothing more is read.
pub(super) enum ReadStop {
    NotUtf8,
    Input(io::Error),
}

impl ReadStop {
    pub(super) fn at(self, line: u64) -> SourceError {
        match self {
            Self::NotUtf8 => SourceError::NotUtf8 { line },
            Self::Input(source) => SourceError::Read { line, source },
        }
    }
}

impl From<Utf8Error> for ReadStop {
    fn from(_: Utf8Error) -> Self {
        Self::NotUtf8
    }
}

/// The parts needed to read a record of a CSV.
pub(super) struct CsvReading<'a, R> {
    pub(super) records: &'a mut CsvRecords,
    pub(super) input: &'a mut Splitter<R>,
    pub(super) checker: &'a mut Checker,
}

impl<R: Read> CsvReading<'_, R> {
    /// The row of a record; else the rejected record, with its faults in `faults`.
    pub(super) fn row(
        &mut self,
        raw: &RawRecord,
        takes_last_line: bool,
        faults: &mut Faults,
    ) -> Result<(Result<RowWithOriginal, RejectedInput>, LastLine), ReadStop> {
        let left_out = if raw.unterminated { LastLine::LeftOut } else { LastLine::Ended };
        let width = match self.split(raw, faults) {
            Ok(width) => width,
            Err(original) => return Ok((Err(original.into()), left_out)),
        };
        let is_whole = width == Width::Full && self.records.ends_whole(self.input.bytes(raw));
        let last_line = match left_out {
            LastLine::LeftOut if takes_last_line || is_whole => LastLine::Taken,
            other => other,
        };
        // From here on the bytes of the record are gone.
        if width == Width::Short && self.records.is_fragment(self.input.peek_line().map_err(ReadStop::Input)?) {
            faults.record(
                "the record has fewer fields than the header, and the next line is the rest of it: a line break \
                 within a text belongs \
                 in double quotes",
            );
        }
        let mut cells = self.records.cells(faults)?;
        if last_line == LastLine::LeftOut {
            if width == Width::Short {
                faults.record(format!("the record {CUT_OFF}"));
            }
            self.records.leave_out_last(&mut cells, CUT_OFF, faults);
        }
        let records = &*self.records;
        let original = || Original::Fields(records.record().clone());
        Ok((check(self.checker, &cells, faults, original), last_line))
    }

    /// Splits the record into its fields; else what it was.
    fn split(&mut self, raw: &RawRecord, faults: &mut Faults) -> Result<Width, Original> {
        if let Some(flaw) = raw.flaw {
            faults.record(problem(flaw));
            return Err(match flaw {
                QuoteFlaw::TooLong => Original::Lost,
                _ => Original::Fields(self.records.split_anyhow(self.input.bytes(raw))),
            });
        }
        let width = self.records.split(self.input.bytes(raw));
        let is_wrong = matches!(width, Width::Wrong { .. });
        if raw.lines > 1 && (is_wrong || self.records.is_whole_but_for_a_quote(self.input.first_line(raw))) {
            // A stray quote, and not line breaks within a text: what it swallowed is read again.
            let first = self.input.keep_first_line_only(raw);
            faults.record(problem(QuoteFlaw::OpenQuote));
            return Err(Original::Fields(self.records.split_anyhow(self.input.bytes(&first))));
        }
        if let Width::Wrong { found, expected } = width {
            let advice = if found > expected { "a text with a comma in it" } else { "a text with a line break in it" };
            faults.record(format!(
                "the record has {found} fields, the header has {expected}; {advice} belongs in double quotes"
            ));
            return Err(self.original());
        }
        Ok(width)
    }

    fn original(&self) -> Original {
        Original::Fields(self.records.record().clone())
    }
}

const CUT_OFF: &str = "may be cut off, as the last line of the file has no line end; send the whole file, end the \
    line, or pass \
                       --take-last-line if it is whole";

/// The row of a line of JSON; else what it was, and in `faults` what is wrong with it. A line that was cut off is no
/// object.
pub(super) fn json_row<R: Read>(
    input: &Splitter<R>,
    raw: &RawRecord,
    checker: &mut Checker,
    unknown: &mut UnknownNames,
    faults: &mut Faults,
) -> Result<Result<RowWithOriginal, RejectedInput>, ReadStop> {
    if let Some(flaw) = raw.flaw {
        faults.record(problem(flaw));
        return Ok(Err(Original::Lost.into()));
    }
    let line = input.bytes(raw);
    let original = || Original::Text(line.to_vec());
    let text = str::from_utf8(line)?;
    let Some(object) = json_lines::read(text, ObjectReader { unknown, faults }) else {
        return Ok(Err(original().into()));
    };
    Ok(check(checker, &object.cells(), faults, original))
}

/// A record that makes no row: what is kept of it, and what it was.
pub(super) struct RejectedInput {
    pub(super) record: Option<Box<RejectedRecord>>,
    pub(super) original: Original,
}

impl From<Original> for RejectedInput {
    fn from(original: Original) -> Self {
        Self { record: None, original }
    }
}

/// A row, and what it was if cells of it are left out.
pub(super) type RowWithOriginal = (LedgerRow, Option<Original>);

/// Checks the cells of a record, whose text is `original`.
fn check(
    checker: &mut Checker,
    cells: &Cells<'_>,
    faults: &mut Faults,
    original: impl FnOnce() -> Original,
) -> Result<RowWithOriginal, RejectedInput> {
    match checker.row(cells, faults) {
        Some(row) if faults.is_empty() => Ok((row, None)),
        Some(row) => Ok((row, Some(original()))),
        None => {
            let record = checker.rejected(RecordKind::Row, None, cells, faults);
            Err(RejectedInput { record: Some(Box::new(record)), original: original() })
        }
    }
}

fn problem(flaw: QuoteFlaw) -> &'static str {
    match flaw {
        QuoteFlaw::TooLong => "the record is longer than 1 MiB; it was skipped to the end of its line",
        QuoteFlaw::TextAfterQuote => {
            "the record has text after a closing quote; write a quote within a quoted text as two quotes"
        }
        QuoteFlaw::SpaceBeforeQuote => {
            "the record has white space before an opening quote; begin the field with the quote"
        }
        QuoteFlaw::OpenQuote => {
            "a text in double quotes that begins on this line does not end as it must; close it, or write the quote \
             as two"
        }
    }
}
