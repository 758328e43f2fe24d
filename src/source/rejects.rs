//! Writes rejected records in the form of their input.

use std::fmt;
use std::io::{self, Write};

use csv::ByteRecord;
use serde::de::IgnoredAny;

use super::RejectedRow;
use super::csv_records::is_rejects_column;
use super::formula::marked_again;
use super::unknown::{LINE, ORIGINAL, REASON};

/// A refused record as it was in the input. It may hold personal data: `Debug` hides it, and it goes to a rejects file
/// only.
#[derive(Clone)]
pub(super) enum Original {
    /// The fields of a CSV record.
    Fields(ByteRecord),
    /// A line of JSON, or of what should have been.
    Text(Vec<u8>),
    /// Too long to be kept.
    Lost,
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Original(…)")
    }
}

/// The layout of a rejects file, which is that of its input.
#[derive(Debug, Clone)]
pub struct RejectsLayout(pub(super) RejectsForm);

impl RejectsLayout {
    /// Lines of JSON, for what is no file.
    #[must_use]
    pub fn json_lines() -> Self {
        Self(RejectsForm::JsonLines)
    }
}

#[derive(Debug, Clone)]
pub(super) enum RejectsForm {
    Csv { header: ByteRecord, bom: bool },
    JsonLines,
}

/// Writes refused records so that they can be mended and imported again: in the form of the input, with what was wrong
/// beside them.
///
/// Of a CSV input: the same header behind the columns `line` and `reason`, and each record's fields as they were, too
/// many or too few included. They come first so that a record with too many fields does not push them aside. Of JSON
/// lines: the same object behind the keys `line` and `reason`; a line that is no object stands as a text under
/// `original`. The import passes over what is added here. A record that was too long to be kept has its line and reason
/// only.
pub struct RejectsWriter<W: Write>(Sink<W>);

enum Sink<W: Write> {
    Csv { out: Box<csv::Writer<W>>, header: ByteRecord },
    JsonLines(io::BufWriter<W>),
}

impl<W: Write> RejectsWriter<W> {
    /// Begins a rejects file; of a CSV input it has its header at once.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, layout: &RejectsLayout) -> io::Result<Self> {
        let RejectsForm::Csv { header, bom } = &layout.0 else {
            return Ok(Self(Sink::JsonLines(io::BufWriter::new(out))));
        };
        if *bom {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut out = Box::new(csv::WriterBuilder::new().flexible(true).from_writer(out));
        write_fields(&mut out, LINE, REASON, header, header)?;
        Ok(Self(Sink::Csv { out, header: header.clone() }))
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, rejected: &RejectedRow) -> io::Result<()> {
        match &mut self.0 {
            Sink::Csv { out, header } => {
                let none = ByteRecord::new();
                let fields = if let Original::Fields(fields) = &rejected.original { fields } else { &none };
                write_fields(out, &rejected.line.to_string(), &rejected.reason(), header, fields)
            }
            Sink::JsonLines(out) => {
                let reason = serde_json::to_string(&rejected.reason())?;
                write!(out, "{{\"{LINE}\":{},\"{REASON}\":{reason}", rejected.line)?;
                match &rejected.original {
                    Original::Text(text) => write_object(out, &String::from_utf8_lossy(text))?,
                    Original::Fields(_) | Original::Lost => out.write_all(b"}")?,
                }
                out.write_all(b"\n")
            }
        }
    }

    /// Writes what is still held.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Sink::Csv { out, .. } => out.flush(),
            Sink::JsonLines(out) => out.flush(),
        }
    }
}

fn write_fields<W: Write>(
    out: &mut csv::Writer<W>,
    line: &str,
    reason: &str,
    header: &ByteRecord,
    fields: &ByteRecord,
) -> io::Result<()> {
    let kept = fields.iter().enumerate().filter(|(at, _)| !is_rejects_column(header, *at)).map(|(_, field)| field);
    let cells = [line.as_bytes(), reason.as_bytes()].into_iter().chain(kept);
    out.write_byte_record(&cells.map(marked_again).collect()).map_err(Into::into)
}

/// Writes the rest of an object that was begun with the rejects file's own keys.
fn write_object(out: &mut impl Write, text: &str) -> io::Result<()> {
    let text = text.trim();
    if !text.starts_with('{') || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return write!(out, ",\"{ORIGINAL}\":{}}}", serde_json::to_string(text)?);
    }
    let entries = without_own_keys(text).unwrap_or(&text[1..]).trim_start();
    if entries.starts_with('}') { out.write_all(b"}") } else { write!(out, ",{entries}") }
}

/// The rest of an object after the keys that an earlier rejects file put in front; `None` if there are none.
fn without_own_keys(object: &str) -> Option<&str> {
    let rest = object.strip_prefix("{\"line\":")?.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let rest = rest.strip_prefix(",\"reason\":")?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let rest = &rest[values.byte_offset()..];
    Some(rest.strip_prefix(',').unwrap_or(rest))
}
