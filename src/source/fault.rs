//! Faults of a record, without any of its values.

use std::borrow::Cow;
use std::fmt;

use super::Column;

/// One thing that is wrong with a record. Holds no value of the record: at most the number of a line, a field or a
/// character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which column; `None` if it is the record as a whole.
    pub column: Option<Column>,
    /// What is wrong and what would be right; reads on from the column's name.
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

/// What was found wrong with one record so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// A fault of the record as a whole.
    pub(super) fn record(&mut self, problem: impl Into<Cow<'static, str>>) {
        self.0.push(Fault { column: None, problem: problem.into() });
    }

    /// A fault of one column. The first of a column is told, what follows from it is not.
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
