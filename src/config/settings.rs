//! Reading a section that another room defines as a serde type. Serde stops at its first mistake: it is noted, what
//! caused it is taken out of the section, and the section is read again, until it passes or nothing more can be taken
//! out.
//!
//! No crate collects all mistakes of a serde type with their places. What is recognised are serde's texts for a missing
//! and an unknown field; `tests/it/config.rs` fails when an update words them otherwise.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error, ValueDeserializer};

use super::mistake::any_of;
use super::origin::{ByteRange, NOWHERE, RawNumber};
use super::reading::{Reading, Section};

/// The span of a value that was put in for one that is missing.
const STAND_IN: ByteRange = usize::MAX - 1..usize::MAX - 1;

/// Reads what was not yet asked for of `section`.
pub(super) fn deserialize<T: DeserializeOwned>(section: Section<'_, '_, '_>) -> Option<T> {
    let before = section.reading.count();
    remember(section.reading, &section.path, &section.entries);
    let mut attempt =
        AttemptSettings { tree: section.entries.clone(), removed: BTreeSet::new(), respelled: BTreeSet::new() };
    loop {
        match attempt.read::<T>(&section.span) {
            // With something taken out it is not what was written, even if nothing was noted because it was noted
            // before.
            Ok(settings) => {
                return (attempt.removed.is_empty() && section.reading.count() == before).then_some(settings);
            }
            Err(error) if attempt.mend::<T>(&section, &error) => {}
            Err(_) => return None,
        }
    }
}

/// Remembers where each key below a section is, for mistakes that only show when sections are compared.
fn remember(reading: &Reading<'_, '_>, path: &str, table: &DeTable<'_>) {
    for (name, node) in table {
        let key = format!("{path}.{}", name.get_ref());
        if let DeValue::Table(below) = node.get_ref() {
            remember(reading, &key, below);
        }
        // A key put in by the environment has no place of its own.
        let span = if matches!(node.get_ref(), DeValue::Table(_)) || node.span() == NOWHERE {
            name.span()
        } else {
            node.span()
        };
        reading.remember(&key, span);
    }
}

struct AttemptSettings<'o> {
    tree: DeTable<'o>,
    /// Keys that were taken out, or put in for a missing one.
    removed: BTreeSet<String>,
    /// The starts of values that were read the other way: a number as text, or text as a number.
    respelled: BTreeSet<usize>,
}

impl<'o> AttemptSettings<'o> {
    fn read<T: DeserializeOwned>(&self, span: &ByteRange) -> Result<T, Error> {
        let node = Spanned::new(span.clone(), DeValue::Table(self.tree.clone()));
        T::deserialize(ValueDeserializer::from(node))
    }

    /// Notes the error and changes the tree so that the next one can show; `false` when that cannot be done.
    fn mend<T: DeserializeOwned>(&mut self, section: &Section<'_, 'o, '_>, error: &Error) -> bool {
        let span = error.span().unwrap_or_else(|| section.span.clone());
        if let Some(field) = between_backticks(error.message(), "missing field ").next() {
            return self.mend_missing::<T>(section, &span, field);
        }
        if self.respell(section, &span) {
            return true;
        }
        let Some(key) = edit(&mut self.tree, &section.path, &span, &mut |_| None) else {
            // It is about the section as a whole: if something was taken out of it, that may be why.
            if self.removed.is_empty() {
                section.reading.note(&section.span, section.path.as_str(), plain(error.message()));
            }
            return false;
        };
        let mut known: Vec<&str> = between_backticks(error.message(), "unknown field ").skip(1).collect();
        if error.message().starts_with("unknown field ") {
            if section.key(key.rsplit('.').next().unwrap_or_default()) == key {
                known.extend(section.known().iter().copied());
            }
            let meant = section.reading.unknown(&span, &key, &known);
            let above = key.rsplit_once('.').map_or("", |(above, _)| above);
            self.removed.extend(meant.map(|meant| format!("{above}.{meant}")));
        } else {
            section.reading.note(&span, key.as_str(), plain(error.message()));
        }
        self.removed.insert(key);
        true
    }

    /// A value that was not written in the file may be meant as text or as a number, whatever it looks like.
    fn respell(&mut self, section: &Section<'_, 'o, '_>, span: &ByteRange) -> bool {
        let Some(raw) = section.reading.origin.raw(span).filter(|_| self.respelled.insert(span.start)) else {
            return false;
        };
        let change =
            &mut |node: Spanned<DeValue<'o>>| Some(Spanned::new(node.span(), other_spelling(node.get_ref(), raw)));
        edit(&mut self.tree, &section.path, span, change).is_some()
    }

    fn mend_missing<T: DeserializeOwned>(
        &mut self,
        section: &Section<'_, 'o, '_>,
        span: &ByteRange,
        field: &str,
    ) -> bool {
        let at_top = *span == section.span;
        let above =
            if at_top { Some(section.path.clone()) } else { edit(&mut self.tree, &section.path, span, &mut |_| None) };
        let Some(above) = above else { return false };
        let key = format!("{above}.{field}");
        if !self.removed.contains(&key) && !section.reading.is_spoiled(&key) {
            section.reading.note(span, key.as_str(), "is missing; write it");
        }
        self.removed.insert(key);
        if !at_top {
            self.removed.insert(above);
            return true;
        }
        self.put_in::<T>(section, field)
    }

    /// Puts in some value that the field takes, so that the next missing one can show.
    fn put_in<T: DeserializeOwned>(&mut self, section: &Section<'_, 'o, '_>, field: &str) -> bool {
        let number = DeValue::parse("1").map(Spanned::into_inner);
        let candidates = [
            DeValue::String("".into()),
            DeValue::String("1s".into()),
            DeValue::Array(DeArray::new()),
            DeValue::Table(DeTable::new()),
            DeValue::Boolean(false),
        ];
        for candidate in candidates.into_iter().chain(number) {
            self.tree.insert(Spanned::new(STAND_IN, field.to_owned().into()), Spanned::new(STAND_IN, candidate));
            match self.read::<T>(&section.span) {
                Err(error) if error.span() == Some(STAND_IN) => {}
                _ => return true,
            }
        }
        false
    }
}

/// Finds the entry whose key or value has that span, takes it out, and puts back what `change` makes of it. Gives its
/// key.
fn edit<'t>(
    table: &mut DeTable<'t>,
    path: &str,
    span: &ByteRange,
    change: &mut dyn FnMut(Spanned<DeValue<'t>>) -> Option<Spanned<DeValue<'t>>>,
) -> Option<String> {
    let at = |key: &Spanned<_>, value: &Spanned<_>| key.span() == *span || value.span() == *span;
    let name = table.iter().find(|(key, value)| at(key, value)).map(|(key, _)| key.get_ref().to_string());
    if let Some(name) = name {
        let (key, value) = table.remove_entry(name.as_str())?;
        if let Some(changed) = change(value) {
            table.insert(key, changed);
        }
        return Some(format!("{path}.{name}"));
    }
    table
        .iter_mut()
        .find_map(|(key, value)| edit_below(value.get_mut(), &format!("{path}.{}", key.get_ref()), span, change))
}

fn edit_below<'t>(
    node: &mut DeValue<'t>,
    path: &str,
    span: &ByteRange,
    change: &mut dyn FnMut(Spanned<DeValue<'t>>) -> Option<Spanned<DeValue<'t>>>,
) -> Option<String> {
    match node {
        DeValue::Table(table) => edit(table, path, span, change),
        DeValue::Array(items) if items.iter().any(|item| item.span() == *span) => {
            let kept = std::mem::replace(items, DeArray::new()).into_iter();
            *items = kept.filter_map(|item| if item.span() == *span { change(item) } else { Some(item) }).collect();
            Some(path.to_owned())
        }
        DeValue::Array(items) => items.iter_mut().find_map(|item| edit_below(item.get_mut(), path, span, change)),
        _ => None,
    }
}

fn other_spelling<'o>(node: &DeValue<'_>, raw: &'o RawNumber) -> DeValue<'o> {
    let number = node.is_str().then(|| DeValue::parse(&raw.text).ok()).flatten().map(Spanned::into_inner);
    match number {
        Some(number @ (DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_))) => number,
        _ => DeValue::String(raw.text.as_str().into()),
    }
}

/// The words that serde put between backticks, if its message begins with `start`.
fn between_backticks<'m>(message: &'m str, start: &str) -> impl Iterator<Item = &'m str> {
    let words = if message.starts_with(start) { message } else { "" };
    words.split('`').skip(1).step_by(2)
}

/// Serde's message in plain words, without the value that it quotes: it may be a secret.
fn plain(message: &str) -> String {
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    match found.split_once(": ") {
        Some(("invalid type", kind)) => format!("is {}; write {}", kind_of(kind), wanted(expected)),
        Some(("invalid value", _)) => format!("is not what is expected here; write {}", wanted(expected)),
        _ if found.starts_with("unknown variant") => {
            format!("is unknown; write {}", any_of(expected.split('`').skip(1).step_by(2)))
        }
        _ => message.to_owned(),
    }
}

fn kind_of(serde: &str) -> &'static str {
    match serde.split(' ').next().unwrap_or_default() {
        "string" => "text",
        "integer" => "a whole number",
        "floating" => "a number with decimals",
        "boolean" => "true or false",
        "sequence" => "a list",
        _ => "a table",
    }
}

fn wanted(serde: &str) -> &str {
    match serde {
        "a string" | "str" => "text in quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list",
        "a map" => "a table",
        "u8" => "a whole number from 0 to 255",
        "u16" | "a nonzero u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        // The name of a type says nothing to whoever writes a config.
        other if other.starts_with("struct ") => "a table: { … }",
        other if other.starts_with("enum ") => "a word or a table, as the sample config has it",
        other => other,
    }
}
