//! Secrets that stand elsewhere: `{ env = "NAME" }` and `{ file = "path" }` in the place of any value below a section.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Inputs;
use super::mistake::Mistake;
use super::origin::{Origin, RawNumber};

/// Reads a file as text.
pub type ReadFile<'r> = &'r dyn Fn(&Path) -> io::Result<String>;

/// Says who else can read a file that holds a secret, and what to do about it; `None` where nobody can.
pub type Exposure<'r> = &'r dyn Fn(&Path) -> Option<String>;

/// A secret of the config, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Its key, for example `gateways.mail.credentials.password`.
    pub key: String,
    /// Where it is kept.
    pub origin: SecretOrigin,
    /// Since when it is in use, where the config says so.
    pub since: Option<NaiveDate>,
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// In a file of its own.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
    /// In the config itself.
    Inline,
}

/// Replaces all references by the values that they name.
pub(super) struct Resolver<'r, 'o, 'a> {
    origin: &'o mut Origin<'a>,
    environment: &'r BTreeMap<String, String>,
    read_file: ReadFile<'r>,
    exposure: Exposure<'r>,
    /// The resolved secrets.
    pub(super) secrets: Vec<SecretUse>,
    /// The references that could not be resolved.
    pub(super) mistakes: Vec<Mistake>,
    /// Their keys: the resolver took them out of the tree, and they must not be reported as missing.
    pub(super) spoiled: BTreeSet<String>,
}

impl<'r, 'o, 'a> Resolver<'r, 'o, 'a> {
    pub(super) fn new(origin: &'o mut Origin<'a>, inputs: &Inputs<'r>) -> Self {
        let Inputs { environment, read_file, exposure, .. } = *inputs;
        Self {
            origin,
            environment,
            read_file,
            exposure,
            secrets: Vec::new(),
            mistakes: Vec::new(),
            spoiled: BTreeSet::new(),
        }
    }

    /// Resolves everything below the sections of `tree`; a section itself is never a reference.
    pub(super) fn resolve(&mut self, tree: &mut DeTable<'_>) {
        for (name, section) in tree.iter_mut() {
            let path = name.get_ref().as_ref();
            match section.get_mut() {
                // A calendar is a section too, even one that holds nothing but `file`.
                DeValue::Table(calendars) if path == "calendars" => {
                    for (name, calendar) in calendars.iter_mut() {
                        if let DeValue::Table(table) = calendar.get_mut() {
                            self.resolve_table(table, &format!("{path}.{}", name.get_ref()));
                        }
                    }
                }
                DeValue::Table(table) => self.resolve_table(table, path),
                DeValue::Array(items) => self.resolve_list(items, path),
                _ => {}
            }
        }
    }

    fn resolve_table(&mut self, table: &mut DeTable<'_>, path: &str) {
        let mut unresolved = Vec::new();
        for (key, node) in table.iter_mut() {
            let below = format!("{path}.{}", key.get_ref());
            if !self.resolve_node(node, &below) {
                unresolved.push(key.get_ref().to_string());
                self.spoiled.insert(below);
            }
        }
        for key in unresolved {
            table.remove(key.as_str());
        }
    }

    fn resolve_list(&mut self, items: &mut [Spanned<DeValue<'_>>], path: &str) {
        for item in items {
            let below = super::reading::element_path(path, item.get_ref());
            match item.get_mut() {
                // An element of `[[rules]]` is a section of its own.
                DeValue::Table(table) if reference(table).is_none() => self.resolve_table(table, &below),
                _ => {
                    if !self.resolve_node(item, path) {
                        self.spoiled.insert(path.to_owned());
                    }
                }
            }
        }
    }

    /// `false` if it is a reference to what is not there.
    fn resolve_node(&mut self, node: &mut Spanned<DeValue<'_>>, path: &str) -> bool {
        let span = node.span();
        let found = match node.get_mut() {
            DeValue::Array(items) => {
                self.resolve_list(items, path);
                return true;
            }
            DeValue::Table(table) => match reference(table) {
                Some(reference) => self.resolve_reference(reference),
                None => {
                    self.resolve_table(table, path);
                    return true;
                }
            },
            _ => return true,
        };
        match found {
            Ok((text, origin, since)) => {
                self.secrets.push(SecretUse { key: path.to_owned(), origin, since });
                *node.get_mut() = DeValue::String(text.clone().into());
                self.origin.keep_raw(&span, RawNumber { text, secret: true });
                true
            }
            Err(text) => {
                self.mistakes.push(Mistake { place: self.origin.place(&span), key: path.to_owned(), text });
                false
            }
        }
    }

    fn resolve_reference(&self, reference: Reference) -> Result<(String, SecretOrigin, Option<NaiveDate>), String> {
        let text = self.look_up(&reference.origin)?;
        let read = |written: String| {
            written
                .parse()
                .map_err(|_| "has a since that is no date; write for example since = \"2026-11-22\"".to_owned())
        };
        let since = reference.since.map(read).transpose()?;
        let origin = match reference.origin {
            SecretOrigin::File(name) => SecretOrigin::File(self.origin.folder().join(name)),
            other => other,
        };
        Ok((text, origin, since))
    }

    fn look_up(&self, origin: &SecretOrigin) -> Result<String, String> {
        match origin {
            SecretOrigin::Inline => Ok(String::new()),
            SecretOrigin::Variable(name) => match self.environment.get(name) {
                None => Err(format!("the environment variable {name} is not set; set it, or name another")),
                Some(value) if value.is_empty() => Err(format!("the environment variable {name} is empty; set it")),
                Some(value) => Ok(value.clone()),
            },
            SecretOrigin::File(name) => {
                let path = self.origin.folder().join(name);
                let shown = path.display();
                let text = (self.read_file)(&path)
                    .map_err(|error| format!("the file {shown} cannot be read ({error}); make it, or name another"))?;
                // One line break at the end is the editor's; more would be the secret's own.
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                if text.is_empty() {
                    return Err(format!("the file {shown} is empty; write the value into it"));
                }
                let exposure = if is_public(text) { None } else { (self.exposure)(&path) };
                exposure.map_or_else(|| Ok(text.to_owned()), Err)
            }
        }
    }
}

/// Whether a value is for everybody to read: certificates, such as those of an authority, without a key.
fn is_public(value: &str) -> bool {
    value.trim_start().starts_with("-----BEGIN CERTIFICATE-----") && !value.contains("PRIVATE KEY")
}

/// A table that stands for a value which is kept elsewhere.
struct Reference {
    origin: SecretOrigin,
    since: Option<String>,
}

/// A table with one of the keys `env` and `file`, and perhaps `since`, and nothing else.
fn reference(table: &DeTable<'_>) -> Option<Reference> {
    let text = |key: &str| match table.get(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        // TOML knows dates of its own, without quotes.
        DeValue::Datetime(date) => Some(date.to_string()),
        _ => None,
    };
    let since = text("since");
    let origin = match (text("env"), text("file")) {
        (Some(name), None) => SecretOrigin::Variable(name),
        (None, Some(name)) => SecretOrigin::File(name.into()),
        _ => return None,
    };
    (table.len() == 1 + usize::from(since.is_some())).then_some(Reference { origin, since })
}
