//! Unknown column names and the names of the rejects columns.

use std::fmt;

use super::Column;

/// How many unknown names are reported; a file with more is another kind of file.
const MAX_NAMES: usize = 50;

/// The column and key of the rejects file for the line number of a record.
pub(super) const LINE: &str = "line";
/// The column and key of the rejects file for the reason why a record was refused.
pub(super) const REASON: &str = "reason";
/// The key of the rejects file for a line that is not JSON.
pub(super) const ORIGINAL: &str = "original";

/// The columns that the rejects file adds to a record; ignored silently when that file is corrected and imported.
pub(super) const REJECTS_COLUMNS: [&str; 3] = [LINE, REASON, ORIGINAL];

/// A column or key that an import does not have, reported once for the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumn {
    /// Its name, at most 40 characters of it.
    pub name: String,
    /// The column that may have been meant.
    pub nearest: Option<Column>,
}

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column “{}” is not known and was passed over", self.name)?;
        match self.nearest {
            Some(column) => write!(f, "; is {column} meant?"),
            None => Ok(()),
        }
    }
}

/// The unknown names of an input, each once.
#[derive(Debug, Default)]
pub(super) struct UnknownNames(Vec<UnknownColumn>);

impl UnknownNames {
    /// Notes a name that is no column's.
    pub(super) fn note(&mut self, name: &str) {
        if name.trim().is_empty() || REJECTS_COLUMNS.contains(&name) || self.0.len() == MAX_NAMES {
            return;
        }
        let shown = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
        let shown: String = name.trim().chars().map(shown).take(40).collect();
        if !self.0.iter().any(|known| known.name == shown) {
            self.0.push(UnknownColumn { name: shown, nearest: Column::nearest(name) });
        }
    }

    pub(super) fn names(&self) -> &[UnknownColumn] {
        &self.0
    }
}
