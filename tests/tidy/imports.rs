//! Rule: imports go only downwards, and modules of one level never import each other. So each room can be read, tested
//! and replaced knowing only what is below it.
//!
//! Paths are found in the tokens, wherever they stand (`use`, code, macros, visibility, tests), so a comment is no
//! import and an import cannot hide.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::code_base::{CodeBase, Finding};
use crate::modules::{inline_module, modules};

/// The levels of the code base, from the ground up. The same table stands in src/lib.rs and in ARCHITECTURE.md.
const LEVELS: [&[&str]; 9] = [
    &["domain", "clock", "private_file"],
    &["plan", "render", "database_host", "host_names", "tls"],
    &["source", "store", "gateway", "probe", "webhook", "journal"],
    &["pipeline"],
    &["config"],
    &["app"],
    &["http"],
    &["daemon"],
    &["cli"],
];

/// The only module that the binary may know.
const FRONT_DOOR: &str = "cli";

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&module))
}

/// Imports that go up, sideways, or to where no level is known.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The rule about modules reports a `mod` that leads to no file.
    for module in modules(code_base, &mut Vec::new()).iter().filter(|module| module.target.starts_with("src/")) {
        let is_binary = module.target != "src/lib.rs";
        if let ([name], false) = (&*module.path, is_binary)
            && level(name).is_none()
        {
            let advice = format!(
                "`{name}` has no level: give it one in LEVELS of tests/tidy/imports.rs, or move it into a room"
            );
            findings.push(Finding::new(&module.file, 1, advice));
        }
        let mut imports = Vec::new();
        collect(code_base.tokens(&module.file), &module.path, &mut imports);
        for import in imports {
            let advice =
                if is_binary { judge_binary(&import.what) } else { judge(import.from.as_deref(), &import.what) };
            findings.extend(advice.map(|advice| Finding::new(&module.file, import.line, advice)));
        }
    }
    findings
}

/// The module that a path reaches at the crate's root.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    /// One module.
    Module(String),
    /// The root itself, by a glob or under another name.
    Root,
}

#[derive(Debug)]
struct Import {
    /// The room it stands in; `None` in the crate's root.
    from: Option<String>,
    what: Reached,
    line: usize,
}

/// The advice about an import, if it is wrong.
fn judge(from: Option<&str>, what: &Reached) -> Option<String> {
    let Reached::Module(to) = what else {
        return Some("imports the whole crate: name the module that is meant".to_owned());
    };
    let Some(below) = level(to) else {
        return Some(format!(
            "`{to}` is no module of LEVELS in tests/tidy/imports.rs: import from the module that it stands in"
        ));
    };
    let from = from.filter(|from| from != to)?;
    let own = level(from)?;
    let way = match below.cmp(&own) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => "sideways",
        std::cmp::Ordering::Greater => "up",
    };
    Some(format!(
        "`{from}` (level {own}) imports `{to}` (level {below}), {way}: move what is shared to a lower level, or let a \
         module \
         above both put them together"
    ))
}

fn judge_binary(what: &Reached) -> Option<String> {
    (*what != Reached::Module(FRONT_DOOR.to_owned()))
        .then(|| format!("the binary may import only `{FRONT_DOOR}`: move what it does there"))
}

/// Collects the imports in `tokens`, which are part of the module `here`.
fn collect(tokens: TokenStream, here: &[String], imports: &mut Vec<Import>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        index += 1;
        match token {
            TokenTree::Ident(word) if starts_path(&word.to_string()) => {
                let mut path = PathReader { from: here.first(), imports };
                index = path.read(&tokens, index - 1, here.len());
            }
            TokenTree::Group(group) => match inline_module(&tokens, index - 1) {
                Some(name) => collect(group.stream(), &[here, &[name]].concat(), imports),
                None => collect(group.stream(), here, imports),
            },
            // Derive macros take paths as text: `#[serde(with = "crate::…")]`.
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                if let Some(Ok(inner)) = quoted.filter(|text| text.starts_with("crate::")).map(str::parse) {
                    let first = imports.len();
                    collect(inner, here, imports);
                    let line = literal.span().start().line;
                    imports[first..].iter_mut().for_each(|import| import.line = line);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Whether a path that begins with this word may reach the crate's root.
fn starts_path(word: &str) -> bool {
    matches!(word, "crate" | "self" | "super" | "dueherald")
}

/// Reads one path, or one tree of a `use`.
struct PathReader<'a> {
    from: Option<&'a String>,
    imports: &'a mut Vec<Import>,
}

impl PathReader<'_> {
    /// Reads what begins at `index`, seen from a module `depth` below the crate's root. Gives the index behind it.
    fn read(&mut self, tokens: &[TokenTree], mut index: usize, mut depth: usize) -> usize {
        loop {
            let Some(token) = tokens.get(index) else { return index };
            index += 1;
            match token {
                TokenTree::Ident(word) => {
                    match word.to_string().as_str() {
                        "crate" | "dueherald" => depth = 0,
                        "super" => depth = depth.saturating_sub(1),
                        "self" => {}
                        // From here on the path leads down.
                        name => {
                            if depth == 0 {
                                self.found(Reached::Module(name.to_owned()), token);
                            }
                            return index;
                        }
                    }
                    if !is_separator(tokens, index) {
                        if depth == 0 && is_word(tokens, index, "as") {
                            self.found(Reached::Root, token);
                        }
                        return index;
                    }
                    index += 2;
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    for branch in inner.split(|token| is_punct(token, ',')) {
                        self.read(branch, 0, depth);
                    }
                    return index;
                }
                token => {
                    if depth == 0 && is_punct(token, '*') {
                        self.found(Reached::Root, token);
                    }
                    return index;
                }
            }
        }
    }

    fn found(&mut self, what: Reached, at: &TokenTree) {
        self.imports.push(Import { from: self.from.cloned(), what, line: at.span().start().line });
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_word(tokens: &[TokenTree], index: usize, wanted: &str) -> bool {
    matches!(tokens.get(index), Some(TokenTree::Ident(word)) if word == wanted)
}

/// Whether `::` stands at `index`.
fn is_separator(tokens: &[TokenTree], index: usize) -> bool {
    tokens.get(index..index + 2).is_some_and(|pair| pair.iter().all(|token| is_punct(token, ':')))
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::{inspect, places};
    use rstest::rstest;

    /// A code base in which a file of `plan` (level 1) holds `text` and the rooms around it are empty.
    fn plan_with(text: &str) -> Vec<String> {
        let code_base = [
            ("src/lib.rs", "mod clock; mod domain; mod plan; mod render; mod store; mod app;"),
            ("src/clock.rs", ""),
            ("src/domain/mod.rs", ""),
            ("src/plan/mod.rs", "mod rule;"),
            ("src/plan/rule.rs", text),
            ("src/render/mod.rs", ""),
            ("src/store/mod.rs", ""),
            ("src/app.rs", ""),
        ];
        places(&code_base, findings)
    }

    #[rstest]
    #[case::up("use crate::store::Store;")]
    #[case::sideways("use crate::render::Renderer;")]
    #[case::in_a_group("use crate::{domain::Money, store::{Store, StoreError}};")]
    #[case::in_a_nested_group("use {crate::{domain::{self, Money}, app}};")]
    #[case::in_code("fn f() { let _ = crate::store::open(); }")]
    #[case::in_a_type("fn f(_: &dyn crate::store::Store) {}")]
    #[case::in_a_macro("macro_rules! m { () => { $crate::store::open() }; }")]
    #[case::in_tests("#[cfg(test)] mod tests { use crate::store::Memory; }")]
    #[case::by_super("use super::super::store::Store;")]
    #[case::by_super_in_a_group("use super::{super::store, rule};")]
    #[case::by_super_from_tests("mod tests { use super::super::super::store::Memory; }")]
    #[case::by_the_crate_s_name("use dueherald::store::Store;")]
    #[case::in_an_attribute("#[serde(with = \"crate::store::text\")] struct S;")]
    #[case::the_whole_crate("use crate::*;")]
    #[case::the_crate_renamed("use crate as house;")]
    #[case::the_root_renamed("use super::super as house;")]
    #[case::a_reexport_of_the_root("use crate::Store;")]
    fn a_bad_import_is_found(#[case] text: &str) {
        assert_eq!(plan_with(text), ["src/plan/rule.rs:1"]);
        let third_line = format!("\n\n{text}");
        assert_eq!(plan_with(&third_line), ["src/plan/rule.rs:3"]);
    }

    #[rstest]
    #[case::down("use crate::domain::Money; use crate::{clock::Clock, domain::{self, State}};")]
    #[case::within_the_room("use super::planner; use crate::plan::Rule; use self::inner::X; use super::*;")]
    #[case::from_tests_to_their_module("mod tests { use super::*; use super::super::planner; }")]
    #[case::visibility("pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::plan) fn h() {}")]
    #[case::comments(
        "//! See [`crate::store`].\n/// [`Store`](super::super::store::Store)\n// use crate::store;\nfn f() {}"
    )]
    #[case::text("const S: &str = \"use crate::store\";")]
    #[case::methods("impl S { fn f(self) -> Self { self.store } }")]
    #[case::other_crates("use std::{store::X, render}; use sqlx::store;")]
    fn a_good_import_is_not(#[case] text: &str) {
        assert_eq!(plan_with(text), [""; 0]);
    }

    #[test]
    fn rooms_of_the_ground_floor_do_not_know_each_other() {
        let code_base = [
            ("src/lib.rs", "mod clock; mod domain;"),
            ("src/clock.rs", "use crate::domain::Money;"),
            ("src/domain.rs", "use super::clock::Clock;"),
        ];
        assert_eq!(places(&code_base, findings), ["src/clock.rs:1", "src/domain.rs:1"]);
    }

    #[test]
    fn the_binary_knows_only_the_command_line() {
        let good = [("src/lib.rs", ""), ("src/main.rs", "fn main() { dueherald::cli::main() }")];
        assert_eq!(places(&good, findings), [""; 0]);
        let bad =
            [("src/lib.rs", ""), ("src/main.rs", "use dueherald::{cli, store};\nuse dueherald::*;\nfn main() {}")];
        assert_eq!(places(&bad, findings), ["src/main.rs:1", "src/main.rs:2"]);
    }

    #[test]
    fn a_room_without_a_level_is_found() {
        let found = inspect(&[("src/lib.rs", "mod billing;"), ("src/billing/mod.rs", "")], findings);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "src/billing/mod.rs:1");
        assert!(found[0].1.contains("has no level"), "{}", found[0].1);
    }
}
