//! Reads records from CSV input.

use std::io::{self, Read};
use std::str::Utf8Error;

use csv::ByteRecord;

use super::Column;
use super::SourceError;
use super::check::{Cells, MAX_FIELD};
use super::fault::Faults;
use super::formula::{unmarked, unmarked_amount};
use super::splitter::Splitter;
use super::unknown::{LINE, REASON, UnknownColumn, UnknownNames};

/// The records of a CSV input, by the columns that its header names.
pub(super) struct CsvRecords {
    /// The header as it was read.
    pub(super) header: ByteRecord,
    /// The column of each field; `None` is ignored.
    columns: Vec<Option<Column>>,
    /// How many fields a record must have: up to the last of the required columns. Excel leaves out the separators of
    /// empty cells at the end.
    needed: usize,
    separator: u8,
    fields: FieldReader,
    record: ByteRecord,
}

impl CsvRecords {
    /// Reads the header.
    pub(super) fn open<R: Read>(input: &mut Splitter<R>, unknown: &mut UnknownNames) -> Result<Self, SourceError> {
        let read = |source| SourceError::Read { line: 1, source };
        let Some(raw) = input.next(true).map_err(read)? else { return Err(SourceError::Empty) };
        let bytes = input.bytes(&raw);
        if raw.flaw.is_some() || raw.lines > 1 || bytes.contains(&0) {
            return Err(SourceError::NoHeader);
        }
        let text = str::from_utf8(bytes).map_err(|_| SourceError::Foreign {
            what: "is not UTF-8 text",
            advice: "save it as “CSV UTF-8”, or pass --encoding gb18030 if Excel in Chinese wrote it",
        })?;
        refuse_other_forms(text)?;
        let separator = input.separator();
        let mut fields = FieldReader::new(separator);
        let mut header = ByteRecord::new();
        fields.split(input.bytes(&raw), &mut header);
        let columns = columns(&header, unknown)?;
        let is_required = |column: &Option<Column>| column.is_some_and(|column| Column::REQUIRED.contains(&column));
        let needed = columns.iter().rposition(is_required).map_or(0, |at| at + 1);
        Ok(Self { header, columns, needed, separator, fields, record: ByteRecord::new() })
    }

    /// Splits one record.
    pub(super) fn split(&mut self, bytes: &[u8]) -> Width {
        self.fields.split(bytes, &mut self.record);
        self.width(self.record.len())
    }

    fn width(&self, found: usize) -> Width {
        let expected = self.columns.len();
        if found == expected {
            Width::Full
        } else if found < expected && found >= self.needed {
            Width::Short
        } else {
            Width::Wrong { found, expected }
        }
    }

    /// Whether a line cannot be a record for want of fields: the second half of one that a line break without quotes
    /// has cut in two.
    pub(super) fn is_fragment(&self, line: &[u8]) -> bool {
        let found = split_anyhow(line, self.separator).len();
        !line.trim_ascii().is_empty() && matches!(self.width(found), Width::Wrong { found, .. } if found < self.needed)
    }

    /// The fields of a record whose quotes are not closed.
    pub(super) fn split_anyhow(&self, record: &[u8]) -> ByteRecord {
        split_anyhow(record, self.separator)
    }

    /// Whether the last cell shows by itself that it is whole: it is closed by a quote, or a word, a code or a date of
    /// a fixed form, or nothing is read from it.
    pub(super) fn ends_whole(&self, record: &[u8]) -> bool {
        let last = self.columns.last().copied().flatten();
        let is_fixed = last.is_none_or(|column| matches!(column, Column::Currency | Column::DueDate | Column::Status));
        let cell = self.record.iter().next_back().unwrap_or_default();
        record.ends_with(b"\"") || (is_fixed && (last.is_none() || !cell.trim_ascii().is_empty()))
    }

    /// Whether a line whose last quote is open has as many fields as the header if that quote is an ordinary character.
    /// Then it is one, and a record of its own: with the quote taken at its word, this line's borrower would get the
    /// amount of the line that happens to close it.
    pub(super) fn is_whole_but_for_a_quote(&self, line: &[u8]) -> bool {
        let fields = split_anyhow(line, self.separator);
        let open = fields.iter().next_back().unwrap_or_default();
        let separators = open.iter().filter(|byte| **byte == self.separator).count();
        fields.len() + separators == self.columns.len()
    }

    /// The fields that were split last.
    pub(super) fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// The values of the last record that was split, column by column. A cell that a short record lacks is missing, not
    /// empty: an empty one would delete the known value.
    pub(super) fn cells(&self, faults: &mut Faults) -> Result<Cells<'_>, Utf8Error> {
        let mut cells = Cells::default();
        for (at, (field, column)) in self.record.iter().zip(&self.columns).enumerate() {
            let text = str::from_utf8(field)?;
            match column {
                Some(column @ (Column::Amount | Column::PaidAmount)) => {
                    cells[*column as usize] = Some(unmarked_amount(text));
                }
                Some(column) => cells[*column as usize] = Some(unmarked(text)),
                None if text.len() > MAX_FIELD => {
                    faults.record(format!("field {} is longer than 64 KiB", at + 1));
                }
                None if text.contains('\0') => {
                    faults.record(format!("field {} contains a NUL character", at + 1));
                }
                None => {}
            }
        }
        Ok(cells)
    }

    /// Takes the last cell of the record out of `cells`, for a reason.
    pub(super) fn leave_out_last(&self, cells: &mut Cells<'_>, reason: &'static str, faults: &mut Faults) {
        let last = self.record.len().checked_sub(1).and_then(|at| self.columns.get(at).copied().flatten());
        if let Some(column) = last {
            // Kept as an empty cell, so that it is not called missing besides.
            cells[column as usize] = Some("");
            faults.column(column, reason);
        }
    }
}

/// Whether a record has the fields of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// All of them.
    Full,
    /// Not the last ones, none of which is required.
    Short,
    /// More, or too few.
    Wrong { found: usize, expected: usize },
}

fn columns(header: &ByteRecord, unknown: &mut UnknownNames) -> Result<Vec<Option<Column>>, SourceError> {
    let mut columns = Vec::with_capacity(header.len());
    for name in header {
        let name = String::from_utf8_lossy(name);
        let column = Column::find(&name);
        match column {
            Some(column) if columns.contains(&Some(column)) => return Err(SourceError::TwiceColumn { column }),
            Some(_) => {}
            None => unknown.note(&name),
        }
        columns.push(column);
    }
    let missing: Vec<_> = Column::REQUIRED.into_iter().filter(|column| !columns.contains(&Some(*column))).collect();
    if columns.iter().all(Option::is_none) {
        return Err(SourceError::NoHeader);
    }
    if !missing.is_empty() {
        // Names that are near to none may be data: a file without a header. They are not repeated.
        let meant = |name: &&UnknownColumn| name.nearest.is_some_and(|column| missing.contains(&column));
        let slips = unknown.names().iter().filter(meant).cloned().collect();
        return Err(SourceError::MissingColumns { missing, slips });
    }
    Ok(columns)
}

fn refuse_other_forms(header: &str) -> Result<(), SourceError> {
    if header.contains('\r') {
        let (what, advice) = ("has line ends of CR alone", "save it with line ends of LF or CRLF: tr '\\r' '\\n'");
        return Err(SourceError::Foreign { what, advice });
    }
    Ok(())
}

/// The `csv` crate's reader over one record at a time, so that a bad record cannot swallow the next and its memory is
/// bounded.
struct FieldReader {
    reader: csv::Reader<Feed>,
    separator: u8,
}

/// The bytes of the record that is being split.
#[derive(Default)]
struct Feed {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.bytes[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl FieldReader {
    fn new(separator: u8) -> Self {
        let mut builder = csv::ReaderBuilder::new();
        // The splitter has taken the line break; a CR that stands elsewhere is an ordinary character.
        builder.delimiter(separator).has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
        Self { reader: builder.from_reader(Feed::default()), separator }
    }

    /// Splits one record whose quotes are closed, given without its line break.
    fn split(&mut self, record: &[u8], fields: &mut ByteRecord) {
        let feed = self.reader.get_mut();
        feed.at = 0;
        feed.bytes.clear();
        feed.bytes.extend_from_slice(record);
        feed.bytes.push(b'\n');
        let whole =
            matches!(self.reader.read_byte_record(fields), Ok(true)) && self.reader.get_ref().at == record.len() + 1;
        if !whole {
            // Cannot be with closed quotes; a reader that has seen its end is of no more use.
            *self = Self::new(self.separator);
            fields.clear();
        }
    }
}

/// Splits a record whose quotes are not closed, as well as it can be done; for the rejects file.
pub(super) fn split_anyhow(record: &[u8], separator: u8) -> ByteRecord {
    let mut fields = ByteRecord::new();
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
    // Reading from memory cannot fail; an empty record is what is left if it did.
    let _ = builder.from_reader(record).read_byte_record(&mut fields);
    fields
}

/// Which fields of `header` a rejects file adds itself: they are not carried over from the file before.
pub(super) fn is_rejects_column(header: &ByteRecord, at: usize) -> bool {
    header.get(at).is_some_and(|name| name == LINE.as_bytes() || name == REASON.as_bytes())
}
