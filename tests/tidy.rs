//! The rules of the code base as tests: what a reviewer would otherwise have to say again and again.
//!
//! A rule is a function from a [`CodeBase`] to its findings. It is in a file of its own, beside small tests that show
//! it going red on a made-up code base; below, each rule looks at this one.

#[path = "tidy/code_base.rs"]
mod code_base;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/figures.rs"]
mod figures;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/length.rs"]
mod length;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/risks.rs"]
mod risks;
#[path = "tidy/sbom.rs"]
mod sbom;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/supply.rs"]
mod supply;
#[path = "tidy/words.rs"]
mod words;

use std::io::Write;

use code_base::{CodeBase, Finding};

#[test]
fn imports_go_only_downwards() {
    expect_none(&imports::findings(&CodeBase::this()));
}

#[test]
fn alerts_ask_for_figures_that_are_exported() {
    expect_none(&figures::findings(&CodeBase::this()));
}

#[test]
fn files_are_short_enough_to_be_read() {
    expect_none(&length::findings(&CodeBase::this()));
}

#[test]
fn paths_named_in_the_docs_exist() {
    expect_none(&docs::findings(&CodeBase::this()));
}

#[test]
fn every_source_file_belongs_to_a_module() {
    expect_none(&modules::findings(&CodeBase::this()));
}

#[test]
fn names_say_what_a_thing_is() {
    expect_none(&names::findings(&CodeBase::this()));
}

#[test]
fn the_shape_of_the_code_stays_readable() {
    let (figures, findings) = shape::measure(&CodeBase::this());
    // Not `println!`, which a test that passes keeps to itself.
    writeln!(std::io::stdout(), "{figures}").expect("there is an output");
    expect_none(&findings);
}

#[test]
fn sentences_are_plain() {
    expect_none(&words::findings(&CodeBase::this()));
}

#[test]
fn the_tests_of_the_threat_model_exist() {
    expect_none(&risks::findings(&CodeBase::this()));
}

#[test]
fn nothing_is_built_in_that_the_policy_forbids() {
    let policy = supply::policy(&CodeBase::this());
    for target in &policy.graph.targets {
        expect_none(&supply::findings(&policy, &packages::shipped(target)));
    }
}

/// Leaves it in `target/dueherald.cdx.json`, for whoever ships the binary.
#[test]
fn the_bill_of_materials_names_every_package_with_licence_and_checksum() {
    let packages = packages::shipped("x86_64-unknown-linux-gnu");
    let bill = sbom::bill(&packages, &CodeBase::this().read("Cargo.lock"));
    let components = bill["components"].as_array().expect("a list");
    assert_eq!(components.len() + 1, packages.len());
    for component in components {
        let is_whole =
            component["licenses"][0]["expression"].is_string() && component["hashes"][0]["content"].is_string();
        assert!(is_whole, "{component}");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/target").into());
    let file = std::path::Path::new(&target).join("dueherald.cdx.json");
    std::fs::write(file, format!("{bill:#}\n")).expect("the target folder can be written");
}

#[track_caller]
fn expect_none(findings: &[Finding]) {
    let list: String = findings.iter().map(|finding| format!("\n{finding}")).collect();
    assert!(findings.is_empty(), "{} to tidy:{list}\n", findings.len());
}
