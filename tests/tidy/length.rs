//! Rule: a file stays short enough to be read in one sitting.

use crate::house::{Finding, House};

const MAX_LINES: usize = 500;

/// Source, SQL and templates that are too long.
pub(crate) fn findings(house: &House) -> Vec<Finding> {
    let files = ["src", "tests", "benches", "migrations", "templates"].iter().flat_map(|folder| house.files(folder));
    files
        .filter(|file| is_read_by_people(file))
        .filter_map(|file| judge(&file, house.read(&file).lines().count()))
        .collect()
}

fn is_read_by_people(file: &str) -> bool {
    file.ends_with(".rs") || file.ends_with(".sql") || file.starts_with("templates/")
}

fn judge(file: &str, lines: usize) -> Option<Finding> {
    let advice = || format!("has {lines} lines, {MAX_LINES} are the most: split it by what its parts do");
    (lines > MAX_LINES).then(|| Finding::new(file, MAX_LINES + 1, advice()))
}

mod tests {
    use super::{MAX_LINES, findings};
    use crate::house::made_up::places;

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let full = "\n".repeat(MAX_LINES);
        let too_long = "\n".repeat(MAX_LINES + 1);
        let house = [
            ("src/lib.rs", &*full),
            ("src/plan/rule.rs", &too_long),
            ("tests/it/main.rs", &too_long),
            ("tests/it/snapshots/mail.snap", &too_long),
            ("benches/pipeline.rs", &too_long),
            ("migrations/sqlite/0001_ledger.sql", &too_long),
            ("templates/en/due.html", &too_long),
        ];
        let found = places(&house, findings);
        let expected = [
            "src/plan/rule.rs:501",
            "tests/it/main.rs:501",
            "benches/pipeline.rs:501",
            "migrations/sqlite/0001_ledger.sql:501",
            "templates/en/due.html:501",
        ];
        assert_eq!(found, expected);
    }
}
