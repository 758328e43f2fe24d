//! The texts of the console, in the languages of the staff: `templates/console/texts.*.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::Locale;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConsoleLanguage {
    /// English.
    English,
    /// Chinese, simplified.
    Chinese,
}

impl ConsoleLanguage {
    /// Every language.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The language for a locale: Chinese for every variant of it, else English.
    pub(super) fn of(locale: &Locale) -> Self {
        Self::of_tag(locale.as_str())
    }

    /// The language that a browser asks for first, by `Accept-Language`.
    pub(super) fn accepted(header: &str) -> Self {
        Self::of_tag(header.split(',').next().unwrap_or_default().trim())
    }

    fn of_tag(tag: &str) -> Self {
        let primary = tag.split(['-', ';']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The tag, as HTML has it.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

static ENGLISH: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| read(include_str!("../../../templates/console/texts.en.toml")));
static CHINESE: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| read(include_str!("../../../templates/console/texts.zh-CN.toml")));

fn read(file: &str) -> BTreeMap<String, String> {
    toml::from_str(file).expect("the compiled-in texts are TOML: a test reads them")
}

fn texts(language: ConsoleLanguage) -> &'static BTreeMap<String, String> {
    match language {
        ConsoleLanguage::English => &ENGLISH,
        ConsoleLanguage::Chinese => &CHINESE,
    }
}

/// The text of a key.
pub(super) fn text(language: ConsoleLanguage, key: &str) -> Option<&'static str> {
    texts(language).get(key).map(String::as_str)
}

/// The text of a key in the language of that tag.
pub(super) fn text_of_tag(tag: &str, key: &str) -> Option<&'static str> {
    let language = ConsoleLanguage::ALL.into_iter().find(|language| language.tag() == tag)?;
    text(language, key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ConsoleLanguage, texts};

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn both_languages_have_every_text_with_the_same_places() {
        let (english, chinese) = (texts(ConsoleLanguage::English), texts(ConsoleLanguage::Chinese));
        assert_eq!(english.keys().collect::<Vec<_>>(), chinese.keys().collect::<Vec<_>>());
        for (key, text) in english {
            assert_eq!(places(text), places(&chinese[key]), "{key}");
            assert!(!text.trim().is_empty() && !chinese[key].trim().is_empty(), "{key}");
        }
    }

    #[test]
    fn a_browser_gets_its_language_or_english() {
        for (header, expected) in
            [("zh-CN,zh;q=0.9", "zh-CN"), ("zh", "zh-CN"), ("de-DE", "en"), ("", "en"), ("ZH-TW;q=1", "zh-CN")]
        {
            assert_eq!(ConsoleLanguage::accepted(header).tag(), expected, "{header}");
        }
    }
}
