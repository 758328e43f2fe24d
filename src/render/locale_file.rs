//! The files of `locales/`: how a language writes amounts, dates and hours, the texts of pages, the words that
//! templates share, and the texts of samples.
//!
//! A new language is a file there, with its templates in `templates/messages/`; no Rust is changed for it. A variant of
//! a language names its `parent` and only what differs from it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::{Table, Value};

use super::opening_hours::HoursForm;
use crate::domain::Locale;

/// Each file of `locales/`: its name and its text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

/// The file for languages that have none of their own.
const ANY: &str = "und";

/// Keys that a file does not take from its parent.
const OWN: [&str; 4] = ["parent", "tags", "name", "pages"];

/// Tables that a file takes from its parent whole or not at all: the others are merged key by key.
const WHOLE: [&str; 2] = ["units", "symbols"];

/// How a language is written.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocaleFile {
    /// The file's own tag; filled in when it is read.
    #[serde(default)]
    code: String,
    /// The file that says what this one leaves out.
    parent: Option<String>,
    /// The language that it is for, such as `zh`.
    language: String,
    /// If there are any: only for locales that have one of these parts, such as `TW`.
    #[serde(default)]
    tags: Vec<String>,
    /// The language's own name; empty where pages do not offer it.
    #[serde(default)]
    name: String,
    /// The tag in whose templates a text is looked for after the parents of a tag, if any.
    fallback: Option<String>,
    /// The file whose page texts are shown; by default its own.
    #[serde(default)]
    pages: String,
    /// Between the sums of a list.
    pub(super) comma: String,
    /// Before the last sum of a list.
    pub(super) and: String,
    /// A date as a short message writes it: `{year}`, `{month}`, `{day}`, `{month_digits}`, `{day_digits}` (two
    /// digits), `{mon}` and `{month_name}` stand for its parts.
    pub(super) date: String,
    /// The same for a date of this year; by default like any other.
    pub(super) date_this_year: Option<String>,
    /// A date in full, for what may be read years later.
    pub(super) date_full: String,
    /// The names of the months, if dates have them.
    #[serde(default)]
    pub(super) months: Vec<String>,
    /// Their short names, if dates have them.
    #[serde(default)]
    pub(super) months_short: Vec<String>,
    /// By currency, what follows an amount.
    #[serde(default)]
    pub(super) units: BTreeMap<String, String>,
    /// By currency, what precedes an amount. A currency in neither list is written as its code.
    #[serde(default)]
    pub(super) symbols: BTreeMap<String, String>,
    /// Currencies whose whole amounts are written without decimals.
    #[serde(default)]
    pub(super) whole_amounts: Vec<String>,
    /// How the hours of customer service are written.
    pub(super) hours: HoursForm,
    /// By host, what people call an app store.
    #[serde(default)]
    app_stores: BTreeMap<String, String>,
    /// Words that differ between the variants of a language: templates print them as `words.installment`.
    #[serde(default)]
    pub(super) words: BTreeMap<String, String>,
    /// The texts of pages, by key: HTML in which `{name}` stands for a value.
    #[serde(default)]
    page: BTreeMap<String, String>,
    /// The texts of samples.
    pub(super) sample: SampleTexts,
}

/// The texts of samples.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleTexts {
    pub(super) merchant: String,
    pub(super) app: String,
    pub(super) phone: String,
    pub(super) borrower: String,
    pub(super) currency: String,
    /// Of the merchant and of its customer service.
    pub(super) time_zone: chrono_tz::Tz,
    pub(super) products: [String; 3],
}

static LOCALES: LazyLock<BTreeMap<&'static str, LocaleFile>> =
    LazyLock::new(|| FILES.iter().map(|(code, _)| (*code, read(code))).collect());

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads each")]
fn read(code: &str) -> LocaleFile {
    let file: LocaleFile = whole(code).and_then(|table| table.try_into().ok()).expect("a compiled-in locale is sound");
    let pages = if file.pages.is_empty() { code.to_owned() } else { file.pages };
    LocaleFile { code: code.to_owned(), pages, ..file }
}

/// A file with what it takes from its parents; `None` where there is no such file, or it is no TOML.
fn whole(code: &str) -> Option<Table> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == code)?;
    let own: Table = text.parse().ok()?;
    let Some(parent) = own.get("parent").and_then(Value::as_str) else { return Some(own) };
    let mut table = whole(parent)?;
    table.retain(|key, _| !OWN.contains(&key));
    for (key, value) in own {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inherited)), Value::Table(own)) if !WHOLE.contains(&key.as_str()) => {
                inherited.extend(own)
            }
            (_, value) => drop(table.insert(key, value)),
        }
    }
    Some(table)
}

/// The tags of the languages that pages are written in.
pub fn page_languages() -> impl Iterator<Item = &'static str> {
    LOCALES.iter().rev().filter(|(code, file)| file.pages == **code).map(|(code, _)| *code)
}

/// The same without variants of others: in these, a page speaks to somebody of whom nothing is known.
pub fn main_page_languages() -> impl Iterator<Item = &'static str> {
    page_languages().filter(|tag| LOCALES[tag].parent.is_none())
}

/// The text of a page in a language, if the language has it.
#[must_use]
pub fn page_text(tag: &str, key: &str) -> Option<&'static str> {
    LOCALES.get(tag)?.page.get(key).map(String::as_str)
}

/// Whether some language has this word.
pub(super) fn is_word(word: &str) -> bool {
    LOCALES.values().any(|file| file.words.contains_key(word))
}

/// The own name of a language that pages are written in.
#[must_use]
pub fn language_name(tag: &str) -> Option<&'static str> {
    LOCALES.get(tag).map(|file| file.name.as_str()).filter(|name| !name.is_empty())
}

impl LocaleFile {
    /// The file for a locale: one that names a part of it before one for its whole language, and that before the one
    /// for any.
    #[must_use]
    pub fn of(locale: &Locale) -> &'static Self {
        Self::of_tag(locale.as_str())
    }

    pub(super) fn of_tag(tag: &str) -> &'static Self {
        let language = tag.split('-').next().unwrap_or_default();
        let files = || LOCALES.values().filter(|file| file.language == language);
        // The last part is the narrowest: TW of zh-Hant-TW.
        let of_part = |part: &str| files().find(|file| file.tags.iter().any(|tag| tag == part));
        let found = LOCALES.get(tag).or_else(|| tag.rsplit('-').find_map(of_part));
        found.or_else(|| files().find(|file| file.tags.is_empty())).unwrap_or(&LOCALES[ANY])
    }

    /// The tag of the language in which pages are shown.
    #[must_use]
    pub fn pages(&'static self) -> &'static str {
        &self.pages
    }

    /// The file's tag and those of its parents.
    pub fn with_parents(&'static self) -> impl Iterator<Item = &'static str> {
        let next = |file: &&'static Self| file.parent.as_deref().and_then(|parent| LOCALES.get(parent));
        std::iter::successors(Some(self), next).map(|file| file.code.as_str())
    }

    /// The separator of a list.
    #[must_use]
    pub fn comma(&self) -> &str {
        &self.comma
    }

    /// The tag in whose templates a text is looked for last.
    pub(super) fn fallback(&'static self) -> Option<&'static str> {
        self.fallback.as_deref()
    }

    /// The name of the app store of a host.
    #[must_use]
    pub fn app_store(&self, host: &str) -> Option<&str> {
        self.app_stores.get(host).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FILES, LOCALES, LocaleFile, page_languages, read};
    use crate::domain::Locale;
    use rstest::rstest;

    #[test]
    fn every_file_is_whole() {
        for (code, _) in FILES {
            let file = read(code);
            assert!(LOCALES.contains_key(file.pages.as_str()), "{code} shows the pages of {}", file.pages);
            let forms = [Some(&file.date), file.date_this_year.as_ref(), Some(&file.date_full)];
            let names = |place: &str| forms.iter().flatten().any(|form| form.contains(place));
            assert!(!names("{month_name}") || file.months.len() == 12, "{code}: months");
            assert!(!names("{mon}") || file.months_short.len() == 12, "{code}: months_short");
        }
    }

    /// A text that one language has and another lacks would be missing on a page of the other.
    #[test]
    fn every_language_has_every_page_text_with_the_same_places() {
        let texts = |tag: &str| -> BTreeSet<&String> { LOCALES[tag].page.keys().collect() };
        for tag in page_languages() {
            assert_eq!(texts(tag), texts("en"), "the page texts of {tag}");
            assert_eq!(LOCALES[tag].words.keys().collect::<Vec<_>>(), LOCALES["en"].words.keys().collect::<Vec<_>>());
            for (key, text) in &LOCALES[tag].page {
                for place in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                    let known = LOCALES["en"].page[key].contains(&format!("{{{place}}}"));
                    assert!(known || ["merchant", "app_name", "due_date"].contains(&place), "{tag}, {key}: {place}");
                }
            }
        }
    }

    #[rstest]
    #[case("zh-CN", "zh-CN")]
    #[case("zh", "zh-CN")]
    #[case("zh-SG", "zh-CN")]
    #[case("zh-Hant-HK", "zh-Hant")]
    #[case("zh-MO", "zh-Hant")]
    #[case("en-US", "en")]
    #[case("en-GB", "en-GB")]
    #[case("en-IE", "en-GB")]
    #[case("de", "und")]
    fn a_locale_has_a_file(#[case] tag: &str, #[case] code: &str) {
        assert_eq!(LocaleFile::of(&Locale::new(tag).unwrap()).code, code);
    }
}
