//! The packages that go into the binary, as `cargo metadata` resolves them for one target.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A package of the dependency graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    /// `None` for a package of this repository.
    pub(crate) source: Option<String>,
    /// Whether it asks for some dependency in any version at all.
    pub(crate) has_wildcard: bool,
}

/// The packages that the binary is built from for a target, build scripts and macros included, tests not.
pub(crate) fn shipped(target: &str) -> BTreeSet<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--offline",
        "--all-features",
        "--filter-platform",
        target,
    ]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs: it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON"))
}

fn read(metadata: &Value) -> BTreeSet<Package> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let id = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (id(&node["id"]), node)).collect();
    let is_shipped = |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
    let (mut reached, mut open) = (BTreeSet::new(), vec![id(&metadata["resolve"]["root"])]);
    while let Some(next) = open.pop() {
        let Some(node) = nodes.get(&next) else { continue };
        if reached.insert(next) {
            open.extend(list(&node["deps"]).iter().filter(is_shipped).map(|dep| id(&dep["pkg"])));
        }
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let package = |package: &Value| Package {
        name: text(&package["name"]).unwrap_or_default(),
        version: text(&package["version"]).unwrap_or_default(),
        license: text(&package["license"]),
        source: text(&package["source"]),
        has_wildcard: list(&package["dependencies"])
            .iter()
            .any(|wanted| wanted["req"] == "*" && wanted["path"].is_null()),
    };
    list(&metadata["packages"]).iter().filter(|one| reached.contains(&id(&one["id"]))).map(package).collect()
}
