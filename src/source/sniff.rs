//! Detects the encoding, format and separator of an input.

use std::io::Read;

use super::splitter::Splitter;
use super::{Format, SourceError};

/// How many bytes are read to detect the format of an input.
const LOOK: usize = 4096;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The properties of an input, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputSample {
    pub(super) format: Format,
    /// Whether there was a UTF-8 byte order mark; it is passed over.
    pub(super) bom: bool,
}

/// The possible separators of cells. Excel takes the list separator of its locale, a semicolon in most of Europe.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Detects the format, unless it is `given`, and the separator of a CSV by those names of its header that are columns;
/// refuses an input that is certainly in another format, with advice. A line `sep=;`, which sets the separator for
/// Excel, is skipped.
pub(super) fn sniff<R: Read>(
    input: &mut Splitter<R>,
    given: Option<Format>,
    is_column: impl Fn(&str) -> bool,
) -> Result<InputSample, SourceError> {
    let read = |source| SourceError::Read { line: 1, source };
    let head = input.peek(LOOK).map_err(read)?;
    if let Some((what, advice)) = foreign(head) {
        return Err(SourceError::Foreign { what, advice });
    }
    let bom = head.starts_with(BOM);
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    let format = match (given, text.first()) {
        (None, None) => return Err(SourceError::Empty),
        (None, Some(b'{' | b'[')) => Format::JsonLines,
        (None, Some(_)) => Format::Csv,
        (Some(format), _) => format,
    };
    if let Some((what, advice)) = other_shape(text, format) {
        return Err(SourceError::Foreign { what, advice });
    }
    let (separator, is_told) = match format {
        Format::Csv => separator(text, is_column),
        Format::JsonLines => (b',', false),
    };
    if bom {
        input.skip(BOM.len());
    }
    if is_told {
        // It may stand below blank lines, which are passed over with it.
        while !input.peek_line().map_err(read)?.to_ascii_lowercase().starts_with(b"sep=") {
            input.skip_line();
        }
        input.skip_line();
    }
    input.separate_by(separator);
    Ok(InputSample { format, bom })
}

/// The separator of a CSV, and whether a line of its own tells it.
fn separator(text: &[u8], is_column: impl Fn(&str) -> bool) -> (u8, bool) {
    let first_line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] = first_line
        && SEPARATORS.contains(separator)
    {
        return (*separator, true);
    }
    let columns = |separator: u8| {
        let names = first_line.split(|byte| *byte == separator).filter_map(|name| str::from_utf8(name).ok());
        names.filter(|name| is_column(name.trim().trim_matches('"'))).count()
    };
    // The first of those that are equal: a header of one name has a comma.
    let best = SEPARATORS.into_iter().rev().max_by_key(|separator| columns(*separator)).unwrap_or(b',');
    (best, false)
}

type Advice = (&'static str, &'static str);

fn foreign(head: &[u8]) -> Option<Advice> {
    const AS_UTF8: &str = "save it as “CSV UTF-8”, or pass --encoding utf-16";
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(("is UTF-16 text", AS_UTF8)),
        // Without a mark: every other byte of ASCII text is zero.
        [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..] => Some(("is UTF-16 text", AS_UTF8)),
        [b'P', b'K', 3, 4, ..] => Some(("is an Excel workbook or a zip file", "save it as “CSV UTF-8”")),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some(("is an old Excel workbook", "save it as “CSV UTF-8”")),
        [0x1f, 0x8b, ..] => Some(("is compressed", "unpack it on the way: gzip -dc FILE | dueherald import -")),
        _ => None,
    }
}

fn other_shape(text: &[u8], format: Format) -> Option<Advice> {
    const AS_LINES: &str = "write one object per line, with jq -c '.[]' for an array and jq -c . for objects";
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    match (format, first_line) {
        (Format::JsonLines, [b'[', ..]) => Some(("is one JSON array", AS_LINES)),
        (Format::JsonLines, b"{") => Some(("has JSON objects over several lines", AS_LINES)),
        (Format::Csv, [b'{', ..]) => Some(("is JSON, not CSV", "pass --format jsonl")),
        _ => None,
    }
}
