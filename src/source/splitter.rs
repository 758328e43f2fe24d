use std::io::{self, BufRead, Read};
use std::ops::Range;

/// The longest record that is read, in bytes: room for every column at a usual length, and a bound on memory. A longer one is
/// skipped to the end of its line, however long that is.
pub(super) const MAX_RECORD: usize = 1024 * 1024;

const FIRST_READ: usize = 64 * 1024;

/// A record of the input as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// The physical line on which it begins, from 1.
    pub(super) line: u64,
    /// How many physical lines it takes up.
    pub(super) lines: u64,
    /// Its bytes, without the line break at its end: give it to [`Splitter::bytes`].
    span: Range<usize>,
    /// Where its second line begins.
    second_line: usize,
    /// What is wrong with its form.
    pub(super) flaw: Option<Flaw>,
}

/// What keeps bytes from being a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Longer than [`MAX_RECORD`]; its bytes are gone.
    TooLong,
    /// A quoted field has text after its closing quote, in the same line.
    TextAfterQuote,
    /// A quoted field has white space before its opening quote.
    SpaceBeforeQuote,
    /// A quoted field that begins on this line does not end properly further down.
    OpenQuote,
}

/// Cuts an input into records, in memory that does not grow with the input. Blank lines are passed over.
#[derive(Debug)]
pub(super) struct Splitter<R> {
    input: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read and not yet given out.
    held: Range<usize>,
    ended: bool,
    /// The number of the line that begins at `held.start`.
    line: u64,
    /// How many bytes were taken from the input.
    taken: u64,
}

/// Where a line that begins at some place ends.
enum LineEnd {
    /// Just behind its line feed.
    Break(usize),
    /// At the end of the input, without a line feed.
    Input(usize),
    /// Not within [`MAX_RECORD`] bytes of the record's beginning.
    TooFar,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; FIRST_READ], held: 0..0, ended: false, line: 1, taken: 0 }
    }

    /// The first bytes of the input, up to `wanted` of them, without taking them.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.held.len() < wanted && self.fill()? {}
        Ok(&self.buffer[self.held.clone()])
    }

    /// Passes over the first `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        self.held.start = (self.held.start + count).min(self.held.end);
    }

    /// How many bytes of the input were given out or passed over.
    pub(super) fn position(&self) -> u64 {
        self.taken - self.held.len() as u64
    }

    /// The line that is read next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The bytes of the record that was given out last.
    pub(super) fn bytes(&self, raw: &Raw) -> &[u8] {
        &self.buffer[raw.span.clone()]
    }

    /// The first line of the record that was given out last.
    pub(super) fn first_line(&self, raw: &Raw) -> &[u8] {
        &self.buffer[raw.span.start..without_break(&self.buffer, raw.span.start..raw.second_line)]
    }

    /// Takes the record that was given out last for its first line alone: the next one begins on its second line.
    pub(super) fn keep_first_line_only(&mut self, raw: &Raw) -> Raw {
        if raw.lines < 2 {
            return raw.clone();
        }
        self.held.start = raw.second_line;
        self.line = raw.line + 1;
        let span = raw.span.start..without_break(&self.buffer, raw.span.start..raw.second_line);
        Raw { line: raw.line, lines: 1, span, second_line: raw.second_line, flaw: Some(Flaw::OpenQuote) }
    }

    /// The next record; `None` at the end of the input. With `quotes` a line break within double quotes does not end it.
    pub(super) fn next(&mut self, quotes: bool) -> io::Result<Option<Raw>> {
        loop {
            let Some(raw) = self.next_or_blank(quotes)? else { return Ok(None) };
            if raw.flaw.is_some() || !self.bytes(&raw).trim_ascii().is_empty() {
                return Ok(Some(raw));
            }
        }
    }

    fn next_or_blank(&mut self, quotes: bool) -> io::Result<Option<Raw>> {
        let mut scan = QuoteScan::FieldStart;
        let mut lines = 0;
        let mut length = 0;
        let mut second_line = None;
        loop {
            let end = match self.line_end(length)? {
                LineEnd::Break(end) | LineEnd::Input(end) if end == length && lines == 0 => return Ok(None),
                LineEnd::Break(end) => end,
                LineEnd::Input(end) => {
                    // Behind the last line feed there is no line.
                    if end > length {
                        lines += 1;
                    }
                    let flaw = self.scan_line(&mut scan, length..end, quotes);
                    return Ok(Some(self.last_record(lines, end, second_line, scan, flaw)));
                }
                LineEnd::TooFar => return self.too_long(second_line).map(Some),
            };
            lines += 1;
            let flaw = self.scan_line(&mut scan, length..end, quotes);
            second_line = second_line.or(Some(end));
            length = end;
            if flaw.is_some() || !scan.is_within_quotes() {
                let raw = self.give(lines, end, second_line.unwrap_or(end), flaw);
                return Ok(Some(if flaw.is_some() { self.keep_first_line_only(&raw) } else { raw }));
            }
        }
    }

    fn last_record(
        &mut self,
        lines: u64,
        end: usize,
        second_line: Option<usize>,
        scan: QuoteScan,
        flaw: Option<Flaw>,
    ) -> Raw {
        let flaw = if scan.is_within_quotes() { Some(Flaw::OpenQuote) } else { flaw };
        let raw = self.give(lines, end, second_line.unwrap_or(end), flaw);
        if flaw.is_some() { self.keep_first_line_only(&raw) } else { raw }
    }

    /// Hands out the `length` bytes at the front.
    fn give(&mut self, lines: u64, length: usize, second_line: usize, flaw: Option<Flaw>) -> Raw {
        let start = self.held.start;
        let raw = Raw {
            line: self.line,
            lines,
            span: start..without_break(&self.buffer, start..start + length),
            second_line: start + second_line,
            flaw,
        };
        self.held.start += length;
        self.line += lines;
        raw
    }

    /// A record that does not fit: an unclosed quote costs its first line only, a long line is skipped to its end.
    fn too_long(&mut self, second_line: Option<usize>) -> io::Result<Raw> {
        if let Some(second_line) = second_line {
            return Ok(self.give(1, second_line, second_line, Some(Flaw::OpenQuote)));
        }
        loop {
            let held = &self.buffer[self.held.clone()];
            let mut rest = held;
            // Reading from memory cannot fail.
            let skipped = rest.skip_until(b'\n')?;
            let found = skipped > 0 && held[skipped - 1] == b'\n';
            self.held.start += skipped;
            if found || !self.fill()? {
                break;
            }
        }
        let raw =
            Raw { line: self.line, lines: 1, span: 0..0, second_line: self.held.start, flaw: Some(Flaw::TooLong) };
        self.line += 1;
        Ok(raw)
    }

    /// Finds the end of the line that begins `from` bytes behind the front; reads on where needed. Offsets count from the
    /// front, because reading moves it.
    fn line_end(&mut self, from: usize) -> io::Result<LineEnd> {
        let mut looked = from;
        loop {
            let unseen = &self.buffer[self.held.start + looked..self.held.end];
            let mut rest = unseen;
            let passed = rest.skip_until(b'\n')?;
            if passed > 0 && unseen[passed - 1] == b'\n' {
                return Ok(LineEnd::Break(looked + passed));
            }
            looked += passed;
            if looked >= MAX_RECORD {
                return Ok(LineEnd::TooFar);
            }
            if !self.fill()? {
                return Ok(LineEnd::Input(looked));
            }
        }
    }

    fn scan_line(&self, scan: &mut QuoteScan, line: Range<usize>, quotes: bool) -> Option<Flaw> {
        let start = self.held.start;
        let end = without_break(&self.buffer, start + line.start..start + line.end);
        let line = &self.buffer[start + line.start..end];
        // Most lines have no quote at all; then only an open one from the line before matters.
        if !quotes || !line.contains(&b'"') {
            return None;
        }
        scan.walk(line)
    }

    /// Reads some more; `false` at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.held.end == self.buffer.len() {
            if self.held.start > 0 {
                self.buffer.copy_within(self.held.clone(), 0);
                self.held = 0..self.held.len();
            } else {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.held.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.held.end += read;
        self.taken += read as u64;
        self.ended = read == 0;
        Ok(read > 0)
    }
}

/// The end of `line` without its line break, LF or CRLF.
fn without_break(buffer: &[u8], line: Range<usize>) -> usize {
    let text = &buffer[line.clone()];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    line.start + text.strip_suffix(b"\r").unwrap_or(text).len()
}

/// Where a reader of a CSV record stands; carried from line to line while a quoted field is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuoteScan {
    FieldStart,
    /// White space since the field's start.
    Space,
    /// A quote in here is an ordinary character.
    Unquoted,
    Quoted,
    /// A quote within a quoted field: its end, or the first half of a doubled one.
    Quote,
}

impl QuoteScan {
    fn is_within_quotes(self) -> bool {
        self == Self::Quoted
    }

    /// Goes through one line. When no quote is open at its end, the record ends there.
    fn walk(&mut self, line: &[u8]) -> Option<Flaw> {
        for byte in line {
            *self = match (*self, byte) {
                (Self::Quoted, b'"') => Self::Quote,
                (Self::Quoted, _) => Self::Quoted,
                (Self::FieldStart, b'"') | (Self::Quote, b'"') => Self::Quoted,
                (_, b',') => Self::FieldStart,
                (Self::Quote, _) => return Some(Flaw::TextAfterQuote),
                (Self::FieldStart | Self::Space, b' ' | b'\t') => Self::Space,
                (Self::Space, b'"') => return Some(Flaw::SpaceBeforeQuote),
                (Self::FieldStart | Self::Space | Self::Unquoted, _) => Self::Unquoted,
            };
        }
        if *self != Self::Quoted {
            *self = Self::FieldStart;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use proptest::prelude::*;

    use super::{Flaw, MAX_RECORD, Splitter};

    fn split(input: &[u8], quotes: bool) -> Vec<(u64, u64, String, Option<Flaw>)> {
        let mut splitter = Splitter::new(input);
        let mut found = Vec::new();
        while let Some(raw) = splitter.next(quotes).unwrap() {
            let text = String::from_utf8_lossy(splitter.bytes(&raw)).into_owned();
            found.push((raw.line, raw.lines, text, raw.flaw));
        }
        assert_eq!(splitter.position(), input.len() as u64);
        found
    }

    #[test]
    fn a_record_is_reported_with_the_line_it_begins_on() {
        let found = split(b"a,b\r\n\n  \n\"x\ny\",\"z\r\n\"\"q\"\"\"\nc,5\" pipe\nlast", true);
        let expected = [
            (1, 1, "a,b", None),
            (4, 3, "\"x\ny\",\"z\r\n\"\"q\"\"\"", None),
            (7, 1, "c,5\" pipe", None),
            (8, 1, "last", None),
        ];
        assert_eq!(found, expected.map(|(line, lines, text, flaw)| (line, lines, text.to_owned(), flaw)));
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        let found = split(b"a,\"b\nc,d\ne,\"f\"g\nh,i\nj, \"k\"\nl,\"m", true);
        let expected = [
            (1, 1, "a,\"b", Some(Flaw::OpenQuote)),
            (2, 1, "c,d", None),
            (3, 1, "e,\"f\"g", Some(Flaw::TextAfterQuote)),
            (4, 1, "h,i", None),
            (5, 1, "j, \"k\"", Some(Flaw::SpaceBeforeQuote)),
            (6, 1, "l,\"m", Some(Flaw::OpenQuote)),
        ];
        assert_eq!(found, expected.map(|(line, lines, text, flaw)| (line, lines, text.to_owned(), flaw)));
    }

    #[test]
    fn an_endless_line_is_skipped_in_bounded_memory() {
        let gigabyte = io::repeat(b'x').take(1 << 30);
        let mut splitter = Splitter::new(b"first\n".chain(gigabyte).chain(&b"\nlast\n"[..]));
        let mut found = Vec::new();
        while let Some(raw) = splitter.next(true).unwrap() {
            found.push((raw.line, raw.flaw));
        }
        assert_eq!(found, [(1, None), (2, Some(Flaw::TooLong)), (3, None)]);
        assert!(splitter.buffer.len() <= 2 * MAX_RECORD, "the buffer grew to {} bytes", splitter.buffer.len());
    }

    #[test]
    fn a_quote_that_is_never_closed_in_a_long_file_costs_one_line() {
        let lines = 2 * MAX_RECORD / 8;
        let mut input = b"a,\"b\n".to_vec();
        input.extend(b"c,defgh\n".repeat(lines));
        let found = split(&input, true);
        assert_eq!(found.len(), lines + 1);
        assert_eq!((found[0].0, found[0].3), (1, Some(Flaw::OpenQuote)));
        assert!(found[1..].iter().all(|(_, _, text, flaw)| text == "c,defgh" && flaw.is_none()));
    }

    /// A reader that gives out what it has in pieces of any size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len());
            (&mut self.0).take(size as u64).read(buffer)
        }
    }

    fn csv_like() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(b'"'), 2 => Just(b'\n'), 2 => Just(b','), 1 => Just(b'\r'), 1 => Just(b' '), 2 => any::<u8>()];
        proptest::collection::vec(byte, 0..200)
    }

    proptest! {
        #[test]
        fn every_line_is_in_one_record_or_blank(input in csv_like(), quotes: bool, piece in 1_usize..9) {
            let mut splitter = Splitter::new(Pieces(&input, piece));
            let mut covered = Vec::new();
            while let Some(raw) = splitter.next(quotes).unwrap() {
                prop_assert!(raw.lines >= 1);
                covered.extend(raw.line..raw.line + raw.lines);
            }
            prop_assert!(covered.is_sorted_by(|a, b| a < b), "no line twice: {covered:?}");
            for (line, text) in (1..).zip(input.split(|byte| *byte == b'\n')) {
                prop_assert!(covered.contains(&line) || text.trim_ascii().is_empty(), "line {line} was lost");
            }
        }
    }
}
