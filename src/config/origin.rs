//! Where every value of a config came from. The tree of values knows spans only: numbers below the length of the file's
//! text are places in the file, those above stand for the environment's variables, each of which gets a range of its
//! own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Location, Mistake};

/// A range of bytes.
pub(super) type ByteRange = Range<usize>;

/// The span of what stands nowhere: a section that is not in the file.
pub(super) const NOWHERE: ByteRange = usize::MAX..usize::MAX;

/// A value as it was written before it was taken for a number: a password may consist of digits.
#[derive(Clone)]
pub(super) struct RawNumber {
    pub(super) text: String,
    /// Came by `{ env }` or `{ file }`: not to be quoted in an error.
    pub(super) secret: bool,
}

/// The file and the variables behind a tree of values.
pub(super) struct Origin<'a> {
    file: String,
    folder: PathBuf,
    text: &'a str,
    variables: Vec<(ByteRange, String)>,
    /// By the start of the value's span.
    raws: BTreeMap<usize, RawNumber>,
}

impl<'a> Origin<'a> {
    pub(super) fn new(file: &Path, text: &'a str) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { file: file.display().to_string(), folder, text, variables: Vec::new(), raws: BTreeMap::new() }
    }

    /// The values of the file; or where it is no TOML, the first such place of each section.
    pub(super) fn parse(&self) -> Result<DeTable<'a>, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut from = 0;
        loop {
            let (table, errors) = DeTable::parse_recoverable(&self.text[from..]);
            let start = |error: &toml::de::Error| error.span().map_or(self.text.len(), |span| from + span.start);
            match errors.iter().min_by_key(|error| start(error)) {
                None if mistakes.is_empty() => return Ok(table.into_inner()),
                None => return Err(mistakes),
                Some(error) => {
                    let offset = start(error);
                    let text = format!("is no TOML: {}", error.message());
                    mistakes.push(Mistake { place: self.position(offset), key: String::new(), text });
                    // A parser that lost its way finds a mistake on every line; a line that begins a section sets it
                    // right.
                    let offset = self.text.floor_char_boundary(offset);
                    match self.text[offset..].find("\n[") {
                        Some(line_break) => from = offset + line_break + 1,
                        None => return Err(mistakes),
                    }
                }
            }
        }
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the variable `name` its range, from which [`Self::place`] finds back to it.
    pub(super) fn variable(&mut self, name: &str, length: usize) -> ByteRange {
        let start = self.variables.last().map_or(self.text.len() + 1, |(span, _)| span.end + 1);
        self.variables.push((start..start + length, name.to_owned()));
        start..start + length
    }

    /// Remembers how the value at `span` was written.
    pub(super) fn keep_raw(&mut self, span: &ByteRange, raw: RawNumber) {
        self.raws.insert(span.start, raw);
    }

    /// How the value at `span` was written, if it came from the environment or by `{ env }` or `{ file }`.
    pub(super) fn raw(&self, span: &ByteRange) -> Option<&RawNumber> {
        self.raws.get(&span.start)
    }

    /// The location of a value, as messages to the user name it.
    pub(super) fn place(&self, span: &ByteRange) -> Location {
        if *span == NOWHERE {
            return Location::File { file: self.file.clone() };
        }
        let within = |(range, _): &&(ByteRange, String)| range.start <= span.start && span.start <= range.end;
        match self.variables.iter().find(within) {
            Some((_, name)) => Location::Variable { name: name.clone() },
            None => Location::Line { file: self.file.clone(), line: self.line(span.start), column: None },
        }
    }

    /// Line and column.
    fn position(&self, offset: usize) -> Location {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Location::Line { file: self.file.clone(), line: self.line(offset), column: Some(column) }
    }

    fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Moves a value and everything in it by `by` bytes.
pub(super) fn shift(node: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = node.span().start + by..node.span().end + by;
    let value = match node.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| shift(item, by)).collect()),
        DeValue::Table(entries) => DeValue::Table(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let moved = key.span().start + by..key.span().end + by;
                    (Spanned::new(moved, key.into_inner()), shift(value, by))
                })
                .collect(),
        ),
        scalar => scalar,
    };
    Spanned::new(span, value)
}
