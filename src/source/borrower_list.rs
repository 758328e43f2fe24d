//! A list of borrowers as CSV: a column `borrower_id`, and any others, which say nothing here.

use std::collections::BTreeSet;
use std::io::Read;

use super::csv_records::split_anyhow;
use super::formula::unmarked;
use super::splitter::Splitter;
use super::spreadsheet::spoiled_identifier;
use super::{Format, SourceError, sniff};
use crate::domain::BorrowerId;

/// Why an input is no list of borrowers. Names lines and columns, never their content.
#[derive(Debug, thiserror::Error)]
pub enum BorrowerListError {
    /// It has no such column.
    #[error("its first line names no column borrower_id; it must, also where it is the only one")]
    NoColumn,
    /// A line says nothing usable.
    #[error("line {line}: borrower_id {problem}")]
    Line {
        /// From 1.
        line: u64,
        /// The problem, which reads on from the column's name.
        problem: String,
    },
    /// It cannot be read as CSV.
    #[error("it cannot be read: {0}")]
    Read(String),
    /// It lists no borrower.
    #[error("it names nobody")]
    Empty,
}

/// Reads the list; a borrower who is listed twice counts once.
///
/// # Errors
/// At the first line that is wrong, or when the last one has no line end: a list that is read in part would leave
/// people out.
pub fn read_borrower_list(input: impl Read) -> Result<BTreeSet<BorrowerId>, BorrowerListError> {
    let mut input = Splitter::new(input);
    let is_column = |name: &str| name.trim().eq_ignore_ascii_case("borrower_id");
    match sniff::sniff(&mut input, Some(Format::Csv), is_column) {
        Err(SourceError::Empty) => return Err(BorrowerListError::NoColumn),
        other => other.map_err(unreadable)?,
    };
    let mut column = None;
    let mut borrowers = BTreeSet::new();
    loop {
        let line = input.line();
        let Some(raw) = input.next(true).map_err(|source| unreadable(SourceError::Read { line, source }))? else {
            break;
        };
        let line = raw.line;
        let record = split_anyhow(input.bytes(&raw), input.separator());
        let mut cells =
            record.iter().map(|cell| str::from_utf8(cell).map_err(|_| unreadable(SourceError::NotUtf8 { line })));
        let Some(column) = column else {
            let names = cells.collect::<Result<Vec<_>, _>>()?;
            column = Some(names.into_iter().position(is_column).ok_or(BorrowerListError::NoColumn)?);
            continue;
        };
        let problem = |problem: &str| BorrowerListError::Line { line, problem: problem.to_owned() };
        if raw.flaw.is_some() {
            return Err(problem("is not readable: the quotes of the line do not match"));
        }
        let id = unmarked(cells.nth(column).transpose()?.unwrap_or_default());
        if raw.unterminated {
            return Err(problem(
                "may be cut off, as the last line has no line end; end the line, or make the list again",
            ));
        }
        if let Some(spoiled) = spoiled_identifier(id) {
            return Err(problem(spoiled));
        }
        borrowers.insert(BorrowerId::new(id).map_err(|error| problem(&error.to_string()))?);
    }
    if borrowers.is_empty() { Err(BorrowerListError::Empty) } else { Ok(borrowers) }
}

fn unreadable(error: SourceError) -> BorrowerListError {
    BorrowerListError::Read(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::read_borrower_list;
    use rstest::rstest;

    #[rstest]
    #[case::plain("borrower_id\nB1\nB2\nB1\n", "B1 B2")]
    #[case::one_of_many("name,Borrower_ID,note\nx, B1 ,\"a, b\"\n", "B1")]
    #[case::of_a_spreadsheet("\u{feff}borrower_id\r\nB1\r\n", "B1")]
    #[case::no_column("id\nB1\n", "its first line names no column borrower_id; it must, also where it is the only one")]
    #[case::an_empty_cell("borrower_id,x\nB1,1\n,2\n", "line 3: borrower_id is empty")]
    #[case::too_few_cells("x,borrower_id\n1,B1\n2\n", "line 3: borrower_id is empty")]
    #[case::semicolons_in_quotes("\"x\";\"borrower_id\"\r\n\"1\";\"B1\"\r\n;\r\n\u{1a}", "B1")]
    #[case::rounded(
        "borrower_id\n1.2E+11\n",
        "line 2: borrower_id looks like a number that a spreadsheet has rounded; format the column as text, and \
         export it again"
    )]
    #[case::cut_off(
        "borrower_id\nB1\nB2",
        "line 3: borrower_id may be cut off, as the last line has no line end; end the line, or make the list again"
    )]
    #[case::nobody("borrower_id\n", "it names nobody")]
    fn a_list_is_read_whole_or_not_at_all(#[case] text: &str, #[case] told: &str) {
        let read = match read_borrower_list(text.as_bytes()) {
            Ok(borrowers) => borrowers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(read, told);
    }
}
