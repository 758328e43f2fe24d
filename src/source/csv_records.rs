use std::io::{self, Read};

use csv::ByteRecord;

use super::Column;
use super::SourceError;
use super::check::{Cells, MAX_FIELD};
use super::fault::Faults;
use super::splitter::Splitter;
use super::unknown::{LINE, REASON, UnknownColumn, UnknownNames};

/// The records of a CSV input, by the columns that its header names.
pub(super) struct CsvRecords {
    /// The header as it stands there.
    pub(super) header: ByteRecord,
    /// What each field is; `None` is passed over.
    columns: Vec<Option<Column>>,
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
            advice: "save it as “CSV UTF-8”, or convert it: iconv -f GB18030 -t UTF-8",
        })?;
        refuse_other_forms(text)?;
        let mut fields = FieldReader::new();
        let mut header = ByteRecord::new();
        fields.split(bytes, &mut header);
        let columns = columns(&header, unknown)?;
        Ok(Self { header, columns, fields, record: ByteRecord::new() })
    }

    /// Splits one record and tells how many fields are expected, if there are more or fewer.
    pub(super) fn split(&mut self, bytes: &[u8]) -> Result<(), usize> {
        self.fields.split(bytes, &mut self.record);
        if self.record.len() == self.columns.len() { Ok(()) } else { Err(self.columns.len()) }
    }

    /// Whether a line whose last quote is open has as many fields as the header if that quote is an ordinary character. Then it
    /// is one, and a record of its own: with the quote taken at its word, this line's borrower would get the amount of the line
    /// that happens to close it.
    pub(super) fn is_whole_but_for_a_quote(&self, line: &[u8]) -> bool {
        let fields = split_anyhow(line);
        let open = fields.iter().next_back().unwrap_or_default();
        let commas = open.iter().filter(|byte| **byte == b',').count();
        fields.len() + commas == self.columns.len()
    }

    /// The fields that were split last.
    pub(super) fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// What the record that was split last says, column by column.
    pub(super) fn cells(&self, faults: &mut Faults) -> Cells<'_> {
        let mut cells = Cells::default();
        for (at, (field, column)) in self.record.iter().zip(&self.columns).enumerate() {
            match (str::from_utf8(field), column) {
                (Ok(text), Some(column)) => cells[*column as usize] = Some(text.trim()),
                (Err(_), Some(column)) => {
                    // Kept as an empty cell, so that it is not called missing besides.
                    cells[*column as usize] = Some("");
                    faults.column(*column, NOT_UTF8);
                }
                (Err(_), None) => faults.record(format!("field {} {NOT_UTF8}", at + 1)),
                (Ok(text), None) if text.len() > MAX_FIELD => {
                    faults.record(format!("field {} is longer than 64 KiB", at + 1));
                }
                (Ok(text), None) if text.contains('\0') => {
                    faults.record(format!("field {} contains a NUL character", at + 1));
                }
                (Ok(_), None) => {}
            }
        }
        cells
    }
}

const NOT_UTF8: &str = "is not UTF-8 text; save the file as “CSV UTF-8” (Excel in Chinese writes GBK otherwise)";

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
    let foreign = |what, advice| Err(SourceError::Foreign { what, advice });
    if header.contains('\r') {
        return foreign("has line ends of CR alone", "save it with line ends of LF or CRLF: tr '\\r' '\\n'");
    }
    if header.to_ascii_lowercase().starts_with("sep=") {
        return foreign("begins with a line “sep=…”", "delete that line; the separator is a comma");
    }
    let known =
        |separator: char| header.split(separator).filter(|name| Column::find(name.trim_matches('"')).is_some()).count();
    let by_comma = known(',');
    match [';', '\t', '|'].into_iter().find(|separator| known(*separator) > by_comma) {
        Some(';') => foreign(
            "is separated by semicolons",
            "save it with commas (Excel: choose “CSV UTF-8” in a locale whose list separator is a comma)",
        ),
        Some('\t') => foreign("is separated by tabs", "save it with commas"),
        Some(_) => foreign("is separated by bars", "save it with commas"),
        None => Ok(()),
    }
}

/// The `csv` crate's reader over one record at a time, so that a bad record cannot swallow the next and its memory is bounded.
struct FieldReader(csv::Reader<Feed>);

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
    fn new() -> Self {
        let mut builder = csv::ReaderBuilder::new();
        // The splitter has taken the line break; a CR that stands elsewhere is an ordinary character.
        builder.has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
        Self(builder.from_reader(Feed::default()))
    }

    /// Splits one record whose quotes are closed, given without its line break.
    fn split(&mut self, record: &[u8], fields: &mut ByteRecord) {
        let feed = self.0.get_mut();
        feed.at = 0;
        feed.bytes.clear();
        feed.bytes.extend_from_slice(record);
        feed.bytes.push(b'\n');
        let whole = matches!(self.0.read_byte_record(fields), Ok(true)) && self.0.get_ref().at == record.len() + 1;
        if !whole {
            // Cannot be with closed quotes; a reader that has seen its end is of no more use.
            *self = Self::new();
            fields.clear();
        }
    }
}

/// Splits a record whose quotes are not closed, as well as it can be done; for the rejects file.
pub(super) fn split_anyhow(record: &[u8]) -> ByteRecord {
    let mut fields = ByteRecord::new();
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
    // Reading from memory cannot fail; an empty record is what is left if it did.
    let _ = builder.from_reader(record).read_byte_record(&mut fields);
    fields
}

/// Which fields of `header` a rejects file adds itself: they are not carried over from the file before.
pub(super) fn is_rejects_column(header: &ByteRecord, at: usize) -> bool {
    header.get(at).is_some_and(|name| name == LINE.as_bytes() || name == REASON.as_bytes())
}
