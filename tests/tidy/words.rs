//! Rule: sentences are plain. CONTRIBUTING.md describes four habits that make a sentence odd; this finds their clearest
//! signs.
//!
//! Documents, the sample config, comments and string literals must be free of them.

use proc_macro2::{TokenStream, TokenTree};
use regex::Regex;

use crate::code_base::{CodeBase, Finding};

/// A sign of an odd sentence, as a regular expression over prose, and advice.
const SIGNS: [(&str, &str); 13] = [
    (r"\b(?:is|are|was|were|be|been) (?:not )?found out\b", "say who finds what: \"could not check …\""),
    (r"\b(?:is|are|was|were|be|been) looked at\b", "say who checks or reads it"),
    (r"\bit (?:is|was) taken that\b", "say who assumes it"),
    (r"\b(?:is|are|was|were|be|been) told(?: by| from|[.,;:]|$)", "say who reports, logs or recognises it"),
    (r"\bcould not be told\b", "say what failed: \"could not report …\""),
    (r"\b(?:came|had come) to(?: its end|[.,;:]|$)", "say what the result is, or that it is complete"),
    (r"\bof late\b", "write \"recently\" or \"recent\""),
    (r"\b(?:is|are|all) well(?:[.,;:]| again\b|$)", "write \"healthy\" or \"works\""),
    (r"\bone too many\b", "write \"more than allowed\" or \"over the limit\""),
    (r"\b(?:lies?|is|are) before a person\b", "say that a person resolves it"),
    (
        r"\b(?:by and by|in (?:its|their) stead|as things stand)\b",
        "write the plain word: \"gradually\", \"instead\", \"now\"",
    ),
    (
        r"\b(?:stands?|stood) (?:in (?:it|its|the|a|an|which|line)|here|there|behind|before|last|first|twice)\b",
        "write \"is\" or \"contains\"",
    ),
    (r"\bput on record\b", "write \"record\" or \"recorded\""),
];

/// A headless clause as a noun, at the beginning of a comment.
const HEADLESS: &str = r"^(?:What|Whose|Who|Whom) ";

/// Signs in documents, settings, comments and string literals.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let signs = SIGNS.map(|(sign, advice)| (expression(sign), advice));
    let mut findings = Vec::new();
    for file in prose_files(code_base) {
        let text = code_base.read(&file);
        let is_markdown = file.ends_with(".md");
        let lines = if is_markdown { markdown(&text) } else { hash_comments(&text) };
        findings.extend(judge(&file, &lines, &signs));
        if !is_markdown {
            findings.extend(headless(&file, &lines));
        }
    }
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| code_base.files(folder)) {
        // This file quotes the signs.
        if !file.ends_with(".rs") || file.ends_with("tests/tidy/words.rs") {
            continue;
        }
        let comments = rust_comments(&code_base.read(&file));
        findings.extend(judge(&file, &comments, &signs));
        findings.extend(headless(&file, &comments));
        if file.starts_with("src/") {
            let mut literals = Vec::new();
            strings(code_base.tokens(&file), &mut literals);
            for literal in literals {
                findings.extend(judge(&file, &[literal], &signs));
            }
        }
    }
    findings
}

/// Documents and settings. The changelog is history.
fn prose_files(code_base: &CodeBase) -> impl Iterator<Item = String> {
    let below = ["deploy", "docs", ".github"].into_iter().flat_map(|folder| code_base.files(folder));
    let kinds = [".md", ".toml", ".yml", ".service", ".sql"];
    let files = code_base.root_files().into_iter().chain(below);
    files.filter(move |file| kinds.iter().any(|kind| file.ends_with(kind)) && file != "CHANGELOG.md")
}

fn expression(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The signs in lines of prose, which are read as one text, as a phrase may go on in the next line.
fn judge(file: &str, lines: &[(usize, String)], signs: &[(Regex, &str)]) -> Vec<Finding> {
    let mut text = String::new();
    let mut starts = Vec::new();
    for (number, line) in lines {
        starts.push((text.len(), *number));
        text.push_str(line.trim());
        text.push(' ');
    }
    let mut findings = Vec::new();
    for (sign, advice) in signs {
        for found in sign.find_iter(&text) {
            let line = starts.iter().rev().find(|(start, _)| *start <= found.start()).map_or(1, |(_, number)| *number);
            findings.push(Finding::new(file, line, format!("says \"{}\": {advice}", found.as_str().trim())));
        }
    }
    findings
}

/// Comments that begin with a headless clause.
fn headless(file: &str, comments: &[(usize, String)]) -> Vec<Finding> {
    let begins = expression(HEADLESS);
    let is_first = |at: usize| at == 0 || comments[at - 1].0 + 1 != comments[at].0;
    let first = (0..comments.len()).filter(|at| is_first(*at));
    let odd = first.filter(|at| begins.is_match(comments[*at].1.trim()));
    odd.map(|at| Finding::new(file, comments[at].0, "begins with a clause as a noun: name the thing".into())).collect()
}

/// The prose of Markdown: without code, quotations, and examples of what not to write.
fn markdown(text: &str) -> Vec<(usize, String)> {
    let mut prose = Vec::new();
    let (mut in_code, mut in_examples) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        in_code ^= line.trim_start().starts_with("```");
        in_examples = line.starts_with('|') && (in_examples || line.starts_with("| before |"));
        let line =
            if in_examples { line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default() } else { line };
        if !in_code {
            prose.push((number, outside(&outside(line, '`'), '"')));
        }
    }
    prose
}

/// What is not between two marks.
fn outside(line: &str, mark: char) -> String {
    line.split(mark).step_by(2).collect::<Vec<_>>().join("…")
}

/// Comments that begin with `#` or `--`.
fn hash_comments(text: &str) -> Vec<(usize, String)> {
    let comment = |line: &str| line.find(['#', '-']).map(|at| line[at..].trim_start_matches(['#', '-']).to_owned());
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, comment(line)?))).collect()
}

/// Comments on lines of their own, without the marks.
fn rust_comments(text: &str) -> Vec<(usize, String)> {
    let comment = |line: &str| Some(line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']).to_owned());
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, comment(line)?))).collect()
}

/// The string literals in tokens, but for doc comments.
fn strings(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let mut is_doc = [false, false];
    for token in tokens {
        match &token {
            TokenTree::Literal(literal) if is_doc != [true, true] => {
                let text = literal.to_string();
                if text.contains('"') {
                    let line = literal.span().start().line;
                    found.push((line, text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")));
                }
            }
            TokenTree::Group(group) => strings(group.stream(), found),
            _ => {}
        }
        // `doc = "…"`, as a doc comment becomes.
        is_doc = match &token {
            TokenTree::Ident(word) if word == "doc" => [true, false],
            TokenTree::Punct(mark) if mark.as_char() == '=' && is_doc[0] => [true, true],
            _ => [false, false],
        };
    }
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::{inspect, places};

    #[test]
    fn signs_are_found_in_documents_settings_and_strings() {
        let code_base = [
            ("README.md", "All is fine.\nHow it has been of\nlate. It\nwas not found out.\n"),
            ("deploy/config/a.toml", "# when it is looked at\nkey = 1 # one too many\n"),
            ("src/lib.rs", "const A: &str = \"the gateway \\\n    is well again\";\n"),
        ];
        let expected =
            ["README.md:2", "README.md:4", "deploy/config/a.toml:1", "deploy/config/a.toml:2", "src/lib.rs:1"];
        let mut found = places(&code_base, findings);
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(inspect(&code_base[..1], findings)[1].1, "says \"of late\": write \"recently\" or \"recent\"");
    }

    #[test]
    fn code_quotations_examples_and_plain_sentences_are_free() {
        let text =
            "`is looked at`, \"of late\".\n```\nof late\n```\n| before | after |\n|---|---|\n| of late | recent |\n";
        let source =
            "// It was told to stop, is well formed, and came to a route.\nconst A: &str = \"told the server\";\n";
        assert_eq!(places(&[("README.md", text), ("src/lib.rs", source)], findings), [""; 0]);
    }

    #[test]
    fn signs_in_comments_are_found() {
        let source = [
            "/// What it came by.",
            "/// What follows is no beginning.",
            "fn a() {}",
            "/// Who",
            "/// Whose it is",
            "// Why.",
            "fn b() {}",
            "// A gateway whose state is",
            "// looked at.",
        ];
        let source = source.join("\n");
        let found = ["src/lib.rs:1", "src/lib.rs:8"];
        let mut places = places(&[("src/lib.rs", &source)], findings);
        places.sort();
        assert_eq!(places, found);
    }
}
