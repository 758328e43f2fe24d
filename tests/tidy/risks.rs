//! Rule: each test that the threat model names exists. A risk whose test is gone stands open, and nobody sees it.

use std::collections::BTreeSet;

use crate::code_base::{CodeBase, Finding};

/// The threat model.
const MODEL: &str = "docs/security.md";

/// Names in code style within the last column of the tables of risks that no function of the code base has; and risks
/// without any.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    if !code_base.has(MODEL) {
        return Vec::new();
    }
    let functions = functions(code_base);
    let mut findings = Vec::new();
    let mut in_risks = false;
    for (number, line) in (1..).zip(code_base.read(MODEL).lines()) {
        if !line.starts_with('|') {
            in_risks = false;
        } else if line.ends_with("| Tests |") {
            in_risks = true;
        } else if in_risks && !line.contains("---") {
            let tests = tests_in(line);
            if tests.is_empty() {
                findings.push(Finding::new(MODEL, number, "names no test: say which shows it".to_owned()));
            }
            let missing = tests.into_iter().filter(|test| !functions.contains(*test));
            let advice = missing.map(|test| format!("names the test {test}, which does not exist: mend the text"));
            findings.extend(advice.map(|advice| Finding::new(MODEL, number, advice)));
        }
    }
    findings
}

/// The names in the last column of a row.
fn tests_in(row: &str) -> Vec<&str> {
    let column = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
    column.split('`').skip(1).step_by(2).collect()
}

/// The names of all functions.
fn functions(code_base: &CodeBase) -> BTreeSet<String> {
    let files = ["src", "tests"].iter().flat_map(|folder| code_base.files(folder)).filter(|file| file.ends_with(".rs"));
    let mut functions = BTreeSet::new();
    for file in files {
        for after in code_base.read(&file).split("fn ").skip(1) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            functions.insert(after.chars().take_while(|c| is_part(*c)).collect());
        }
    }
    functions
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::inspect;

    #[test]
    fn a_risk_needs_a_test_that_exists() {
        let text = "| Risk | What | Tests |\n| --- | --- | --- |\n| a | b | `there`, `gone` |\n| a | b | |\n\n| x | \
            `gone` |\n";
        let code_base = [("docs/security.md", text), ("tests/it/main.rs", "async fn there() {}")];
        let found: Vec<_> = inspect(&code_base, findings).into_iter().map(|(place, _)| place).collect();
        assert_eq!(found, ["docs/security.md:3", "docs/security.md:4"]);
    }
}
