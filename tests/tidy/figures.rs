//! Rule: an alert asks for figures that the daemon exports. One that asks for another name never fires, and nobody
//! notices.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use crate::code_base::{CodeBase, Finding};

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const PREFIX: &str = "dueherald_";

/// Figures in the alerts that no string in `src` names.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let mut exported = BTreeSet::new();
    for file in code_base.files("src").iter().filter(|file| file.ends_with(".rs")) {
        strings(code_base.tokens(file), &mut exported);
    }
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(code_base.read(ALERTS).lines()) {
        let unknown = named(line).filter(|name| !is_exported(name, &exported));
        findings.extend(unknown.map(|name| Finding::new(ALERTS, number, format!("`{name}`: no figure has that name"))));
    }
    findings
}

fn named(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    // A rule may be called after a figure; only what it asks for counts.
    let asked = line.split('#').next().unwrap_or_default();
    asked.split(move |letter| !is_part(letter)).filter(|word| word.starts_with(PREFIX))
}

/// Histograms and summaries have figures of their own beside their name.
fn is_exported(name: &str, exported: &BTreeSet<String>) -> bool {
    let stems = ["_bucket", "_sum", "_count"].iter().filter_map(|ending| name.strip_suffix(ending));
    exported.contains(name) || stems.into_iter().any(|stem| exported.contains(stem))
}

fn strings(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let inner = text.trim_matches('"');
                if inner.starts_with(PREFIX) {
                    found.insert(inner.to_owned());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_exported_is_found_and_the_parts_of_a_histogram_are_known() {
        let exported = BTreeSet::from(["dueherald_sent_total", "dueherald_age_seconds"].map(str::to_owned));
        let asked = "rate(dueherald_sent_total[5m]) / dueherald_age_seconds_bucket > dueherald_gone  # dueherald_note";
        let unknown: Vec<_> = named(asked).filter(|name| !is_exported(name, &exported)).collect();
        assert_eq!(unknown, ["dueherald_gone"]);
    }
}
