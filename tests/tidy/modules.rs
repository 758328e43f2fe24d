//! Rule: every `.rs` file belongs to a module of something that Cargo builds. One that does not is never compiled, and
//! its tests never run.

use std::collections::BTreeSet;
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::code_base::{CodeBase, Finding, folder_of, join};

/// A file as a module of one build target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// The file.
    pub(crate) file: String,
    /// Its names from the crate's root down: `["plan", "rule"]`; none for the root itself.
    pub(crate) path: Vec<String>,
    /// The file that its target begins with.
    pub(crate) target: String,
}

/// Files that no `mod` leads to, and `mod` declarations without a file.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let mut findings = Vec::new();
    let known: BTreeSet<_> = modules(code_base, &mut findings).into_iter().map(|module| module.file).collect();
    let files = ["src", "tests", "benches"].iter().flat_map(|folder| code_base.files(folder));
    for file in files.filter(|file| file.ends_with(".rs") && !known.contains(file)) {
        let advice = "belongs to no module, so it is never compiled: declare it with `mod`, give it a target in \
            Cargo.toml, \
                      or remove it";
        findings.push(Finding::new(&file, 1, advice.to_owned()));
    }
    findings
}

/// The modules of every target, found by following `mod` from the file it begins with.
pub(crate) fn modules(code_base: &CodeBase, findings: &mut Vec<Finding>) -> Vec<Module> {
    let mut modules = Vec::new();
    for target in targets(code_base) {
        let root = Module { file: target.clone(), path: Vec::new(), target };
        let folder = folder_of(&root.file).to_owned();
        follow(code_base, root, &folder, &mut modules, findings);
    }
    modules
}

/// The files that the targets begin with: Cargo itself says which.
fn targets(code_base: &CodeBase) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(code_base.root())
        .output()
        .expect("cargo can be run: it is what runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let root = metadata["workspace_root"].as_str().expect("cargo metadata names its root");
    let targets = metadata["packages"][0]["targets"].as_array().expect("cargo metadata lists the targets");
    let file = |target: &serde_json::Value| Some(target["src_path"].as_str()?.strip_prefix(root)?[1..].to_owned());
    targets.iter().filter_map(file).filter(|file| code_base.has(file)).collect()
}

/// Takes `module` and what its `mod` items lead to. Files of its children stand in `folder`.
fn follow(code_base: &CodeBase, module: Module, folder: &str, modules: &mut Vec<Module>, findings: &mut Vec<Finding>) {
    for child in children(code_base.tokens(&module.file), &[]) {
        let (file, below) = match &child.path_attribute {
            // A file that is named by `#[path]` has its children beside it, as mod.rs has.
            Some(path) => {
                let file = join(folder_of(&module.file), path);
                (file.clone(), folder_of(&file).to_owned())
            }
            None => {
                let below = child.names.iter().fold(folder.to_owned(), |folder, name| join(&folder, name));
                let nested = format!("{below}/mod.rs");
                (if code_base.has(&nested) { nested } else { format!("{below}.rs") }, below)
            }
        };
        if !code_base.has(&file) {
            let advice = format!("`mod {}` has no file: write {file}, or drop the line", child.names.join("::"));
            findings.push(Finding::new(&module.file, child.line, advice));
            continue;
        }
        let path = module.path.iter().chain(&child.names).cloned().collect();
        follow(code_base, Module { file, path, target: module.target.clone() }, &below, modules, findings);
    }
    modules.push(module);
}

/// A `mod name;`, with the names of the inline modules around it.
struct Child {
    names: Vec<String>,
    path_attribute: Option<String>,
    line: usize,
}

fn children(tokens: TokenStream, outer: &[String]) -> Vec<Child> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut found = Vec::new();
    let mut path_attribute = None;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                path_attribute = path_of(group.stream()).or(path_attribute);
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => path_attribute = None,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                path_attribute = None;
                if let Some(name) = inline_module(&tokens, index) {
                    found.extend(children(group.stream(), &[outer, &[name]].concat()));
                }
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(end))) =
                    (tokens.get(index + 1), tokens.get(index + 2))
                    && end.as_char() == ';'
                {
                    let names = [outer, &[name.to_string()]].concat();
                    let line = word.span().start().line;
                    found.push(Child { names, path_attribute: path_attribute.take(), line });
                }
            }
            _ => {}
        }
    }
    found
}

/// The name of the module whose body the group at `index` is, if it is one.
pub(crate) fn inline_module(tokens: &[TokenTree], index: usize) -> Option<String> {
    match (tokens.get(index.checked_sub(2)?)?, tokens.get(index - 1)?) {
        (TokenTree::Ident(word), TokenTree::Ident(name)) if word == "mod" => Some(name.to_string()),
        _ => None,
    }
}

/// The file in `path = "file"`, the inside of an attribute.
fn path_of(attribute: TokenStream) -> Option<String> {
    let text = attribute.to_string();
    let value = text.strip_prefix("path")?.trim_start().strip_prefix('=')?;
    Some(value.trim().trim_matches('"').to_owned())
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::{inspect, places};

    #[test]
    fn a_file_that_no_mod_leads_to_is_found() {
        let code_base = [
            ("src/lib.rs", "mod plan;\nmod inline { mod deep; }\n"),
            ("src/plan/mod.rs", "#[cfg(test)]\nmod rule;\n// mod ghost;\n"),
            ("src/plan/rule.rs", ""),
            ("src/plan/ghost.rs", ""),
            ("src/inline/deep.rs", ""),
            ("src/main.rs", "fn main() {}"),
            ("tests/it/main.rs", "mod store;"),
            ("tests/it/store.rs", "mod cases;"),
            ("tests/it/store/cases.rs", ""),
            ("tests/it/forgotten.rs", ""),
        ];
        assert_eq!(places(&code_base, findings), ["src/plan/ghost.rs:1", "tests/it/forgotten.rs:1"]);
    }

    #[test]
    fn a_file_named_by_a_path_attribute_and_its_children_belong() {
        let code_base = [
            ("src/lib.rs", ""),
            ("tests/tidy.rs", "#[path = \"tidy/docs.rs\"]\nmod docs;\n"),
            ("tests/tidy/docs.rs", "mod words;\n#[path = \"../shared/body.rs\"]\nmod body;\n"),
            ("tests/shared/body.rs", ""),
            ("tests/tidy/words.rs", ""),
            ("tests/tidy/stray.rs", ""),
        ];
        assert_eq!(places(&code_base, findings), ["tests/tidy/stray.rs:1"]);
    }

    #[test]
    fn a_test_file_that_cargo_does_not_build_is_found() {
        let manifest = "[package]\nname = \"dueherald\"\nedition = \"2024\"\nautotests = false\n";
        let code_base = [("Cargo.toml", manifest), ("src/lib.rs", ""), ("tests/sim.rs", "")];
        assert_eq!(places(&code_base, findings), ["tests/sim.rs:1"]);
    }

    #[test]
    fn a_mod_without_a_file_is_found() {
        let found = inspect(&[("src/lib.rs", "\nmod plan;\n")], findings);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "src/lib.rs:2");
        assert!(found[0].1.contains("src/plan.rs"), "{}", found[0].1);
    }
}
