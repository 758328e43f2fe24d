//! Rule: a path that the docs name exists. Docs that lead to files long gone are worse than none.

use crate::house::{Finding, House, folder_of, join};

/// A word that begins with one of these is meant as a path of this house.
const FOLDERS: [&str; 7] = ["src/", "tests/", "benches/", "migrations/", "templates/", "deploy/", ".ci/"];

/// Paths that lead nowhere: in Markdown and settings at the root, in everything below deploy and docs, in comments of the source.
pub(crate) fn findings(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    let at_root = house.root_files().into_iter().filter(|file| file.ends_with(".md") || file.ends_with(".toml"));
    for file in at_root.chain(house.files("deploy")).chain(house.files("docs")) {
        for (number, line) in (1..).zip(house.read(&file).lines()) {
            let mut paths = paths_in(line);
            if file.ends_with(".md") {
                paths.extend(links_in(line).into_iter().map(|link| resolve(folder_of(&file), link)));
            }
            findings.extend(judge(house, &file, number, paths));
        }
    }
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| house.files(folder)) {
        if file.ends_with(".rs") {
            for (number, line) in (1..).zip(house.read(&file).lines()) {
                let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
                findings.extend(judge(house, &file, number, paths_in(comment)));
            }
        }
    }
    findings
}

fn judge(house: &House, file: &str, line: usize, mut paths: Vec<String>) -> Vec<Finding> {
    // A link and its text often name the same path: once is enough.
    paths.sort();
    paths.dedup();
    let missing = paths.into_iter().filter(|path| !house.has(path));
    missing.map(|path| Finding::new(file, line, format!("names {path}, which does not exist: mend the text"))).collect()
}

/// The paths of this house in a line of text. `{a,b}` stands for both; a name with `*` or `<` in it for its folder.
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
    use crate::house::made_up::{inspect, places};

    /// A house with a README of this text, and something for it to name.
    fn readme(text: &str) -> Vec<String> {
        let house = [
            ("README.md", text),
            ("src/lib.rs", ""),
            ("tests/run", ""),
            ("migrations/sqlite/0001.sql", ""),
            ("migrations/postgres/0001.sql", ""),
            ("deploy/README.md", ""),
        ];
        inspect(&house, findings).into_iter().map(|(place, advice)| format!("{place} {advice}")).collect()
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
            "[a](src/lib.rs) [b](deploy/README.md#top) [c](#here) [d](https://example.org/src/gone.rs)",
            "/etc/deploy/gone, https://example.org/src/gone.rs, other/src/gone.rs, and/or",
        ] {
            assert_eq!(readme(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn links_of_a_deeper_page_start_there() {
        let text = "[unit](systemd/dueherald.service)\n[up](../src/lib.rs)\n[gone](container/Dockerfile)\n";
        let house = [("src/lib.rs", ""), ("deploy/README.md", text), ("deploy/systemd/dueherald.service", "")];
        assert_eq!(places(&house, findings), ["deploy/README.md:3"]);
    }

    #[test]
    fn comments_are_docs_and_code_is_not() {
        let text = "//! See `tests/gone/`.\n/// src/gone.rs\nconst S: &str = \"src/code.rs\";\n    // deploy/gone\n";
        let house = [("src/lib.rs", text), ("Cargo.toml", "# see src/gone.rs\n")];
        assert_eq!(places(&house, findings), ["Cargo.toml:1", "src/lib.rs:1", "src/lib.rs:2", "src/lib.rs:4"]);
    }
}
