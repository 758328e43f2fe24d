//! Rule: a path that the docs name exists, and so does the heading that a link names. Docs that lead to files long gone
//! are worse than none.

use crate::code_base::{CodeBase, Finding, folder_of, join};

/// A word that begins with one of these is meant as a path of this code base.
const FOLDERS: [&str; 9] =
    ["src/", "tests/", "benches/", "migrations/", "templates/", "jurisdictions/", "locales/", "deploy/", ".ci/"];

/// Paths that lead nowhere: in Markdown and settings at the root, in everything below deploy and docs, in comments of
/// the source.
pub(crate) fn findings(code_base: &CodeBase) -> Vec<Finding> {
    let mut findings = Vec::new();
    let at_root = code_base.root_files().into_iter().filter(|file| file.ends_with(".md") || file.ends_with(".toml"));
    let below = ["deploy", "docs", ".github"].iter().flat_map(|folder| code_base.files(folder));
    for file in at_root.chain(below).filter(|file| !file.ends_with(".png")) {
        for (number, line) in (1..).zip(code_base.read(&file).lines()) {
            let mut paths = paths_in(line);
            if file.ends_with(".md") {
                paths.extend(links_in(line).into_iter().map(|link| resolve(folder_of(&file), link)));
            }
            findings.extend(judge(code_base, &file, number, paths));
            if file.ends_with(".md") {
                findings.extend(lost_anchors(code_base, &file, number, line));
            }
        }
    }
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| code_base.files(folder)) {
        if file.ends_with(".rs") {
            for (number, line) in (1..).zip(code_base.read(&file).lines()) {
                let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
                findings.extend(judge(code_base, &file, number, paths_in(comment)));
            }
        }
    }
    findings
}

fn judge(code_base: &CodeBase, file: &str, line: usize, mut paths: Vec<String>) -> Vec<Finding> {
    // A link and its text often name the same path: once is enough.
    paths.sort();
    paths.dedup();
    let missing = paths.into_iter().filter(|path| !code_base.has(path));
    missing.map(|path| Finding::new(file, line, format!("names {path}, which does not exist: mend the text"))).collect()
}

/// The paths of this code base in a line of text. `{a,b}` stands for both; a name with `*` or `<` in it for its folder.
fn paths_in(line: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/{},".contains(c);
    let mut paths = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let word = word.trim_start_matches(['{', ',']);
        let path = word.strip_prefix("./").unwrap_or(word);
        if FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            let path = if after.starts_with(['*', '<', '…']) { folder_of(path) } else { path };
            paths.extend(spell_out(path.trim_end_matches(['.', ',', '-'])));
        }
        rest = after;
    }
    paths
}

/// Writes `a/{b,c}` as `a/b` and `a/c`. A comma outside of braces ends the path.
fn spell_out(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (choices, tail))) => {
            choices.split(',').flat_map(|choice| spell_out(&format!("{head}{choice}{tail}"))).collect()
        }
        None => path.split([',', '{', '}']).take(1).map(str::to_owned).collect(),
    }
}

/// The targets of Markdown links in a line, without those to elsewhere.
fn links_in(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':') && !target.starts_with('/')).collect()
}

/// Links in a line to a heading that its document does not have.
fn lost_anchors(code_base: &CodeBase, file: &str, number: usize, line: &str) -> Vec<Finding> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let anchors = targets.filter(|target| !target.contains(':')).filter_map(|target| target.split_once('#'));
    let mut findings = Vec::new();
    for (target, anchor) in anchors {
        let document = if target.is_empty() { file.to_owned() } else { resolve(folder_of(file), target) };
        // A document that does not exist is a finding of its own.
        if document.ends_with(".md")
            && code_base.has(&document)
            && !anchors_of(&code_base.read(&document)).any(|one| one == anchor)
        {
            let advice = format!("links to #{anchor}, which is no heading of {document}: mend the link");
            findings.push(Finding::new(file, number, advice));
        }
    }
    findings
}

/// The anchors that GitHub gives to the headings of a document.
fn anchors_of(text: &str) -> impl Iterator<Item = String> {
    let is_code = text.lines().scan(false, |inside, line| {
        *inside ^= line.trim_start().starts_with("```");
        Some(*inside)
    });
    let headings = text.lines().zip(is_code).filter(|(line, is_code)| line.starts_with('#') && !is_code);
    headings.map(|(line, _)| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// Where a relative link leads to from a folder.
fn resolve(folder: &str, link: &str) -> String {
    link.split('/').fold(folder.to_owned(), |at, part| match part {
        "" | "." => at,
        ".." => folder_of(&at).to_owned(),
        name => join(&at, name),
    })
}

mod tests {
    use super::findings;
    use crate::code_base::made_up::{inspect, places};

    /// A code base with a README of this text, and something for it to name.
    fn readme(text: &str) -> Vec<String> {
        let code_base = [
            ("README.md", text),
            ("src/lib.rs", ""),
            ("tests/run", ""),
            ("migrations/sqlite/0001.sql", ""),
            ("migrations/postgres/0001.sql", ""),
            ("deploy/README.md", ""),
        ];
        inspect(&code_base, findings).into_iter().map(|(place, advice)| format!("{place} {advice}")).collect()
    }

    #[test]
    fn a_path_that_leads_nowhere_is_found() {
        for (text, path) in [
            ("\nsee `src/gone.rs`\n", "src/gone.rs"),
            ("\nsee src/gone.rs.\n", "src/gone.rs"),
            ("\nrun `./tests/walk faults`\n", "tests/walk"),
            ("\n    $ ./tests/walk\n", "tests/walk"),
            ("\n`src/gone/*.rs`\n", "src/gone"),
            ("\n`src/{lib,gone}.rs`\n", "src/gone.rs"),
            ("\n`src/lib.rs`,`src/gone.rs`\n", "src/gone.rs"),
            ("\n[how](deploy/HOW.md)\n", "deploy/HOW.md"),
            ("\n[how](HOW.md#why)\n", "HOW.md"),
        ] {
            let expected = format!("README.md:2 names {path}, which does not exist: mend the text");
            assert_eq!(readme(text), [expected], "{text}");
        }
    }

    #[test]
    fn a_path_that_leads_somewhere_is_not() {
        for text in [
            "`src/lib.rs:12`, src/, (`./tests/run`).",
            "`migrations/{sqlite,postgres}/0001.sql`, migrations/sqlite/*.sql, migrations/<database>/",
            "[a](src/lib.rs) [b](deploy/README.md) [d](https://example.org/src/gone.rs)",
            "/etc/deploy/gone, https://example.org/src/gone.rs, other/src/gone.rs, and/or",
        ] {
            assert_eq!(readme(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_anchor_that_no_heading_has_is_found() {
        let text = "# Where, and `how`?\n[a](#where-and-how) [b](#gone)\n```\n# gone\n```\n[c](deploy/README.md#on)\n";
        let code_base = [("README.md", text), ("deploy/README.md", "## On\n[up](../README.md#up)\n")];
        assert_eq!(places(&code_base, findings), ["README.md:2", "deploy/README.md:2"]);
        let advice = "links to #gone, which is no heading of README.md: mend the link";
        assert_eq!(inspect(&code_base, findings)[0].1, advice);
    }

    #[test]
    fn links_of_a_deeper_page_start_there() {
        let text = "[unit](systemd/dueherald.service)\n[up](../src/lib.rs)\n[gone](container/Dockerfile)\n";
        let code_base = [("src/lib.rs", ""), ("deploy/README.md", text), ("deploy/systemd/dueherald.service", "")];
        assert_eq!(places(&code_base, findings), ["deploy/README.md:3"]);
    }

    #[test]
    fn comments_are_docs_and_code_is_not() {
        let text = "//! See `tests/gone/`.\n/// src/gone.rs\nconst S: &str = \"src/code.rs\";\n    // deploy/gone\n";
        let code_base = [("src/lib.rs", text), ("Cargo.toml", "# see src/gone.rs\n")];
        assert_eq!(places(&code_base, findings), ["Cargo.toml:1", "src/lib.rs:1", "src/lib.rs:2", "src/lib.rs:4"]);
    }
}
