//! Suppressions as CSV: `merchant,address,reason,source,since,until`. Only `address` is required. What is written can
//! be read again and says the same.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use chrono::{DateTime, SecondsFormat, Utc};

use super::check::phone_number;
use super::csv_records::split_anyhow;
use super::formula::{marked_record, unmarked};
use super::splitter::Splitter;
use super::{Format, LastLine, SourceError, sniff};
use crate::domain::{Address, EmailAddress, Merchant, MerchantId, Suppression, SuppressionReason};

/// The columns, in the order in which they are written.
pub(super) const COLUMNS: [&str; 6] = ["merchant", "address", "reason", "source", "since", "until"];

/// The most characters of a source.
const MAX_SOURCE: usize = 200;

/// A line of the input: its suppression, or the problem with it. The error repeats nothing of the line.
#[derive(Debug)]
pub struct SuppressionLine {
    /// From 1.
    pub line: u64,
    /// The suppression, or the problem.
    pub read: Result<Suppression, String>,
}

/// The values for a line where the column is missing or the cell is empty.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The merchant; `None` is every merchant.
    pub merchant: Option<MerchantId>,
    /// The source of the suppression.
    pub source: String,
    /// The beginning of the suppression.
    pub since: DateTime<Utc>,
}

/// The lines of an input, in bounded memory. After an error there are no more.
pub struct SuppressionLines<'m, R> {
    input: Splitter<R>,
    /// Which column each field is.
    columns: Vec<usize>,
    merchants: &'m BTreeMap<MerchantId, Merchant>,
    defaults: Defaults,
    last_line: LastLine,
    failed: bool,
}

impl<'m, R: Read> SuppressionLines<'m, R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the input is no CSV with a column `address`, or has columns that are none: a misspelled `merchant` would
    /// suppress for every merchant.
    pub fn open(
        input: R,
        merchants: &'m BTreeMap<MerchantId, Merchant>,
        defaults: Defaults,
    ) -> Result<Self, SuppressionsError> {
        let mut input = Splitter::new(input);
        let position = |name: &str| COLUMNS.iter().position(|column| column.eq_ignore_ascii_case(name.trim()));
        sniff::sniff(&mut input, Some(Format::Csv), |name| position(name).is_some())?;
        let read = |source| SourceError::Read { line: 1, source };
        let raw = input.next(true).map_err(read)?.ok_or(SourceError::Empty)?;
        if raw.flaw.is_some() {
            return Err(SuppressionsError::NoHeader);
        }
        let header = split_anyhow(input.bytes(&raw), input.separator());
        let mut columns = Vec::with_capacity(header.len());
        for name in &header {
            let column = str::from_utf8(name).ok().and_then(position);
            let column = column.ok_or(SuppressionsError::NoHeader)?;
            if columns.contains(&column) {
                return Err(SuppressionsError::NoHeader);
            }
            columns.push(column);
        }
        if !columns.iter().any(|column| COLUMNS[*column] == "address") {
            return Err(SuppressionsError::NoHeader);
        }
        Ok(Self { input, columns, merchants, defaults, last_line: LastLine::default(), failed: false })
    }

    /// How the last line was treated, once it was read. It is always taken: to suppress a part of an address as well
    /// does little harm.
    #[must_use]
    pub fn last_line(&self) -> LastLine {
        self.last_line
    }

    fn read(&mut self) -> Result<Option<SuppressionLine>, SourceError> {
        let line = self.input.line();
        let Some(raw) = self.input.next(true).map_err(|source| SourceError::Read { line, source })? else {
            return Ok(None);
        };
        let line = raw.line;
        if raw.unterminated {
            self.last_line = LastLine::Taken;
        }
        let read = match (raw.flaw, str::from_utf8(self.input.bytes(&raw))) {
            (None, Err(_)) => return Err(SourceError::NotUtf8 { line }),
            (None, Ok(text)) => self.suppression(text),
            (Some(_), _) => Err("the record is longer than 1 MiB, or its quotes do not match".to_owned()),
        };
        Ok(Some(SuppressionLine { line, read }))
    }

    fn suppression(&self, record: &str) -> Result<Suppression, String> {
        let record = split_anyhow(record.as_bytes(), self.input.separator());
        let expected = self.columns.len();
        // Excel leaves out the separators of empty cells at the end.
        if record.len() > expected
            || record.len() <= self.columns.iter().position(|column| COLUMNS[*column] == "address").unwrap_or(0)
        {
            return Err(format!("the record has {} fields, the header has {expected}", record.len()));
        }
        let mut cells = [""; COLUMNS.len()];
        for (field, column) in record.iter().zip(&self.columns) {
            let text = str::from_utf8(field).map_err(|_| format!("{}: is not UTF-8 text", COLUMNS[*column]))?;
            cells[*column] = unmarked(text);
        }
        let [merchant, address, reason, source, since, until] = cells;
        let merchant = match merchant {
            "" => self.defaults.merchant.clone(),
            name => Some(MerchantId::new(name).map_err(|error| format!("merchant: {error}"))?),
        };
        let of = match &merchant {
            Some(id) => Some(self.merchants.get(id).ok_or("merchant: the config has none of that name")?),
            None => None,
        };
        let since = moment("since", since)?.unwrap_or(self.defaults.since);
        let until = moment("until", until)?;
        if until.is_some_and(|until| until <= since) {
            return Err("until: is not after since".to_owned());
        }
        Ok(Suppression {
            address: read_address(address, of).map_err(|problem| format!("address: {problem}"))?.into(),
            merchant,
            reason: match reason {
                "" => SuppressionReason::Manual,
                word => word.parse().map_err(|error| format!("reason: {error}"))?,
            },
            source: match source {
                "" => self.defaults.source.clone(),
                text => sound_source(text)?,
            },
            since,
            until,
        })
    }
}

impl<R: Read> Iterator for SuppressionLines<'_, R> {
    type Item = Result<SuppressionLine, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read();
        self.failed = read.is_err();
        read.transpose()
    }
}

/// Why an input holds no suppressions.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionsError {
    /// It cannot be read at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its first line is not a header.
    #[error(
        "its first line is no header for suppressions: it must name address, and may name each of {} once, with commas \
         between them", COLUMNS.join(", ")
    )]
    NoHeader,
}

/// Reads an address as people write it: an e-mail address, or a phone number in international form or in that of the
/// merchant's country. The error does not repeat it.
///
/// # Errors
/// When it is neither.
pub fn read_address(text: &str, merchant: Option<&Merchant>) -> Result<Address, String> {
    let text = text.trim();
    if text.contains('@') {
        return EmailAddress::new(text).map(Address::Email).map_err(|error| error.to_string());
    }
    let country = merchant.and_then(|merchant| merchant.country.to_ascii_uppercase().parse().ok());
    phone_number(text, country).map(Address::Phone)
}

fn sound_source(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_SOURCE || text.chars().any(char::is_control) {
        return Err(format!("source: is longer than {MAX_SOURCE} characters or contains a control character"));
    }
    Ok(text.to_owned())
}

fn moment(column: &str, text: &str) -> Result<Option<DateTime<Utc>>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok();
    // No database keeps years of five digits.
    let read = read.filter(|at| (1970..=9999).contains(&chrono::Datelike::year(at)));
    read.map(Some).ok_or_else(|| format!("{column}: is not an instant in the form 2026-12-31T18:00:00+08:00"))
}

/// Writes suppressions.
pub struct SuppressionsWriter<W: Write>(csv::Writer<W>);

impl<W: Write> SuppressionsWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `output` fails.
    pub fn new(output: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record(COLUMNS)?;
        Ok(Self(writer))
    }

    /// Writes one.
    ///
    /// # Errors
    /// When the output fails.
    pub fn write(&mut self, one: &Suppression) -> io::Result<()> {
        let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let cells = [
            one.merchant.as_ref().map_or("", MerchantId::as_str),
            one.address.reveal(),
            one.reason.as_str(),
            &one.source,
            &moment(one.since),
            &one.until.map(moment).unwrap_or_default(),
        ];
        Ok(self.0.write_byte_record(&marked_record(cells.map(str::as_bytes)))?)
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// When the output fails.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
