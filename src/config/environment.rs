//! The environment over the file: `DUEHERALD__SECTION__KEY` sets `section.key`, at any depth.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, any_of};
use super::origin::{ByteRange, NOWHERE, Origin, RawNumber, shift};

/// The prefix of these variables. It has two underscores, because Kubernetes sets `DUEHERALD_PORT` and the like for a
/// service of that name.
pub(super) const PREFIX: &str = "DUEHERALD__";

/// Lays the variables over the tree, in the order of their names.
pub(super) fn overlay<'a>(
    tree: &mut DeTable<'a>,
    origin: &mut Origin<'_>,
    variables: &'a BTreeMap<String, String>,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, raw) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let span = origin.variable(name, raw.len());
        let segments: Vec<_> = path.split("__").collect();
        let value = read(raw, &span);
        if !value.get_ref().is_str() {
            origin.keep_raw(&value.span(), RawNumber { text: raw.clone(), secret: false });
        }
        if let Err(text) = set(tree, &segments, &span, value) {
            mistakes.push(Mistake { place: origin.place(&span), key: String::new(), text });
        }
    }
    mistakes
}

/// A variable's value: TOML if it is any, else the text as it is.
fn read<'a>(raw: &'a str, span: &ByteRange) -> Spanned<DeValue<'a>> {
    match DeValue::parse(raw) {
        Ok(parsed) => shift(parsed, span.start),
        Err(_) => Spanned::new(span.clone(), DeValue::String(raw.into())),
    }
}

/// Puts a value at the end of a path of segments.
fn set<'t>(
    table: &mut DeTable<'t>,
    segments: &[&str],
    span: &ByteRange,
    value: Spanned<DeValue<'t>>,
) -> Result<(), String> {
    let [segment, rest @ ..] = segments else { return Ok(()) };
    if segment.is_empty() {
        return Err(format!("names no key; write {PREFIX}SECTION__KEY"));
    }
    let key = key_for(table, segment);
    if rest.is_empty() {
        // The key is taken out first: it would else keep the file's span.
        table.remove(key.as_str());
        table.insert(Spanned::new(span.clone(), key.into()), value);
        return Ok(());
    }
    let place = Spanned::new(span.clone(), key.clone().into());
    let entry = table.entry(place).or_insert_with(|| Spanned::new(NOWHERE, DeValue::Table(DeTable::new())));
    match entry.get_mut() {
        DeValue::Table(inner) => set(inner, rest, span, value),
        DeValue::Array(items) => set_in_list(items, &key, rest, span, value),
        _ => Err(format!("reaches below {key}, which is no section; leave out __{}", rest.join("__"))),
    }
}

/// Elements of a list of tables are found by their `name`.
fn set_in_list<'t>(
    items: &mut [Spanned<DeValue<'t>>],
    list: &str,
    segments: &[&str],
    span: &ByteRange,
    value: Spanned<DeValue<'t>>,
) -> Result<(), String> {
    let wanted = segments.first().copied().unwrap_or_default();
    let names: Vec<_> = items.iter().filter_map(|item| name_of(item.get_ref())).map(spelled).collect();
    let named = |item: &&mut Spanned<DeValue<'t>>| name_of(item.get_ref()).is_some_and(|name| spelled(name) == wanted);
    match (items.iter_mut().find(named).map(Spanned::get_mut), segments) {
        (Some(DeValue::Table(inner)), [_, rest @ ..]) if !rest.is_empty() => set(inner, rest, span, value),
        _ => Err(format!("finds no {wanted:?} in {list}; there is {}", any_of(names.iter().map(String::as_str)))),
    }
}

/// The `name` of an element of a list of tables.
pub(super) fn name_of<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    value.as_table()?.get("name")?.get_ref().as_str()
}

/// The key that a segment stands for: one that is in the table already, else the segment in small letters.
fn key_for(table: &DeTable<'_>, segment: &str) -> String {
    let known = table.keys().map(|key| key.get_ref().as_ref()).find(|key| spelled(key) == segment);
    known.map_or_else(|| segment.to_lowercase(), str::to_owned)
}

/// How a key is spelled in a variable's name.
pub(super) fn spelled(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
