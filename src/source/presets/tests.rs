//! Tests of the presets without a server.

use std::collections::BTreeMap;

use super::{OptionKind, OptionValue, Preset};
use crate::source::sql::{Query, checked_statement};

/// Every preset on every database, with its options left out and set.
fn expanded() -> Vec<(String, crate::source::sql::Dialect, super::PresetQueries)> {
    let mut all = Vec::new();
    for preset in Preset::all() {
        let set: BTreeMap<_, _> = preset
            .options
            .iter()
            .map(|option| {
                let value = match &option.kind {
                    OptionKind::Number(_, range) => OptionValue::Number(*range.end()),
                    OptionKind::Numbers(_) => OptionValue::Numbers(vec![7, 8]),
                    OptionKind::Names => OptionValue::Names(vec![r"O'Neill \ Sons".into()]),
                    OptionKind::Word(words) => OptionValue::Word(words.last().copied().expect("a word")),
                };
                (option.name, value)
            })
            .collect();
        for dialect in preset.dialects() {
            for values in [&BTreeMap::new(), &set] {
                let queries = preset.queries(dialect, values).expect("it runs there");
                all.push((format!("{} on {dialect:?}", preset.name), dialect, queries));
            }
        }
    }
    all
}

#[test]
fn every_query_of_a_preset_is_a_query_of_a_source() {
    for (name, dialect, queries) in expanded() {
        for branch in &queries.branches {
            let read = Query::new(&branch.text, dialect);
            assert!(read.is_ok() && !branch.text.contains(['{', '}']), "{name}, {}: {read:?}", branch.name);
            assert!(branch.text.starts_with("-- "), "{name}, {}: it says what it is for", branch.name);
        }
        assert!(checked_statement(&queries.freshness, dialect).is_ok(), "{name}");
    }
}

#[test]
fn a_name_in_an_option_stays_a_text() {
    let all = expanded();
    let (_, _, lending) = &all.iter().rfind(|(name, ..)| name.starts_with("erpnext")).expect("the preset");
    assert!(
        lending.branches[0].text.contains(r"and q.company in ('O''Neill \\ Sons')"),
        "{}",
        lending.branches[0].text
    );
}
