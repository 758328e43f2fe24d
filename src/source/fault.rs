//! Faults of a record, without any of its values.

use std::borrow::Cow;
use std::fmt;

use super::Column;

/// One fault of a record. Holds no value of the record: at most the number of a line, a field or a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The column; `None` if the fault is in the record as a whole.
    pub column: Option<Column>,
    /// The problem and the remedy; reads on from the column's name.
    pub problem: Cow<'static, str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{column} {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

/// The faults of one record found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// A fault of the record as a whole.
    pub(super) fn record(&mut self, problem: impl Into<Cow<'static, str>>) {
        self.0.push(Fault { column: None, problem: problem.into() });
    }

    /// Adds a fault of one column. Only the first of a column is kept; later ones follow from it.
    pub(super) fn column(&mut self, column: Column, problem: impl Into<Cow<'static, str>>) {
        if !self.0.iter().any(|fault| fault.column == Some(column)) {
            self.0.push(Fault { column: Some(column), problem: problem.into() });
        }
    }

    /// Whether a fault of this column is known.
    pub(super) fn has(&self, column: Column) -> bool {
        self.0.iter().any(|fault| fault.column == Some(column))
    }

    /// Whether one of them refuses the record; the others only lose their cells.
    pub(super) fn refuse(&self) -> bool {
        self.0.iter().any(|fault| fault.column.is_none_or(Column::decides))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_one_line(&self.0))
    }
}

/// Several faults in one line.
pub(super) fn in_one_line(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
