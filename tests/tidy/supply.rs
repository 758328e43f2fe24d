//! Rule: nothing is built in that deny.toml forbids: licences, sources, banned crates, second versions. `cargo deny`
//! says the same and more; this holds it on machines where building that tool would take longer than all tests.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::code_base::{CodeBase, Finding};
use crate::packages::Package;

/// The part of deny.toml that is held here.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    pub(crate) graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Graph {
    pub(crate) targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
    allow_git: BTreeSet<String>,
}

const FILE: &str = "deny.toml";

/// The policy in deny.toml.
pub(crate) fn policy(code_base: &CodeBase) -> Policy {
    toml::from_str(&code_base.read(FILE)).unwrap_or_else(|error| panic!("{FILE}: {error}"))
}

/// Packages that the policy forbids.
pub(crate) fn findings(policy: &Policy, packages: &BTreeSet<Package>) -> Vec<Finding> {
    let told = |package: &Package, problem: &str| {
        Finding::new("Cargo.lock", 1, format!("{} {} {problem}: see {FILE}", package.name, package.version))
    };
    let mut findings = Vec::new();
    for package in packages {
        if !policy.allows(package) {
            let license = package.license.as_deref().unwrap_or("no licence");
            findings.push(told(package, &format!("has a licence that is not allowed ({license})")));
        }
        if !policy.sources.allows(package) {
            findings.push(told(package, "comes from a source that is not allowed"));
        }
        if package.source.is_none() && package.has_wildcard {
            findings.push(told(package, "asks for some crate in any version"));
        }
        let versions = packages.iter().filter(|other| other.name == package.name).count();
        for ban in policy.bans.deny.iter().filter(|ban| ban.name == package.name) {
            if !ban.deny_multiple_versions {
                findings.push(told(package, "is banned"));
            } else if versions > 1 {
                findings.push(told(package, "is there in more than one version"));
            }
        }
    }
    findings
}

impl Policy {
    fn allows(&self, package: &Package) -> bool {
        let exception = self.licenses.exceptions.iter().find(|one| one.name == package.name);
        let is_allowed = |license: &str| {
            self.licenses.allow.contains(license) || exception.is_some_and(|one| one.allow.contains(license))
        };
        package.license.as_deref().is_some_and(|expression| satisfies(expression, &is_allowed))
    }
}

impl Sources {
    fn allows(&self, package: &Package) -> bool {
        match package.source.as_deref().and_then(|source| source.split_once('+')) {
            None => package.source.is_none(),
            Some(("registry", address)) => self.allow_registry.contains(address),
            Some((_, address)) => self.allow_git.contains(address),
        }
    }
}

/// Whether an SPDX expression can be fulfilled. `/` is how old manifests write OR; of OR and AND the latter binds more
/// tightly.
fn satisfies(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let (is_satisfied, rest) = any(&words, is_allowed);
    is_satisfied && rest.is_empty()
}

fn any<'w, 's>(words: &'w [&'s str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'s str]) {
    let (mut satisfied, mut rest) = all(words, is_allowed);
    while let ["OR", after @ ..] = rest {
        let (other, after) = all(after, is_allowed);
        (satisfied, rest) = (satisfied || other, after);
    }
    (satisfied, rest)
}

fn all<'w, 's>(words: &'w [&'s str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'s str]) {
    let (mut satisfied, mut rest) = one(words, is_allowed);
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after, is_allowed);
        (satisfied, rest) = (satisfied && other, after);
    }
    (satisfied, rest)
}

fn one<'w, 's>(words: &'w [&'s str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'s str]) {
    match words {
        ["(", inner @ ..] => match any(inner, is_allowed) {
            (satisfied, [")", rest @ ..]) => (satisfied, rest),
            _ => (false, &[]),
        },
        // An exception only ever permits more.
        [license, "WITH", _, rest @ ..] | [license, rest @ ..] => (is_allowed(license), rest),
        [] => (false, &[]),
    }
}

mod tests {
    use super::{Policy, findings, satisfies};
    use crate::packages::Package;

    #[test]
    fn licences_are_read_as_spdx_has_them() {
        let is_allowed = |license: &str| matches!(license, "MIT" | "ISC");
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT AND ISC OR GPL-3.0", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("(MIT OR ISC) AND GPL-3.0", false),
            ("MIT WITH LLVM-exception", true),
            ("GPL-3.0", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(satisfies(expression, &is_allowed), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_forbidden_is_found() {
        let policy: Policy = toml::from_str(
            "graph.targets = []\nlicenses.allow = ['MIT']\nsources = { allow-registry = ['https://crates'], allow-git \
             = [] }\n\
             licenses.exceptions = [{ crate = 'css', allow = ['MPL-2.0'] }]\n\
             bans.deny = [{ crate = 'openssl' }, { crate = 'ring', deny-multiple-versions = true }]",
        )
        .expect("a policy");
        let package = |name: &str, version: &str, license: &str, source: &str| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            license: Some(license.to_owned()).filter(|license| !license.is_empty()),
            source: Some(source.to_owned()),
            has_wildcard: false,
        };
        let crates = "registry+https://crates";
        let found = |packages: &[Package]| findings(&policy, &packages.iter().cloned().collect()).len();
        assert_eq!(found(&[package("a", "1", "MIT", crates), package("css", "1", "MPL-2.0", crates)]), 0);
        assert_eq!(found(&[package("ring", "1", "MIT", crates)]), 0);
        for packages in [
            [package("a", "1", "MPL-2.0", crates)].as_slice(),
            &[package("a", "1", "", crates)],
            &[package("a", "1", "MIT", "git+https://elsewhere")],
            &[package("a", "1", "MIT", "registry+https://elsewhere")],
            &[package("openssl", "1", "MIT", crates)],
        ] {
            assert_eq!(found(packages), 1, "{packages:?}");
        }
        assert_eq!(found(&[package("ring", "1", "MIT", crates), package("ring", "2", "MIT", crates)]), 2);
    }
}
