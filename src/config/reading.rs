//! Reading a section key by key. Every mistake is noted with its place and reading goes on, so that all of them are
//! shown at once; what a function gives back is `None` where it noted one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::{PREFIX, name_of, spelled};
use super::mistake::{Location, Mistake, any_of, nearest};
use super::origin::{ByteRange, NOWHERE, Origin};
use super::value::Value;

/// The state of one reading of a config.
pub(super) struct Reading<'o, 'a> {
    pub(super) origin: &'o Origin<'a>,
    mistakes: RefCell<Vec<Mistake>>,
    /// The location of each key that was read, for checks that compare sections.
    places: RefCell<BTreeMap<String, ByteRange>>,
    /// Keys that were noted as mistaken before reading began: not to be called missing.
    spoiled: BTreeSet<String>,
}

impl<'o, 'a> Reading<'o, 'a> {
    pub(super) fn new(origin: &'o Origin<'a>, mistakes: Vec<Mistake>, spoiled: BTreeSet<String>) -> Self {
        Self { origin, mistakes: RefCell::new(mistakes), places: RefCell::default(), spoiled }
    }

    /// Notes a mistake at a span.
    pub(super) fn note(&self, span: &ByteRange, key: impl Into<String>, text: impl Into<String>) {
        let mistake = Mistake { place: self.origin.place(span), key: key.into(), text: text.into() };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Notes a mistake in another file than the config's own.
    pub(super) fn note_elsewhere(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Notes a mistake at a key that was read, or else at the section it would stand in.
    pub(super) fn note_at(&self, key: &str, text: impl Into<String>) {
        let mut ancestor = key;
        let span = loop {
            if let Some(span) = self.places.borrow().get(ancestor) {
                break span.clone();
            }
            match ancestor.rfind(['.', '[']) {
                Some(end) => ancestor = &ancestor[..end],
                None => break NOWHERE,
            }
        };
        self.note(&span, key, text);
    }

    pub(super) fn remember(&self, key: &str, span: ByteRange) {
        self.places.borrow_mut().insert(key.to_owned(), span);
    }

    /// Whether the key was there to be read.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.borrow().contains_key(key)
    }

    /// Whether the key was noted before and taken out.
    pub(super) fn is_spoiled(&self, key: &str) -> bool {
        self.spoiled.contains(key)
    }

    /// How many mistakes were noted so far.
    pub(super) fn count(&self) -> usize {
        self.mistakes.borrow().len()
    }

    /// All mistakes, and where each key stands.
    pub(super) fn finish(self) -> (Vec<Mistake>, BTreeMap<String, Location>) {
        let place = |(key, span): (String, ByteRange)| (key, self.origin.place(&span));
        (self.mistakes.into_inner(), self.places.into_inner().into_iter().map(place).collect())
    }
}

/// One table of the config while it is read.
pub(super) struct Section<'r, 'o, 'a> {
    pub(super) reading: &'r Reading<'o, 'a>,
    /// Its key from the root, for example `merchants.mall`; empty for the root.
    pub(super) path: String,
    /// Where it begins.
    pub(super) span: ByteRange,
    /// The entries that were not read yet.
    pub(super) entries: DeTable<'a>,
    known: Vec<&'static str>,
    /// The required keys that are missing, each with an example of its value.
    absent: Vec<(&'static str, String)>,
}

/// A value that was taken out of a section, and where a mistake in it is to be noted.
struct ReadValue<'a> {
    at: ByteRange,
    node: Spanned<DeValue<'a>>,
}

impl<'r, 'o, 'a> Section<'r, 'o, 'a> {
    pub(super) fn new(reading: &'r Reading<'o, 'a>, path: String, span: ByteRange, entries: DeTable<'a>) -> Self {
        Self { reading, path, span, entries, known: Vec::new(), absent: Vec::new() }
    }

    /// The key of an entry from the root.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &'static str) -> Option<ReadValue<'a>> {
        self.known.push(key);
        let (name, node) = self.entries.remove_entry(key)?;
        let at = if node.span() == NOWHERE { name.span() } else { node.span() };
        self.reading.remember(&self.key(key), at.clone());
        Some(ReadValue { at, node })
    }

    fn read_node<T>(
        &self,
        path: &str,
        ReadValue { at, node }: &ReadValue<'a>,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let value = Value { node: node.get_ref(), raw: self.reading.origin.raw(&node.span()) };
        read(&value).map_err(|text| self.reading.note(at, path, text)).ok()
    }

    /// `key` is not there; `example` is its value as TOML.
    pub(super) fn missing(&mut self, key: &'static str, example: &str) {
        if !self.reading.is_spoiled(&self.key(key)) {
            self.absent.push((key, example.to_owned()));
        }
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        match self.take(key) {
            Some(taken) => self.read_node(&self.key(key), &taken, read),
            None => {
                self.missing(key, example);
                None
            }
        }
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.take(key) {
            Some(taken) => self.read_node(&self.key(key), &taken, read).map(Some),
            None if self.reading.is_spoiled(&self.key(key)) => None,
            None => Some(None),
        }
    }

    /// A key that has a default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.optional(key, read).map(|found| found.unwrap_or(default))
    }

    /// A list that may be left out; every element that is mistaken is noted, and so is one that comes twice.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Value<'_>) -> Result<T, String>,
    ) -> Option<Option<Vec<T>>> {
        let Some(ReadValue { at, node }) = self.take(key) else {
            return if self.reading.is_spoiled(&self.key(key)) { None } else { Some(None) };
        };
        let path = self.key(key);
        let DeValue::Array(items) = node.get_ref() else {
            let value = Value { node: node.get_ref(), raw: None };
            self.reading.note(&at, path, format!("is {}; write a list: {key} = [ ... ]", value.kind()));
            return None;
        };
        let before = self.reading.count();
        let mut found: Vec<T> = Vec::new();
        for item in items.iter() {
            let item = ReadValue { at: item.span(), node: item.clone() };
            match self.read_node(&path, &item, &read) {
                Some(element) if found.contains(&element) => {
                    self.reading.note(&item.at, path.as_str(), "names the same twice; leave one out");
                }
                Some(element) => found.push(element),
                None => {}
            }
        }
        (self.reading.count() == before && !self.reading.is_spoiled(&path)).then_some(Some(found))
    }

    /// A value, or a list of values of which the first is used and the others are accepted while a change spreads.
    pub(super) fn one_or_more<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Value<'_>) -> Result<T, String>,
    ) -> Option<Option<Vec<T>>> {
        self.one_or_more_entries(key, &read, |table| {
            let value = Value { node: &DeValue::Table(table.entries), raw: None };
            read(&value).map_err(|text| table.reading.note(&table.span, table.path.as_str(), text)).ok()
        })
    }

    /// The same for values that may also be written as tables.
    pub(super) fn one_or_more_entries<T>(
        &mut self,
        key: &'static str,
        read_value: impl Fn(&Value<'_>) -> Result<T, String>,
        read_table: impl Fn(Section<'r, 'o, 'a>) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        let path = self.key(key);
        let Some(ReadValue { at, node }) = self.take(key) else {
            return if self.reading.is_spoiled(&path) { None } else { Some(None) };
        };
        let items = match node.get_ref() {
            DeValue::Array(items) => items.iter().cloned().collect(),
            _ => vec![node],
        };
        if items.is_empty() {
            self.reading.note(&at, path, "is an empty list; write the value that is used");
            return None;
        }
        let entry = |node: Spanned<DeValue<'a>>| match node.get_ref() {
            DeValue::Table(_) => read_table(self.below(element_path(&path, node.get_ref()), &node.span(), node)),
            _ => self.read_node(&path, &ReadValue { at: node.span(), node }, &read_value),
        };
        let entries: Vec<_> = items.into_iter().map(entry).collect();
        entries.into_iter().collect::<Option<Vec<_>>>().filter(|_| !self.reading.is_spoiled(&path)).map(Some)
    }

    /// A list that must be there and hold something.
    pub(super) fn required_list<T: PartialEq>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl Fn(&Value<'_>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        match self.list(key, read)? {
            None => {
                self.missing(key, example);
                None
            }
            Some(list) if list.is_empty() => {
                self.reading.note_at(&self.key(key), format!("is empty; write for example {key} = {example}"));
                None
            }
            Some(list) => Some(list),
        }
    }

    /// The table below `key`; an empty one that stands nowhere if there is none.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r, 'o, 'a> {
        let path = self.key(key);
        match self.take(key) {
            None => Section::new(
                self.reading,
                path,
                if self.path.is_empty() { NOWHERE } else { self.span.clone() },
                DeTable::new(),
            ),
            Some(ReadValue { at, node }) => self.below(path, &at, node),
        }
    }

    /// The table below `key`, which must be there; `None` also for what is no table.
    pub(super) fn required_section(&mut self, key: &'static str, example: &str) -> Option<Section<'r, 'o, 'a>> {
        if self.entries.contains_key(key) {
            let before = self.reading.count();
            let section = self.section(key);
            return (self.reading.count() == before).then_some(section);
        }
        self.known.push(key);
        self.missing(key, example);
        None
    }

    /// The table below `key`, which may be left out; `None` for what is no table.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Option<Option<Section<'r, 'o, 'a>>> {
        let is_there = self.entries.contains_key(key);
        let before = self.reading.count();
        let section = self.section(key);
        (self.reading.count() == before).then_some(is_there.then_some(section))
    }

    /// As [`Self::optional_section`]; what is no table is refused with an example of one.
    pub(super) fn optional_table(&mut self, key: &'static str, example: &str) -> Option<Option<Section<'r, 'o, 'a>>> {
        if self.entries.get(key).is_none_or(|node| matches!(node.get_ref(), DeValue::Table(_))) {
            return self.optional_section(key);
        }
        let refuse = |value: &Value<'_>| Err::<(), _>(format!("is {}; write for example {example}", value.kind()));
        self.optional(key, refuse);
        None
    }

    fn below(&self, path: String, at: &ByteRange, node: Spanned<DeValue<'a>>) -> Section<'r, 'o, 'a> {
        let span = node.span();
        match node.into_inner() {
            DeValue::Table(entries) => Section::new(self.reading, path, span, entries),
            other => {
                let kind = Value { node: &other, raw: None }.kind();
                self.reading.note(at, path.as_str(), format!("is {kind}; write a section: [{path}]"));
                Section::new(self.reading, path, span, DeTable::new())
            }
        }
    }

    /// The tables below `key`, each with the name it has there, in the order of the file.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(String, Section<'r, 'o, 'a>)> {
        let section = self.section(key);
        let mut entries: Vec<_> = section.entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let tables = entries.into_iter().map(|(name, node)| {
            let path = format!("{key}.{}", name.get_ref());
            self.reading.remember(&path, name.span());
            let at = name.span();
            (name.into_inner().into_owned(), self.below(path, &at, node))
        });
        tables.collect()
    }

    /// The elements of the list of tables `[[key]]`.
    pub(super) fn elements(&mut self, key: &'static str) -> Vec<Section<'r, 'o, 'a>> {
        self.elements_by(key, |list, _, element| element_path(list, element))
    }

    /// The same for elements that have no names: mistakes in them name their place in the list, from 1.
    pub(super) fn numbered_elements(&mut self, key: &'static str) -> Vec<Section<'r, 'o, 'a>> {
        self.elements_by(key, |list, number, _| format!("{list}[{number}]"))
    }

    fn elements_by(
        &mut self,
        key: &'static str,
        path_of: impl Fn(&str, usize, &DeValue<'_>) -> String,
    ) -> Vec<Section<'r, 'o, 'a>> {
        let Some(ReadValue { at, node }) = self.take(key) else { return Vec::new() };
        let path = self.key(key);
        let DeValue::Array(items) = node.into_inner() else {
            self.reading.note(&at, path, format!("is no list; begin each entry with a line [[{key}]]"));
            return Vec::new();
        };
        let element = |(number, item): (usize, Spanned<DeValue<'a>>)| {
            let path = path_of(&path, number, item.get_ref());
            let at = item.span();
            self.reading.remember(&path, at.clone());
            self.below(path, &at, item)
        };
        (1..).zip(items).map(element).collect()
    }

    /// Whether there is a list at `key`.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|node| matches!(node.get_ref(), DeValue::Array(_)))
    }

    /// Whether nothing is left that was not asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The keys that were asked for.
    pub(super) fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Notes every entry that was not asked for, and everything that is missing. What is missing because it is
    /// misspelled is noted as that only.
    pub(super) fn finish(mut self) {
        for name in self.entries.keys() {
            let key = self.key(name.get_ref());
            let meant = self.reading.unknown(&name.span(), &key, &self.known);
            self.absent.retain(|(absent, _)| Some(*absent) != meant);
        }
        for (key, example) in &self.absent {
            self.reading.note(&self.span, self.key(key), format!("is missing; write for example {key} = {example}"));
        }
    }

    /// Notes the keys that are missing so far, and leaves the rest unread: the other keys allowed here depend on them.
    pub(super) fn give_up(mut self) {
        self.entries.clear();
        self.finish();
    }
}

impl Reading<'_, '_> {
    /// Notes a key that is none of `known`. Gives the one that was meant, if any was.
    pub(super) fn unknown<'k>(&self, span: &ByteRange, key: &str, known: &[&'k str]) -> Option<&'k str> {
        let (above, name) = key.rsplit_once('.').unwrap_or(("", key));
        let is_variable = matches!(self.origin.place(span), Location::Variable { .. });
        let write = |known: &str| match (is_variable, above) {
            (false, _) => known.to_owned(),
            (true, "") => format!("{PREFIX}{}__…", spelled(known)),
            (true, _) => {
                let above: Vec<_> = above.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(spelled).collect();
                format!("{PREFIX}{}__{}", above.join("__"), spelled(known))
            }
        };
        let meant = nearest(name, known.iter().copied());
        let text = match meant {
            Some(meant) => format!("is no key of the config; did you mean {}?", write(meant)),
            None => {
                let known: Vec<_> = known.iter().map(|known| write(known)).collect();
                format!("is no key of the config; here you can write {}", any_of(known.iter().map(String::as_str)))
            }
        };
        self.note(span, key, text);
        meant
    }
}

/// The path of an element of a list of tables: by its name, where it has one.
pub(super) fn element_path(list: &str, element: &DeValue<'_>) -> String {
    match name_of(element) {
        Some(name) => format!("{list}[{name}]"),
        None => list.to_owned(),
    }
}
