//! Rule: what a newcomer meets first stays readable. Types are nouns and each name means one thing, every module says
//! what it is for, lines and functions end where a reader's eye does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::code_base::{CodeBase, Finding};

const MAX_COLUMNS: usize = 120;

const MAX_FUNCTION_LINES: usize = 90;

/// The most type names that stand in two or more files, in percent of all type names.
const MAX_SHARED_PERCENT: usize = 5;

/// Participles that do not end in "ed", and nouns that do.
const IRREGULAR: [&str; 16] = [
    "Asking", "Found", "Given", "Gone", "Held", "Kept", "Known", "Learnt", "Lent", "Said", "Seen", "Sent", "Shown",
    "Taken", "Telling", "Told",
];
const NOUNS: [&str; 3] = ["Feed", "Need", "Seed"];

/// The figures of a code base.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    participles: usize,
    types: usize,
    shared_types: usize,
    modules_without_doc: usize,
    wide_lines: usize,
    longest_function: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permille = 1000 * self.shared_types / self.types.max(1);
        writeln!(f, "participles as type names       {}", self.participles)?;
        writeln!(
            f,
            "type names in two or more files {} of {} ({}.{} %)",
            self.shared_types,
            self.types,
            permille / 10,
            permille % 10
        )?;
        writeln!(f, "modules without a //! line      {}", self.modules_without_doc)?;
        writeln!(f, "lines over {MAX_COLUMNS} columns           {}", self.wide_lines)?;
        write!(f, "longest function, in lines      {}", self.longest_function)
    }
}

/// Measures the code base, and finds what exceeds a limit.
pub(crate) fn measure(code_base: &CodeBase) -> (Shape, Vec<Finding>) {
    let (mut shape, mut findings) = (Shape::default(), Vec::new());
    let mut files_of_types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| code_base.files(folder)) {
        if !file.ends_with(".rs") {
            continue;
        }
        let text = code_base.read(&file);
        if !text.starts_with("//!") {
            shape.modules_without_doc += 1;
            findings.push(Finding::new(&file, 1, "has no `//!` line: say what the module is for".to_owned()));
        }
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let code_lines =
            |from: usize, to: usize| text.lines().skip(from - 1).take(to + 1 - from).filter(is_code).count();
        let mut items = Items::default();
        items.read(code_base.tokens(&file), true);
        for (name, line, end) in items.functions {
            let lines = code_lines(line, end);
            shape.longest_function = shape.longest_function.max(lines);
            if lines > MAX_FUNCTION_LINES {
                let advice = format!("`{name}` has {lines} lines, {MAX_FUNCTION_LINES} are the most: split it");
                findings.push(Finding::new(&file, line, advice));
            }
        }
        if file.starts_with("src/") {
            for (name, line) in items.types {
                if is_participle(&name) {
                    shape.participles += 1;
                    findings.push(Finding::new(
                        &file,
                        line,
                        format!("`{name}` is a participle: name the thing, by a noun"),
                    ));
                }
                files_of_types.entry(name).or_default().insert(file.clone());
            }
        }
    }
    for (file, line) in wide_lines(code_base) {
        shape.wide_lines += 1;
        findings.push(Finding::new(&file, line, format!("is wider than {MAX_COLUMNS} columns: wrap it")));
    }
    shape.types = files_of_types.len();
    let shared: Vec<_> = files_of_types.iter().filter(|(_, files)| files.len() > 1).map(|(name, _)| &**name).collect();
    shape.shared_types = shared.len();
    if shared.len() * 100 > MAX_SHARED_PERCENT * shape.types {
        let advice = format!(
            "{} of {} type names stand in two or more files, {MAX_SHARED_PERCENT} % at most: rename some of {}",
            shared.len(),
            shape.types,
            shared.join(", ")
        );
        findings.push(Finding::new("src", 1, advice));
    }
    (shape, findings)
}

/// Whether a type is called by a participle alone.
fn is_participle(name: &str) -> bool {
    let is_one_word = name.chars().skip(1).all(char::is_lowercase);
    is_one_word && !NOUNS.contains(&name) && (name.ends_with("ed") || IRREGULAR.contains(&name))
}

/// Lines that are too wide and can be wrapped. A table, a code block of Markdown, a link, a value of a settings file, a
/// line of code that holds a literal and the data of a test can not.
fn wide_lines(code_base: &CodeBase) -> Vec<(String, usize)> {
    let below = ["src", "tests", "benches", "deploy", "docs"].iter().flat_map(|folder| code_base.files(folder));
    let mut wide = Vec::new();
    for file in code_base.root_files().into_iter().chain(below) {
        let Some((_, kind)) = file.rsplit_once('.').filter(|(_, kind)| ["rs", "sql", "md", "toml"].contains(kind))
        else {
            continue;
        };
        let is_test = !file.starts_with("src/");
        let mut in_code = false;
        for (number, line) in (1..).zip(code_base.read(&file).lines()) {
            in_code ^= kind == "md" && line.trim_start().starts_with("```");
            let start = line.trim_start().trim_start_matches(['/', '!', ' ']);
            let is_free = match kind {
                "md" => in_code || start.starts_with('|') || line.contains("]("),
                "toml" => !line.starts_with("# ") || line.contains(" = ") || line.contains("---"),
                "rs" => {
                    start.starts_with('|') || (!line.trim_start().starts_with("//") && (is_test || line.contains('"')))
                }
                _ => false,
            };
            if !is_free && line.chars().count() > MAX_COLUMNS {
                wide.push((file.clone(), number));
            }
        }
    }
    wide
}

/// The types and functions of a file.
#[derive(Default)]
struct Items {
    /// Name and line.
    types: Vec<(String, usize)>,
    /// Name, first line and last line.
    functions: Vec<(String, usize, usize)>,
}

impl Items {
    /// `takes_aliases`: a `type` inside of an `impl` is no name of its own.
    fn read(&mut self, tokens: TokenStream, takes_aliases: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut function = None;
        let mut is_impl = false;
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) => {
                    let name = match tokens.get(index + 1) {
                        Some(TokenTree::Ident(name)) => name.to_string(),
                        _ => continue,
                    };
                    let line = word.span().start().line;
                    match word.to_string().as_str() {
                        "struct" | "enum" | "trait" | "union" => self.types.push((name, line)),
                        "type" if takes_aliases => self.types.push((name, line)),
                        "fn" => function = Some((name, line)),
                        "impl" => is_impl = true,
                        _ => {}
                    }
                    is_impl |= word == "trait";
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => function = None,
                TokenTree::Punct(mark) => is_impl |= mark.as_char() == '<' && is_impl_before(&tokens, index),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    if let Some((name, line)) = function.take() {
                        self.functions.push((name, line, group.span_close().end().line));
                    }
                    self.read(group.stream(), takes_aliases && !is_impl);
                    is_impl = false;
                }
                TokenTree::Group(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_impl_before(tokens: &[TokenTree], index: usize) -> bool {
    index > 0 && matches!(&tokens[index - 1], TokenTree::Ident(word) if word == "impl")
}

mod tests {
    use super::measure;
    use crate::code_base::made_up::places;

    #[test]
    fn a_participle_a_shared_name_a_silent_module_a_wide_line_and_a_long_function_are_found() {
        let long = format!("//! What for.\n\nfn long() {{\n{}}}\n", "    call();\n".repeat(90));
        let wide = format!("//! What for.\n\n// {}\n", "x".repeat(118));
        let code_base = [
            ("src/lib.rs", "pub struct Told;"),
            ("src/a.rs", "//! What for.\n\nenum Answer {}\n\nimpl X for Answer {\n    type Item = u8;\n}\n"),
            ("src/b.rs", "//! What for.\n\nstruct Answer;\n\nimpl<T> Y for Answer {\n    type Item = u8;\n}\n"),
            ("src/long.rs", &long),
            ("tests/it/wide.rs", &wide),
            ("docs/wide.md", &"x".repeat(121)),
            ("docs/table.md", &format!("|{}|", "x".repeat(121))),
        ];
        let found = places(&code_base, |code_base| measure(code_base).1);
        let expected =
            ["docs/wide.md:1", "src/lib.rs:1", "src/lib.rs:1", "src/long.rs:3", "src:1", "tests/it/wide.rs:3"];
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(sorted, expected);
    }
}
