//! The files of `locales/`: how a language writes amounts and dates, and the texts of its samples.
//!
//! A new language is a file there, with its templates in `templates/`; no Rust is changed for it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::Locale;

/// Each file of `locales/`: its name and its text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

/// The file for languages that have none of their own.
const ANY: &str = "und";

/// How a language is written.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocaleFile {
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
    /// The file whose pages (`templates/web/landing.*.html`) are shown.
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
    /// By currency, what stands behind an amount.
    #[serde(default)]
    pub(super) units: BTreeMap<String, String>,
    /// By currency, what stands before an amount. A currency in neither list is written as its code.
    #[serde(default)]
    pub(super) symbols: BTreeMap<String, String>,
    /// By host, what people call an app store.
    #[serde(default)]
    app_stores: BTreeMap<String, String>,
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
    pub(super) hours: String,
    pub(super) borrower: String,
    pub(super) currency: String,
    pub(super) products: [String; 3],
}

static LOCALES: LazyLock<BTreeMap<&'static str, LocaleFile>> =
    LazyLock::new(|| FILES.iter().map(|(code, text)| (*code, read(text))).collect());

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads each")]
fn read(text: &str) -> LocaleFile {
    toml::from_str(text).expect("a compiled-in locale is sound")
}

/// The tags of the languages that pages are written in.
pub fn page_languages() -> impl Iterator<Item = &'static str> {
    LOCALES.iter().rev().filter(|(code, file)| file.pages == **code).map(|(code, _)| *code)
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
        let has_part = |file: &&Self| tag.split('-').any(|part| file.tags.iter().any(|tag| tag == part));
        let found = files().find(has_part).or_else(|| files().find(|file| file.tags.is_empty()));
        found.unwrap_or(&LOCALES[ANY])
    }

    /// The tag of the language in which pages are shown.
    #[must_use]
    pub fn pages(&'static self) -> &'static str {
        &self.pages
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
    use super::{FILES, LOCALES, LocaleFile};
    use crate::domain::Locale;
    use rstest::rstest;

    #[test]
    fn every_file_is_whole() {
        for (code, text) in FILES {
            let file: LocaleFile = toml::from_str(text).unwrap_or_else(|why| panic!("{code}: {why}"));
            assert!(LOCALES.contains_key(file.pages.as_str()), "{code} shows the pages of {}", file.pages);
            let forms = [Some(&file.date), file.date_this_year.as_ref(), Some(&file.date_full)];
            let names = |place: &str| forms.iter().flatten().any(|form| form.contains(place));
            assert!(!names("{month_name}") || file.months.len() == 12, "{code}: months");
            assert!(!names("{mon}") || file.months_short.len() == 12, "{code}: months_short");
        }
    }

    #[rstest]
    #[case("zh-CN", "zh-CN")]
    #[case("zh", "zh-CN")]
    #[case("zh-Hant-HK", "zh-Hant")]
    #[case("zh-TW", "zh-Hant")]
    #[case("en-GB", "en")]
    #[case("de", "und")]
    fn a_locale_has_a_file(#[case] tag: &str, #[case] code: &str) {
        assert_eq!(LocaleFile::of(&Locale::new(tag).unwrap()), &LOCALES[code]);
    }
}
