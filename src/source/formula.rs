//! Cells of CSV files that a spreadsheet would run as formulas: `=HYPERLINK(…)` as a borrower's name.
//!
//! Cells that we write get an apostrophe in front, as spreadsheets themselves mark text; when we read a cell, we remove
//! it. So a file that is exported and imported keeps its values, even after a spreadsheet has saved it. Phone numbers
//! such as +8613800138000 are marked too: a spreadsheet would turn them into rounded numbers without the plus.

use std::borrow::Cow;

use csv::ByteRecord;

/// Texts that begin a formula, or make a spreadsheet skip to one; the last four are the first four as Chinese and
/// Japanese keyboards write them.
const STARTS: [&str; 11] = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"];

/// The mark of a text cell.
const MARK: u8 = b'\'';

/// The cell as it is written.
pub(super) fn marked(cell: &[u8]) -> Cow<'_, [u8]> {
    if needs_mark(cell) { Cow::Owned([&[MARK], cell].concat()) } else { Cow::Borrowed(cell) }
}

/// The cell of an input as it is written again: one that is marked already stays as it is, and is read as before.
pub(super) fn marked_again(cell: &[u8]) -> Cow<'_, [u8]> {
    if cell.starts_with(&[MARK]) { Cow::Borrowed(cell) } else { marked(cell) }
}

/// The record with all its cells as they are written.
pub(super) fn marked_record<'c>(cells: impl IntoIterator<Item = &'c [u8]>) -> ByteRecord {
    cells.into_iter().map(marked).collect()
}

/// A cell that was read, without outer white space and the mark.
pub(super) fn unmarked(cell: &str) -> &str {
    let cell = cell.trim();
    match cell.strip_prefix(char::from(MARK)) {
        Some(text) if needs_mark(text.as_bytes()) => text.trim(),
        _ => cell,
    }
}

/// The same for an amount: who mends `'-7.00` in an editor may leave the mark before 7.00.
pub(super) fn unmarked_amount(cell: &str) -> &str {
    let cell = unmarked(cell);
    match cell.strip_prefix(char::from(MARK)) {
        Some(amount) if amount.starts_with(|c: char| c.is_ascii_digit()) => amount,
        _ => cell,
    }
}

/// A cell that begins with marks already is marked once more, so that reading takes back exactly what writing has
/// added.
fn needs_mark(cell: &[u8]) -> bool {
    let marks = cell.iter().take_while(|byte| **byte == MARK).count();
    STARTS.iter().any(|start| cell[marks..].starts_with(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{marked, unmarked, unmarked_amount};
    use rstest::rstest;

    #[rstest]
    #[case::formula("=HYPERLINK(\"https://evil.example\",\"open\")")]
    #[case::command("=cmd|' /C calc'!A0")]
    #[case::phone("+8613800138000")]
    #[case::minus("-1+1")]
    #[case::function("@SUM(1)")]
    #[case::tab("\t=1")]
    #[case::carriage_return("\r=1")]
    #[case::full_width("＝1+1")]
    #[case::marked_before("'=1")]
    #[case::marked_twice("''=1")]
    fn a_formula_is_written_as_text_and_read_as_it_was(#[case] cell: &str) {
        let written = marked(cell.as_bytes()).into_owned();
        assert_eq!(written, format!("'{cell}").into_bytes());
        assert_eq!(unmarked(str::from_utf8(&written).expect("text")), cell.trim());
    }

    #[test]
    fn a_mark_before_an_amount_is_no_part_of_it() {
        assert_eq!((unmarked_amount(" '7.00 "), unmarked_amount("'-7.00")), ("7.00", "-7.00"));
        assert_eq!(unmarked("'00123"), "'00123", "an identifier is not mended");
    }

    #[rstest]
    #[case("李娜")]
    #[case("O'Neill")]
    #[case("'s-Hertogenbosch")]
    #[case("li@mall.example")]
    #[case("2026-11-28")]
    #[case("")]
    fn anything_else_is_written_as_it_is(#[case] cell: &str) {
        assert_eq!(&*marked(cell.as_bytes()), cell.as_bytes());
        assert_eq!(unmarked(cell), cell);
    }
}
