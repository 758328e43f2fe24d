//! Config mistakes: location, key, reason, and what to write instead.

use std::fmt;

/// Where in a config something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In the file, but on no line of it: something is missing altogether.
    File {
        /// The file as the user named it.
        file: String,
    },
    /// On a line of the file.
    Line {
        /// The file as the user named it.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters; only where the line alone would not do.
        column: Option<usize>,
    },
    /// In the environment.
    Variable {
        /// The variable's name.
        name: String,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file } => f.write_str(file),
            Self::Line { file, line, column: None } => write!(f, "{file}:{line}"),
            Self::Line { file, line, column: Some(column) } => write!(f, "{file}:{line}:{column}"),
            Self::Variable { name } => f.write_str(name),
        }
    }
}

/// One mistake in a config: where, at which key, what is wrong and what to write instead. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where it stands.
    pub place: Location,
    /// The key, for example `merchants.mall.time_zone`; empty for what is no TOML at all.
    pub key: String,
    /// The mistake, and the value to write instead.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.place, self.text),
            key => write!(f, "{}: {key}: {}", self.place, self.text),
        }
    }
}

/// Every mistake of a config, in the order of the file; those of the environment last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Sorts them; the same mistake twice counts once.
    #[must_use]
    pub fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort();
        mistakes.dedup();
        Self(mistakes)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{mistake}")?;
        }
        Ok(())
    }
}

/// The one of `known` that is spelled most like `word`, if any is close enough to have been meant.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lowered = word.to_lowercase();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&lowered, &candidate.to_lowercase());
    let allowed = (word.chars().count() / 3).max(1);
    known.into_iter().min_by_key(distance).filter(|candidate| distance(candidate) <= allowed)
}

/// `"a", "b" or "c"`.
pub(super) fn any_of<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_may_have_been_meant_is_suggested() {
        let known = ["time_zone", "signature", "link_base"];
        assert_eq!(nearest("timezone", known), Some("time_zone"));
        assert_eq!(nearest("Signatur", known), Some("signature"));
        assert_eq!(nearest("colour", known), None);
    }
}
