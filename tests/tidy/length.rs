//! Rule: a file stays short enough to be read in one sitting, and the map of the code base in five minutes.

use crate::code_base::{CodeBase, Finding};

const MAX_LINES: usize = 500;

/// The map, and the most words that it may have.
const MAP: (&str, usize) = ("ARCHITECTURE.md", 1_200);

/// Source, SQL and templates that are too long.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let files =
        ["src", "tests", "benches", "migrations", "templates"].iter().flat_map(|folder| code_base.files(folder));
    let long = files
        .filter(|file| is_read_by_people(file))
        .filter_map(|file| judge(&file, code_base.read(&file).lines().count()));
    long.chain(judge_map(code_base)).collect()
}

fn judge_map(code_base: &CodeBase) -> Option<Finding> {
    let (map, most) = MAP;
    let words = if code_base.has(map) { code_base.read(map).split_whitespace().count() } else { 0 };
    let advice = || format!("has {words} words, {most} are the most: move details to docs/internals or module docs");
    (words > most).then(|| Finding::new(map, 1, advice()))
}

fn is_read_by_people(file: &str) -> bool {
    file.ends_with(".rs") || file.ends_with(".sql") || file.starts_with("templates/")
}

fn judge(file: &str, lines: usize) -> Option<Finding> {
    let advice = || format!("has {lines} lines, {MAX_LINES} are the most: split it by what its parts do");
    (lines > MAX_LINES).then(|| Finding::new(file, MAX_LINES + 1, advice()))
}

mod tests {
    use super::{MAP, MAX_LINES, findings};
    use crate::code_base::made_up::places;

    #[test]
    fn a_map_that_is_too_long_is_found() {
        let (full, too_long) = ("word ".repeat(MAP.1), "word ".repeat(MAP.1 + 1));
        assert_eq!(places(&[("ARCHITECTURE.md", &full)], findings), [""; 0]);
        assert_eq!(places(&[("ARCHITECTURE.md", &too_long)], findings), ["ARCHITECTURE.md:1"]);
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let full = "\n".repeat(MAX_LINES);
        let too_long = "\n".repeat(MAX_LINES + 1);
        let code_base = [
            ("src/lib.rs", &*full),
            ("src/plan/rule.rs", &too_long),
            ("tests/it/main.rs", &too_long),
            ("tests/it/snapshots/mail.snap", &too_long),
            ("benches/pipeline.rs", &too_long),
            ("migrations/sqlite/0001_ledger.sql", &too_long),
            ("templates/en/due.html", &too_long),
        ];
        let found = places(&code_base, findings);
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
