//! Splits CSV input into records in bounded memory.
//!
//! Own code: after a quote that is never closed, the crate `csv` gives the rest of the file as one cell, without an
//! error and of any length. Here it costs its own line.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use super::quote_scan::{QuoteFlaw, QuoteScan};
use super::text_input::END_MARK;

/// The longest record that is read, in bytes: room for every column at a usual length, and a bound on memory. A longer
/// one is skipped to the end of its line, however long that is.
pub(super) const MAX_RECORD: usize = 1024 * 1024;

/// The most lines of a record. What quotes join may be taken apart again, line by line, so every byte is read this many
/// times at most: a file whose lines each close one quote and open another took hours.
const MAX_LINES: u64 = 200;

const FIRST_READ: usize = 64 * 1024;

/// A record of the input, unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawRecord {
    /// The physical line on which it begins, from 1.
    pub(super) line: u64,
    /// How many physical lines it takes up.
    pub(super) lines: u64,
    /// Its bytes, without the line break at its end: give it to [`Splitter::bytes`].
    span: Range<usize>,
    /// Where its second line begins.
    second_line: usize,
    /// The flaw of its form.
    pub(super) flaw: Option<QuoteFlaw>,
    /// Whether the input ends within its last line: it may have been cut off there.
    pub(super) unterminated: bool,
}

/// Cuts an input into records, in memory that does not grow with the input. Lines without content are passed over:
/// blank ones and, in a CSV, those of nothing but separators; so is the end mark of DOS.
#[derive(Debug)]
pub(super) struct Splitter<R> {
    input: R,
    /// The separator between two cells of a CSV.
    separator: u8,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read and not yet given out.
    held: Range<usize>,
    ended: bool,
    /// Whether there was an end mark at the end.
    end_marked: bool,
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
        Self {
            input,
            separator: b',',
            buffer: vec![0; FIRST_READ],
            held: 0..0,
            ended: false,
            end_marked: false,
            line: 1,
            taken: 0,
        }
    }

    /// Sets the separator between two cells.
    pub(super) fn separate_by(&mut self, separator: u8) {
        self.separator = separator;
    }

    /// The separator between two cells.
    pub(super) fn separator(&self) -> u8 {
        self.separator
    }

    /// Passes over the first line, which must have been peeked at.
    pub(super) fn skip_line(&mut self) {
        let held = &self.buffer[self.held.clone()];
        let length = held.iter().position(|byte| *byte == b'\n').map_or(held.len(), |at| at + 1);
        self.held.start += length;
        self.line += 1;
    }

    /// The line that is read next, without taking it; the bytes of the record that was given out last are gone.
    pub(super) fn peek_line(&mut self) -> io::Result<&[u8]> {
        let end = match self.line_end(0)? {
            LineEnd::Break(end) | LineEnd::Input(end) => end,
            LineEnd::TooFar => self.held.len(),
        };
        let line = self.held.start..self.held.start + end;
        Ok(&self.buffer[line.start..without_break(&self.buffer, line)])
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
    pub(super) fn bytes(&self, raw: &RawRecord) -> &[u8] {
        &self.buffer[raw.span.clone()]
    }

    /// The first line of the record that was given out last.
    pub(super) fn first_line(&self, raw: &RawRecord) -> &[u8] {
        &self.buffer[raw.span.start..without_break(&self.buffer, raw.span.start..raw.second_line)]
    }

    /// Takes the record that was given out last for its first line alone: the next one begins on its second line.
    pub(super) fn keep_first_line_only(&mut self, raw: &RawRecord) -> RawRecord {
        if raw.lines < 2 {
            return raw.clone();
        }
        self.held.start = raw.second_line;
        self.line = raw.line + 1;
        let span = raw.span.start..without_break(&self.buffer, raw.span.start..raw.second_line);
        let flaw = Some(QuoteFlaw::OpenQuote);
        RawRecord { line: raw.line, lines: 1, span, second_line: raw.second_line, flaw, unterminated: false }
    }

    /// The next record; `None` at the end of the input. With `quotes` a line break within double quotes does not end
    /// it.
    pub(super) fn next(&mut self, quotes: bool) -> io::Result<Option<RawRecord>> {
        loop {
            let Some(raw) = self.next_or_blank(quotes)? else { return Ok(None) };
            if raw.flaw.is_some() || !is_blank(self.bytes(&raw), quotes.then_some(self.separator)) {
                return Ok(Some(raw));
            }
        }
    }

    fn next_or_blank(&mut self, quotes: bool) -> io::Result<Option<RawRecord>> {
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
            if lines >= MAX_LINES && flaw.is_none() && scan.is_within_quotes() {
                return self.too_long(second_line).map(Some);
            }
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
        flaw: Option<QuoteFlaw>,
    ) -> RawRecord {
        let flaw = if scan.is_within_quotes() { Some(QuoteFlaw::OpenQuote) } else { flaw };
        let mut raw = self.give(lines, end, second_line.unwrap_or(end), flaw);
        // A CR alone is the first half of a line end.
        raw.unterminated =
            !self.end_marked && self.held.start > 0 && !matches!(self.buffer[self.held.start - 1], b'\n' | b'\r');
        if flaw.is_some() { self.keep_first_line_only(&raw) } else { raw }
    }

    /// Hands out the `length` bytes at the front.
    fn give(&mut self, lines: u64, length: usize, second_line: usize, flaw: Option<QuoteFlaw>) -> RawRecord {
        let start = self.held.start;
        let raw = RawRecord {
            line: self.line,
            lines,
            span: start..without_break(&self.buffer, start..start + length),
            second_line: start + second_line,
            flaw,
            unterminated: false,
        };
        self.held.start += length;
        self.line += lines;
        raw
    }

    /// A record that does not fit: an unclosed quote costs its first line only, a long line is skipped to its end.
    fn too_long(&mut self, second_line: Option<usize>) -> io::Result<RawRecord> {
        if let Some(second_line) = second_line {
            return Ok(self.give(1, second_line, second_line, Some(QuoteFlaw::OpenQuote)));
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
        let raw = RawRecord {
            line: self.line,
            lines: 1,
            span: 0..0,
            second_line: self.held.start,
            flaw: Some(QuoteFlaw::TooLong),
            unterminated: false,
        };
        self.line += 1;
        Ok(raw)
    }

    /// Finds the end of the line that begins `from` bytes behind the front; reads on where needed. Offsets count from
    /// the front, because reading moves it.
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
                // The end mark, if there was one, is no more held.
                return Ok(LineEnd::Input(looked.min(self.held.len())));
            }
        }
    }

    fn scan_line(&self, scan: &mut QuoteScan, line: Range<usize>, quotes: bool) -> Option<QuoteFlaw> {
        let start = self.held.start;
        let end = without_break(&self.buffer, start + line.start..start + line.end);
        let line = &self.buffer[start + line.start..end];
        // Most lines have no quote at all; then only an open one from the line before matters.
        if !quotes || !line.contains(&b'"') {
            return None;
        }
        scan.walk(line, self.separator)
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
        while self.ended && self.buffer[self.held.clone()].last() == Some(&END_MARK) {
            self.held.end -= 1;
            self.end_marked = true;
        }
        Ok(read > 0)
    }
}

/// Whether a record has no content: white space and, in a CSV, separators and empty quotes.
fn is_blank(record: &[u8], separator: Option<u8>) -> bool {
    let says_nothing = |byte: u8| {
        (byte.is_ascii() && char::from(byte).is_whitespace())
            || separator.is_some_and(|separator| byte == separator || byte == b'"')
    };
    match record.iter().find(|byte| !says_nothing(**byte)) {
        None => true,
        Some(byte) if byte.is_ascii() => false,
        // Spreadsheets in Chinese have wide spaces.
        Some(_) => str::from_utf8(record).is_ok_and(|text| {
            text.chars().all(|letter| letter.is_whitespace() || u8::try_from(letter).is_ok_and(says_nothing))
        }),
    }
}

/// The end of `line` without its line break, LF or CRLF.
fn without_break(buffer: &[u8], line: Range<usize>) -> usize {
    let text = &buffer[line.clone()];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    line.start + text.strip_suffix(b"\r").unwrap_or(text).len()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use proptest::prelude::*;

    use super::{MAX_RECORD, QuoteFlaw, Splitter, is_blank};

    fn split(input: &[u8], quotes: bool) -> Vec<(u64, u64, String, Option<QuoteFlaw>)> {
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
    fn lines_without_content_and_the_end_mark_are_passed_over() {
        let input = b"a,b\n,,,\r\n , \t,\n\"\",\"\"\n\xe3\x80\x80,\n\n1,2\n\x1a";
        let found: Vec<_> = split(input, true).into_iter().map(|(line, _, text, _)| (line, text)).collect();
        assert_eq!(found, [(1, "a,b".to_owned()), (7, "1,2".to_owned())]);
        assert_eq!(split(b"{}\n,,\n\x1a\x1a", false).len(), 2, "in JSON lines commas are a mistake");
    }

    #[test]
    fn only_an_input_that_ends_within_a_line_may_be_cut_off() {
        for (input, expected) in
            [(&b"a\nb"[..], true), (b"a\nb\n", false), (b"a\nb\r", false), (b"a\nb\x1a", false), (b"a\n\"b\nc\"", true)]
        {
            let mut splitter = Splitter::new(input);
            let mut last = false;
            while let Some(raw) = splitter.next(true).unwrap() {
                last = raw.unterminated;
            }
            assert_eq!(last, expected, "{input:?}");
        }
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        let found = split(b"a,\"b\nc,d\ne,\"f\"g\nh,i\nj, \"k\"\nl,\"m", true);
        let expected = [
            (1, 1, "a,\"b", Some(QuoteFlaw::OpenQuote)),
            (2, 1, "c,d", None),
            (3, 1, "e,\"f\"g", Some(QuoteFlaw::TextAfterQuote)),
            (4, 1, "h,i", None),
            (5, 1, "j, \"k\"", Some(QuoteFlaw::SpaceBeforeQuote)),
            (6, 1, "l,\"m", Some(QuoteFlaw::OpenQuote)),
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
        assert_eq!(found, [(1, None), (2, Some(QuoteFlaw::TooLong)), (3, None)]);
        assert!(splitter.buffer.len() <= 2 * MAX_RECORD, "the buffer grew to {} bytes", splitter.buffer.len());
    }

    #[test]
    fn a_quote_that_is_never_closed_in_a_long_file_costs_one_line() {
        let lines = 2 * MAX_RECORD / 8;
        let mut input = b"a,\"b\n".to_vec();
        input.extend(b"c,defgh\n".repeat(lines));
        let found = split(&input, true);
        assert_eq!(found.len(), lines + 1);
        assert_eq!((found[0].0, found[0].3), (1, Some(QuoteFlaw::OpenQuote)));
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
            let marks = input.iter().rev().take_while(|byte| **byte == super::END_MARK).count();
            let input = &input[..input.len() - marks];
            for (line, text) in (1..).zip(input.split(|byte| *byte == b'\n')) {
                let separator = quotes.then_some(b',');
                prop_assert!(covered.contains(&line) || is_blank(text, separator), "line {line} was lost");
            }
        }
    }
}
