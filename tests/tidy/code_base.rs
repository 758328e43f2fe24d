//! The code base that the rules look at: its files, and how a finding is put.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;

/// A source tree. Paths are relative to its root and written with `/`.
#[derive(Debug)]
pub(crate) struct CodeBase {
    root: PathBuf,
}

impl CodeBase {
    /// The one that this test belongs to.
    pub(crate) fn this() -> Self {
        Self { root: PathBuf::from(env!("CARGO_MANIFEST_DIR")) }
    }

    /// Where it stands.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a file or a folder at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The files below a folder, in order; none if there is no such folder.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut files = Vec::new();
        self.collect(folder, &mut files);
        files.sort();
        files
    }

    fn collect(&self, folder: &str, files: &mut Vec<String>) {
        for entry in self.entries(folder) {
            if self.root.join(&entry).is_dir() { self.collect(&entry, files) } else { files.push(entry) }
        }
    }

    /// The files right at the root.
    pub(crate) fn root_files(&self) -> Vec<String> {
        let mut files: Vec<_> = self.entries("").into_iter().filter(|entry| self.root.join(entry).is_file()).collect();
        files.sort();
        files
    }

    fn entries(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        entries.filter_map(name).map(|name| join(folder, &name)).collect()
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A Rust file's tokens. Comments are gone; doc comments have become attributes.
    pub(crate) fn tokens(&self, path: &str) -> TokenStream {
        self.read(path).parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"))
    }
}

/// `name` in `folder`, where the root is the empty string.
pub(crate) fn join(folder: &str, name: &str) -> String {
    match name.strip_prefix("../") {
        Some(beyond) => join(folder_of(folder), beyond),
        None if folder.is_empty() => name.to_owned(),
        None => format!("{folder}/{name}"),
    }
}

/// The folder that a file stands in.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// One breach of a rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    file: String,
    line: usize,
    advice: String,
}

impl Finding {
    pub(crate) fn new(file: &str, line: usize, advice: String) -> Self {
        Self { file: file.to_owned(), line, advice }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.advice)
    }
}

/// Houses that are made up to see a rule go red.
pub(crate) mod made_up {
    use super::{CodeBase, Finding, folder_of};
    use std::fs;

    /// Enough for Cargo to see a library, a binary and tests where their files are.
    const MANIFEST: &str = "[package]\nname = \"dueherald\"\nedition = \"2024\"\n";

    /// The findings of `rule` in a code base of just these files, as `file:line` and advice.
    pub(crate) fn inspect(files: &[(&str, &str)], rule: fn(&CodeBase) -> Vec<Finding>) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let code_base = CodeBase { root: folder.path().to_owned() };
        for (path, text) in [("Cargo.toml", MANIFEST)].iter().chain(files) {
            fs::create_dir_all(code_base.root.join(folder_of(path))).expect("a folder can be made in it");
            fs::write(code_base.root.join(path), text).expect("a file can be written in it");
        }
        rule(&code_base).into_iter().map(|found| (format!("{}:{}", found.file, found.line), found.advice)).collect()
    }

    /// Only where the findings are.
    pub(crate) fn places(files: &[(&str, &str)], rule: fn(&CodeBase) -> Vec<Finding>) -> Vec<String> {
        inspect(files, rule).into_iter().map(|(place, _)| place).collect()
    }
}
