//! Language tags (BCP 47).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a language tag such as zh-CN or en")]
pub struct LocaleError;

/// A language tag (BCP 47: language, optional script and region), for example `zh-CN`, `en`, `zh-Hant-HK`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(Arc<str>);

impl Locale {
    /// Takes `-` or `_` between the parts and gives them their usual case (`ZH_cn` becomes `zh-CN`).
    ///
    /// # Errors
    /// [`LocaleError`] when the language is not two or three letters or a further part is not two to eight letters or
    /// digits.
    pub fn new(text: &str) -> Result<Self, LocaleError> {
        let mut tag = String::with_capacity(text.len());
        for (index, part) in text.split(['-', '_']).enumerate() {
            let sound = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match (index, part.len()) {
                (0, 2..=3) if part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    tag.push_str(&part.to_ascii_lowercase());
                }
                (1.., 2) if sound => tag.extend(['-'].into_iter().chain(part.to_ascii_uppercase().chars())),
                (1.., 4) if sound => {
                    tag.push('-');
                    tag.push_str(&part[..1].to_ascii_uppercase());
                    tag.push_str(&part[1..].to_ascii_lowercase());
                }
                (1.., 3..=8) if sound => tag.extend(['-'].into_iter().chain(part.to_ascii_lowercase().chars())),
                _ => return Err(LocaleError),
            }
        }
        Ok(Self(tag.into()))
    }

    /// The whole tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the other one, or a variant of it, as `en-GB` is of `en`.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// The other one where that is a variant of this: who reads `en` at a merchant in Britain reads `en-GB`.
    #[must_use]
    pub fn narrowed_by<'l>(&'l self, other: &'l Self) -> &'l Self {
        if other.is_of(self) { other } else { self }
    }

    /// The language alone, for example `zh`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locale({})", self.0)
    }
}

impl TryFrom<String> for Locale {
    type Error = LocaleError;
    fn try_from(text: String) -> Result<Self, LocaleError> {
        Self::new(&text)
    }
}

impl std::str::FromStr for Locale {
    type Err = LocaleError;
    fn from_str(text: &str) -> Result<Self, LocaleError> {
        Self::new(text)
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> String {
        locale.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Locale;

    #[test]
    fn tags_get_their_usual_case() {
        for (text, tag) in [("ZH_cn", "zh-CN"), ("en", "en"), ("zh-hANT-hk", "zh-Hant-HK"), ("es-419", "es-419")] {
            assert_eq!(Locale::new(text).map(String::from).as_deref(), Ok(tag));
        }
        for text in ["", "c", "zh-", "中文", "zh CN", "12"] {
            assert!(Locale::new(text).is_err(), "{text:?} is no language tag");
        }
    }
}
