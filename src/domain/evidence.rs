//! Evidence: entries about one borrower, chained by hashes, so that a change of the document shows.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{AuditHash, CHAIN_START};

/// The form of the document, and of what its hashes are made of.
pub const EVIDENCE_FORM: &str = "dueherald evidence 1";

/// An entry: names and values, in an order that its hash covers. The first is its kind.
#[derive(Clone, PartialEq, Eq)]
pub struct EvidenceEntry {
    fields: Vec<(String, String)>,
}

/// Without the values.
impl fmt::Debug for EvidenceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvidenceEntry({} of {} fields)", self.kind(), self.fields.len())
    }
}

impl EvidenceEntry {
    /// An entry of a kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self::of(vec![("kind".to_owned(), kind.to_owned())])
    }

    /// An entry of fields that were read.
    #[must_use]
    pub fn of(fields: Vec<(String, String)>) -> Self {
        Self { fields }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same with one more field, if there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same with one more field that has a line for each value, if there is one.
    #[must_use]
    pub fn lines(self, name: &str, values: &[String]) -> Self {
        if values.is_empty() { self } else { self.with(name, values.join("\n")) }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.field("kind").unwrap_or_default()
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// All fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The hash of this entry behind one with the hash `before`: SHA-256 of that hash in hexadecimal and a line feed,
    /// then of each field `name=length:value` and a line feed, where the length counts the bytes of the value.
    #[must_use]
    pub fn hash(&self, before: AuditHash) -> AuditHash {
        let mut hash = Sha256::new().chain_update(format!("{before}\n"));
        for (name, value) in &self.fields {
            hash.update(format!("{name}={}:{value}\n", value.len()));
        }
        AuditHash(hash.finalize().into())
    }
}

/// The entries with their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceDocument {
    entries: Vec<(EvidenceEntry, AuditHash)>,
}

impl EvidenceDocument {
    /// Chains entries.
    #[must_use]
    pub fn chain(entries: Vec<EvidenceEntry>) -> Self {
        let mut before = CHAIN_START;
        let hashed = |entry: EvidenceEntry| {
            before = entry.hash(before);
            (entry, before)
        };
        Self { entries: entries.into_iter().map(hashed).collect() }
    }

    /// Takes entries with the hashes that a file names.
    ///
    /// # Errors
    /// When a hash is not that of its entry and the one before, the head is not the last, or there is none at all.
    pub fn verified(
        entries: Vec<(EvidenceEntry, AuditHash)>,
        number: usize,
        head: AuditHash,
    ) -> Result<Self, EvidenceFault> {
        let mut before = CHAIN_START;
        for (place, (entry, hash)) in entries.iter().enumerate() {
            before = entry.hash(before);
            if before != *hash {
                return Err(EvidenceFault::Changed(place + 1));
            }
        }
        let document = Self { entries };
        if document.entries.len() != number || document.head() != head || number == 0 {
            return Err(EvidenceFault::OtherHead { read: document.entries.len(), named: number });
        }
        Ok(document)
    }

    /// The entries with their hashes.
    #[must_use]
    pub fn entries(&self) -> &[(EvidenceEntry, AuditHash)] {
        &self.entries
    }

    /// The hash of the last entry, which covers all.
    #[must_use]
    pub fn head(&self) -> AuditHash {
        self.entries.last().map_or(CHAIN_START, |(_, hash)| *hash)
    }

    /// A field of the first entry, which is about the document itself.
    #[must_use]
    pub fn about(&self, name: &str) -> Option<&str> {
        self.entries.first().and_then(|(entry, _)| entry.field(name))
    }
}

/// The first wrong place of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFault {
    /// The hash does not fit.
    #[error("entry {0} was changed, removed or moved: its hash does not fit it and the entry before it")]
    Changed(usize),
    /// The end is missing, or the head was changed.
    #[error("the head is not that of the last entry: the file names {named} entries and has {read}")]
    OtherHead {
        /// How many entries the file has.
        read: usize,
        /// How many it names.
        named: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentJson {
    format: String,
    verify: String,
    entries: Vec<EntryJson>,
    head: HeadJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryJson {
    number: usize,
    hash: String,
    fields: FieldsJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadJson {
    number: usize,
    hash: String,
}

/// An object whose names keep their order.
struct FieldsJson(Vec<(String, String)>);

impl Serialize for FieldsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for FieldsJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = FieldsJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldsJson, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(FieldsJson(fields))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Why a file is no evidence, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It has another form.
    #[error("it is no evidence as `dueherald evidence` writes it: {0}")]
    Form(String),
    /// A hash does not fit.
    #[error(transparent)]
    Fault(#[from] EvidenceFault),
}

/// A file that has another form.
pub(crate) fn no_evidence(why: impl fmt::Display) -> EvidenceError {
    EvidenceError::Form(why.to_string())
}

impl EvidenceDocument {
    /// The document as JSON, with a text that says how to verify it.
    #[must_use]
    pub fn to_json(&self, verify: &str) -> String {
        let entry = |(place, (entry, hash)): (usize, &(EvidenceEntry, AuditHash))| EntryJson {
            number: place + 1,
            hash: hash.to_string(),
            fields: FieldsJson(entry.fields.clone()),
        };
        let json = DocumentJson {
            format: EVIDENCE_FORM.to_owned(),
            verify: verify.to_owned(),
            entries: self.entries.iter().enumerate().map(entry).collect(),
            head: HeadJson { number: self.entries.len(), hash: self.head().to_string() },
        };
        // Texts and numbers always make JSON.
        serde_json::to_string_pretty(&json).unwrap_or_default() + "\n"
    }

    /// Reads and verifies a document of JSON.
    ///
    /// # Errors
    /// When it has another form, or a hash does not fit.
    pub fn from_json(text: &str) -> Result<Self, EvidenceError> {
        let json: DocumentJson = serde_json::from_str(text).map_err(no_evidence)?;
        if json.format != EVIDENCE_FORM {
            return Err(no_evidence(format!("its form is {}", json.format)));
        }
        let head = json.head.hash.parse().map_err(no_evidence)?;
        let mut entries = Vec::with_capacity(json.entries.len());
        for (place, entry) in json.entries.into_iter().enumerate() {
            if entry.number != place + 1 {
                return Err(EvidenceFault::Changed(place + 1).into());
            }
            entries.push((EvidenceEntry::of(entry.fields.0), entry.hash.parse().map_err(no_evidence)?));
        }
        Ok(Self::verified(entries, json.head.number, head)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EvidenceDocument, EvidenceEntry, EvidenceError, EvidenceFault};
    use crate::domain::CHAIN_START;

    fn entries() -> Vec<EvidenceEntry> {
        let text = "Zahlung fällig\n应还 ¥12 <b>\"&\u{1}";
        vec![
            EvidenceEntry::new("document").with("borrower", "B1"),
            EvidenceEntry::new("message").with("text", text).lines("history", &["a".to_owned(), "b".to_owned()]),
            EvidenceEntry::new("reply").with("text", "STOP"),
        ]
    }

    #[test]
    fn the_hash_is_what_the_document_says() {
        let text = format!("{CHAIN_START}\nkind=7:message\ntext=3:ä!\n");
        let expected = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
        assert_eq!(EvidenceEntry::new("message").with("text", "ä!").hash(CHAIN_START).0[..], expected[..]);
    }

    #[test]
    fn a_document_is_read_back_as_it_was_written() {
        let document = EvidenceDocument::chain(entries());
        let read = EvidenceDocument::from_json(&document.to_json("how")).expect("it is whole");
        assert_eq!(read, document);
    }

    #[test]
    fn a_document_that_was_cut_off_is_refused() {
        let document = EvidenceDocument::chain(entries());
        let cut = EvidenceDocument::chain(entries().into_iter().take(2).collect());
        let kept = EvidenceDocument::verified(cut.entries.clone(), 3, document.head());
        assert_eq!(kept, Err(EvidenceFault::OtherHead { read: 2, named: 3 }));
        assert!(EvidenceDocument::verified(Vec::new(), 0, CHAIN_START).is_err(), "nothing is no evidence");
    }

    proptest! {
        /// Any one character of what is hashed, of a hash or of a number.
        #[test]
        fn any_change_of_a_file_is_found(at in any::<prop::sample::Index>(), letter in "[0-9a-zA-Z]") {
            let json = EvidenceDocument::chain(entries()).to_json("how");
            let places: Vec<_> = json
                .char_indices()
                .filter(|(place, old)| old.is_ascii_alphanumeric() && *place > json.find("\"entries\"").unwrap_or(0) + 10)
                .collect();
            let (place, old) = places[at.index(places.len())];
            prop_assume!(!letter.starts_with(old));
            let changed = format!("{}{letter}{}", &json[..place], &json[place + old.len_utf8()..]);
            // Capitals in a hash are the same hash, and an escape is the same letter.
            let read = EvidenceDocument::from_json(&changed);
            prop_assert!(read.is_err() || read.is_ok_and(|read| read == EvidenceDocument::chain(entries())));
        }
    }

    #[test]
    fn a_field_that_nothing_hashes_is_refused() {
        let json = EvidenceDocument::chain(entries()).to_json("how");
        let added = json.replacen("\"hash\"", "\"note\": \"forged\", \"hash\"", 1);
        assert!(matches!(EvidenceDocument::from_json(&added), Err(EvidenceError::Form(_))));
    }
}
