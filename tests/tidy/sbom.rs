//! The bill of materials of the binary, as CycloneDX JSON: every package with version, licence and the checksum that
//! Cargo.lock holds. https://cyclonedx.org/docs/1.5/json/

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::packages::Package;

/// The bill of one build.
pub(crate) fn bill(packages: &BTreeSet<Package>, lock: &str) -> Value {
    let checksums = checksums(lock);
    let (own, foreign): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.source.is_none());
    let components: Vec<_> = foreign.into_iter().map(|package| component("library", package, &checksums)).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": own.first().map(|package| component("application", package, &checksums)) },
        "components": components,
    })
}

fn component(kind: &str, package: &Package, checksums: &BTreeMap<(String, String), String>) -> Value {
    let Package { name, version, license, .. } = package;
    let purl = format!("pkg:cargo/{name}@{version}");
    let hashes = checksums.get(&(name.clone(), version.clone())).map(|sum| json!({ "alg": "SHA-256", "content": sum }));
    let licenses = license.as_ref().map(|license| json!({ "expression": license.replace('/', " OR ") }));
    json!({
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": licenses.into_iter().collect::<Vec<_>>(),
        "hashes": hashes.into_iter().collect::<Vec<_>>(),
    })
}

/// The checksum of each package in Cargo.lock, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let lock: toml::Table = lock.parse().expect("Cargo.lock is TOML");
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let entry =
        |package: &toml::Value| Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?));
    packages.iter().filter_map(entry).collect()
}
