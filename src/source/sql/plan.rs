//! Reads a database's plan for a page: which tables it reads whole.

use super::field::Field;
use super::query::Dialect;

/// A table that the database reads whole for each page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeRead {
    /// The table, as the plan names it.
    pub table: String,
    /// About how many rows it has, if the plan says so.
    pub rows: Option<u64>,
}

/// The tables that a plan reads whole.
pub(super) fn whole_reads(dialect: Dialect, plan: &[Vec<Field>]) -> Vec<WholeRead> {
    let read = |row: &Vec<Field>| match dialect {
        Dialect::Postgres => postgres(&row.first()?.cell()),
        Dialect::MySql => mysql(row),
        Dialect::Sqlite => sqlite(&row.last()?.cell()),
    };
    let mut found: Vec<WholeRead> = plan.iter().filter_map(read).collect();
    found.dedup();
    found
}

/// `->  Seq Scan on loan l  (cost=0.00..1.05 rows=1 width=4)`
fn postgres(line: &str) -> Option<WholeRead> {
    let (_, rest) = line.split_once("Seq Scan on ")?;
    let table = rest.split([' ', '(']).next()?.to_owned();
    Some(WholeRead { table, rows: None })
}

/// MariaDB has ten columns, and MySQL twelve.
fn mysql(row: &[Field]) -> Option<WholeRead> {
    let (kind, rows) = if row.len() == 10 { (3, 8) } else { (4, 9) };
    if !matches!(row.get(kind)?.cell().as_str(), "ALL" | "index") {
        return None;
    }
    Some(WholeRead { table: row.get(2)?.cell(), rows: row.get(rows)?.cell().parse().ok() })
}

/// `SCAN loan`, or `SCAN loan USING INDEX …`.
fn sqlite(line: &str) -> Option<WholeRead> {
    let rest = line.strip_prefix("SCAN ")?;
    let table = rest.split(' ').next()?.to_owned();
    Some(WholeRead { table, rows: None })
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Field, WholeRead, whole_reads};

    fn texts(row: &[&str]) -> Vec<Field> {
        row.iter().map(|text| Field::Text((*text).to_owned())).collect()
    }

    #[test]
    fn tables_that_are_read_whole_are_found_in_each_plan() {
        let whole = |table: &str, rows| vec![WholeRead { table: table.to_owned(), rows }];
        let postgres = [
            "Limit  (cost=1.05..1.06 rows=1 width=4)",
            "  ->  Index Scan using loan_pkey on loan l  (cost=0.15..8.17 rows=1 width=4)",
            "        ->  Parallel Seq Scan on schedule s  (cost=0.00..1.05 rows=1 width=4)",
        ];
        let postgres = postgres.map(|line| texts(&[line]));
        assert_eq!(whole_reads(Dialect::Postgres, &postgres), whole("schedule", None));
        let mariadb = [
            texts(&["1", "SIMPLE", "l", "ALL", "", "", "", "", "1000", "Using where; Using filesort"]),
            texts(&["1", "SIMPLE", "s", "ref", "loan", "loan", "8", "l.id", "4", ""]),
        ];
        assert_eq!(whole_reads(Dialect::MySql, &mariadb), whole("l", Some(1000)));
        let mysql = texts(&["1", "SIMPLE", "l", "", "ALL", "", "", "", "", "1000", "33.3", "Using where"]);
        assert_eq!(whole_reads(Dialect::MySql, &[mysql]), whole("l", Some(1000)));
        let sqlite =
            [texts(&["2", "0", "0", "SCAN loan"]), texts(&["3", "0", "0", "SEARCH s USING INDEX of_loan (loan=?)"])];
        assert_eq!(whole_reads(Dialect::Sqlite, &sqlite), whole("loan", None));
    }
}
