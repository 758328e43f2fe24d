//! A list of borrowers as CSV: a column `borrower_id`, and any others, which say nothing here.

use std::collections::BTreeSet;
use std::io::Read;

use crate::domain::BorrowerId;

/// Why an input is no list of borrowers. Names lines and columns, never what stands there.
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
        /// What is wrong.
        problem: String,
    },
    /// It cannot be read as CSV.
    #[error("it cannot be read: {0}")]
    Read(String),
    /// Nobody stands in it.
    #[error("it names nobody")]
    Empty,
}

/// Reads the list; who stands in it twice counts once.
///
/// # Errors
/// At the first line that is wrong: a list that is read in part would leave people out.
pub fn read_borrower_list(input: impl Read) -> Result<BTreeSet<BorrowerId>, BorrowerListError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(input);
    // The library's own text quotes the line.
    let unreadable = |error: &csv::Error| {
        let line = error.position().map(|place| format!("at line {}", place.line())).unwrap_or_default();
        BorrowerListError::Read(format!("it is no CSV in UTF-8 {line}").trim_end().to_owned())
    };
    let header = reader.headers().map_err(|error| unreadable(&error))?;
    let named = |name: &str| name.trim_start_matches('\u{feff}').eq_ignore_ascii_case("borrower_id");
    let column = header.iter().position(named).ok_or(BorrowerListError::NoColumn)?;
    let mut borrowers = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let id = BorrowerId::new(record.get(column).unwrap_or_default())
            .map_err(|error| BorrowerListError::Line { line, problem: error.to_string() })?;
        borrowers.insert(id);
    }
    if borrowers.is_empty() { Err(BorrowerListError::Empty) } else { Ok(borrowers) }
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
    #[case::nobody("borrower_id\n", "it names nobody")]
    fn a_list_is_read_whole_or_not_at_all(#[case] text: &str, #[case] told: &str) {
        let read = match read_borrower_list(text.as_bytes()) {
            Ok(borrowers) => borrowers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(read, told);
    }
}
