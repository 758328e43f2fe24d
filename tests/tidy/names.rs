//! Rule: a file or module is called after what it holds. A word that fits everything says nothing, and a second version
//! beside the first is a change that was not finished.

use proc_macro2::{TokenStream, TokenTree};

use crate::code_base::{CodeBase, Finding};

const SAY_NOTHING: [&str; 5] = ["helper", "util", "manager", "misc", "common"];

/// Files, folders and modules with a name that says nothing.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in ["src", "tests", "benches", "migrations", "templates"].iter().flat_map(|folder| code_base.files(folder))
    {
        // A snapshot is called after its test.
        if file.ends_with(".snap") {
            continue;
        }
        let bad = file.split('/').find_map(|part| judge(part.split_once('.').map_or(part, |(stem, _)| stem)));
        findings.extend(bad.map(|advice| Finding::new(&file, 1, advice)));
        if file.ends_with(".rs") {
            modules(code_base.tokens(&file), &mut |name, line| {
                findings.extend(judge(name).map(|advice| Finding::new(&file, line, advice)));
            });
        }
    }
    findings
}

fn judge(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if let Some(word) = SAY_NOTHING.iter().find(|word| lower.contains(*word)) {
        return Some(format!("`{name}`: \"{word}\" fits everything: call it after what it holds or does"));
    }
    let version = lower.rsplit_once("_v").is_some_and(|(_, number)| number.parse::<u32>().is_ok());
    (version || lower.ends_with("_new"))
        .then(|| format!("`{name}`: change the old one in place instead of adding a second"))
}

/// Calls `seen` with the name and line of each `mod name`.
fn modules(tokens: TokenStream, seen: &mut dyn FnMut(&str, usize)) {
    let mut after_mod = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(name) if after_mod => seen(&name.to_string(), name.span().start().line),
            TokenTree::Group(group) => modules(group.stream(), seen),
            _ => {}
        }
        after_mod = matches!(&token, TokenTree::Ident(word) if word == "mod");
    }
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::places;

    #[test]
    fn a_name_that_says_nothing_is_found() {
        let code_base = [
            ("src/lib.rs", "mod plan;\nmod test_helpers {}"),
            ("src/plan/utils.rs", ""),
            ("src/queue_manager/mod.rs", ""),
            ("src/store_v2.rs", ""),
            ("tests/it/misc.rs", ""),
            ("tests/it/claim_new.rs", ""),
            ("templates/common/footer.html", ""),
        ];
        let expected = [
            "src/lib.rs:2",
            "src/plan/utils.rs:1",
            "src/queue_manager/mod.rs:1",
            "src/store_v2.rs:1",
            "tests/it/claim_new.rs:1",
            "tests/it/misc.rs:1",
            "templates/common/footer.html:1",
        ];
        assert_eq!(places(&code_base, findings), expected);
    }

    #[test]
    fn names_that_say_something_are_not() {
        let code_base = [
            ("src/lib.rs", "mod retry; // mod helpers;"),
            ("src/retry.rs", "fn new_plan() {} struct Manager;"),
            ("src/renewal.rs", ""),
            ("tests/it/snapshots/it__common_words.snap", ""),
        ];
        assert_eq!(places(&code_base, findings), [""; 0]);
    }
}
