//! Commands that texts name, in documents, in the config that `init` writes, and in the messages of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::cargo_bin;

/// Texts that name commands, besides all Markdown in `docs/`.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "deploy/README.md",
    "deploy/config/dueherald.toml",
    "deploy/prometheus/alerts.yml",
    "deploy/systemd/dueherald.service",
    "deploy/container/Dockerfile",
];

fn files(folder: &Path, suffix: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            files(&path, suffix, found);
        } else if path.extension().is_some_and(|kind| kind == suffix) {
            found.push(path);
        }
    }
}

/// The commands between backticks, with all that an alternative such as `list|add` stands for.
fn named(text: &str) -> Vec<String> {
    // A line of a comment or of a text that goes on in the next one.
    let joined = text.lines().map(|line| line.trim().trim_start_matches(['/', '!', '#']).trim_end_matches('\\').trim());
    let joined = joined.collect::<Vec<_>>().join(" ");
    let quoted = joined.split('`').skip(1).filter_map(|piece| piece.strip_prefix("dueherald "));
    quoted.filter(|command| command.len() < 200).flat_map(alternatives).collect()
}

fn alternatives(command: &str) -> Vec<String> {
    let command = command.split(" || ").next().unwrap_or_default();
    let Some(word) = command.split(' ').find(|word| word.contains('|')) else { return vec![command.to_owned()] };
    word.split('|').flat_map(|one| alternatives(&command.replace(word, one))).collect()
}

/// The words before the first that is not a plain one: the command, and perhaps what it is about.
fn path(command: &str) -> Vec<&str> {
    let is_plain =
        |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase()) && !word.contains(['.', '{']);
    command.split(' ').take_while(is_plain).collect()
}

fn options(command: &str) -> impl Iterator<Item = &str> {
    command.split([' ', '=']).filter(|word| word.len() > 2 && word.starts_with("--"))
}

/// The mistake in a command, if it has one.
fn problem(command: &str) -> Option<String> {
    let help = Command::new(cargo_bin!("dueherald")).args(path(command)).arg("--help").output().expect("it starts");
    if !help.status.success() {
        return Some(String::from_utf8_lossy(&help.stderr).lines().next().unwrap_or_default().to_owned());
    }
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let unknown: Vec<_> = options(command)
        .filter(|option| !help.contains(&format!("{option} ")) && !help.contains(&format!("{option}\n")))
        .collect();
    (!unknown.is_empty()).then(|| format!("there is no {}", unknown.join(", ")))
}

#[test]
fn every_command_that_a_text_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named_in: Vec<_> = DOCUMENTS.iter().map(|name| root.join(name)).collect();
    files(&root.join("src"), "rs", &mut named_in);
    files(&root.join("docs"), "md", &mut named_in);
    files(&root.join(".github"), "yml", &mut named_in);
    let mut commands = BTreeMap::<String, BTreeSet<String>>::new();
    for file in named_in {
        for command in named(&fs::read_to_string(&file).expect("text")) {
            commands.entry(command).or_default().insert(file.strip_prefix(root).unwrap_or(&file).display().to_string());
        }
    }
    assert!(commands.len() > 60, "the texts name more than {} commands", commands.len());
    let wrong: Vec<_> = commands
        .iter()
        .filter_map(|(command, files)| Some(format!("{files:?}: dueherald {command}: {}", problem(command)?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let named =
        named("//! see `dueherald suppress stop|halt` and\n/// `dueherald reminders list \\\n    --stat unknown`");
    assert_eq!(named, ["suppress stop", "suppress halt", "reminders list --stat unknown"]);
    let wrong: Vec<_> = named.iter().filter_map(|command| problem(command)).collect();
    assert!(wrong[0].contains("halt") && wrong[1..] == ["there is no --stat"], "{wrong:?}");
}
