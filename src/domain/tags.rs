//! Tags that the lender attaches to instalments.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Words that the lender has put on an instalment, for rules to ask for: `vip`, `furniture`. In order, none twice;
/// written with semicolons between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tags(BTreeSet<Box<str>>);

/// Why a text is no list of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// A control character.
    #[error("contains a control character")]
    BadCharacter,
    /// Longer than [`MAX_TAGS_CHARS`].
    #[error("is longer than {MAX_TAGS_CHARS} characters")]
    TooLong,
}

/// The most characters that all tags of an instalment may have together.
pub const MAX_TAGS_CHARS: usize = 1000;

impl Tags {
    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.0.contains(tag)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Tags {
    type Err = TagsError;
    fn from_str(text: &str) -> Result<Self, TagsError> {
        if text.chars().count() > MAX_TAGS_CHARS {
            return Err(TagsError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(TagsError::BadCharacter);
        }
        let tags = text.split(';').map(str::trim).filter(|tag| !tag.is_empty());
        Ok(Self(tags.map(Into::into).collect()))
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, tag) in self.0.iter().enumerate() {
            write!(f, "{}{tag}", if place == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tags;

    #[test]
    fn tags_are_kept_in_order_and_once() {
        let tags: Tags = " vip; furniture;;vip ".parse().unwrap();
        assert_eq!(tags.to_string(), "furniture;vip");
        assert!(tags.has("vip") && !tags.has("vi"));
        assert!("".parse::<Tags>().unwrap().is_empty());
        assert!("a\u{7}".parse::<Tags>().is_err());
    }
}
