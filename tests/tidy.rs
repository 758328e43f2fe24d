//! The rules of the house as tests: what a reviewer would otherwise have to say again and again.
//!
//! A rule is a function from a [`House`] to its findings. It stands in a file of its own, beside small tests that show it
//! going red on a made-up house; below, each rule looks at this one.

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/length.rs"]
mod length;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/risks.rs"]
mod risks;

use house::{Finding, House};

#[test]
fn imports_go_only_downwards() {
    expect_none(&imports::findings(&House::this()));
}

#[test]
fn files_are_short_enough_to_be_read() {
    expect_none(&length::findings(&House::this()));
}

#[test]
fn paths_named_in_the_docs_exist() {
    expect_none(&docs::findings(&House::this()));
}

#[test]
fn every_source_file_belongs_to_a_module() {
    expect_none(&modules::findings(&House::this()));
}

#[test]
fn names_say_what_a_thing_is() {
    expect_none(&names::findings(&House::this()));
}

#[test]
fn the_tests_of_the_threat_model_exist() {
    expect_none(&risks::findings(&House::this()));
}

#[track_caller]
fn expect_none(findings: &[Finding]) {
    let list: String = findings.iter().map(|finding| format!("\n{finding}")).collect();
    assert!(findings.is_empty(), "{} to tidy:{list}\n", findings.len());
}
