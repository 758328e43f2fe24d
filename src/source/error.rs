//! Why an input as a whole cannot be imported.

use std::io;

use super::{Column, Encoding, UnknownColumn};

/// Why an input as a whole cannot be imported. Says what to do about it; repeats nothing of the input but column names.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The input failed while it was read.
    #[error("it could not be read at line {line}: {source}")]
    Read {
        /// The line that was being read, from 1.
        line: u64,
        /// The system's error.
        source: io::Error,
    },
    /// It is not UTF-8, or not all of it.
    #[error(
        "line {line} is not UTF-8 text, which puts every other line in doubt, so nothing was taken; pass --encoding \
         gb18030 if Excel in \
         Chinese wrote the file, or save it as “CSV UTF-8”"
    )]
    NotUtf8 {
        /// The first such line, from 1.
        line: u64,
    },
    /// It is UTF-8 by chance, as it seems.
    #[error(
        "it seems to be GBK, in which some names read as UTF-8 by chance, so nothing was taken; pass --encoding \
         gb18030 if Excel in \
         Chinese wrote the file, or --encoding utf-8 if it is right as it is"
    )]
    MaybeGbk,
    /// It is not in the encoding that was named.
    #[error(
        "line {line} is not text in {encoding}, so nothing was taken; pass the encoding that the file is written in, \
         or save it as \
         “CSV UTF-8”"
    )]
    Malformed {
        /// The first such line, from 1.
        line: u64,
        /// Which encoding.
        encoding: Encoding,
    },
    /// It may be a part of a file, and only a whole one is wanted.
    #[error(
        "its last line has no line end, so the file may be cut off, and nothing was taken; send it again, end the \
         line, or leave out \
         --strict"
    )]
    CutOff,
    /// Nothing at all in it, not even a header.
    #[error("it is empty; a CSV file needs a header line, even without records")]
    Empty,
    /// It is certainly not in the expected format.
    #[error("it {what}; {advice}")]
    Foreign {
        /// The finding, as "is …" or "has …".
        what: &'static str,
        /// The remedy.
        advice: &'static str,
    },
    /// The first line of a CSV names no column.
    #[error(
        "its first line names no column; it must be a header line such as \
         merchant,borrower_id,installment_id,amount,currency,due_date"
    )]
    NoHeader,
    /// A required column is not in the header.
    #[error("its header line lacks {}{}", list(missing), hints(slips))]
    MissingColumns {
        /// Every one that is missing.
        missing: Vec<Column>,
        /// Names in the header that may be meant for them.
        slips: Vec<UnknownColumn>,
    },
    /// A column is in the header twice.
    #[error("its header line has the column {column} twice; keep one")]
    TwiceColumn {
        /// Which.
        column: Column,
    },
}

fn list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
    match names.as_slice() {
        [one] => format!("the column {one}"),
        _ => format!("the columns {}", names.join(", ")),
    }
}

fn hints(slips: &[UnknownColumn]) -> String {
    let hint = |slip: &UnknownColumn| slip.nearest.map(|column| format!("; is “{}” meant for {column}?", slip.name));
    slips.iter().filter_map(hint).collect()
}
