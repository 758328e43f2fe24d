//! Jurisdictions by their codes. The files in `jurisdictions/` are the list of them; [`crate::plan`] reads them.

use std::fmt;
use std::str::FromStr;

/// Each file of `jurisdictions/`, by code: the code and the text.
const PACKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/jurisdictions.rs"));

/// A jurisdiction whose rules of contact apply to a merchant. Each has a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction(usize);

/// A word that is the code of no jurisdiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no jurisdiction of this code")]
pub struct UnknownJurisdiction;

impl Jurisdiction {
    /// All of them, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PACKS.len()).map(Self)
    }

    /// The word in the config, such as `cn`.
    #[must_use]
    pub fn code(self) -> &'static str {
        PACKS[self.0].0
    }

    /// The text of its file.
    #[must_use]
    pub fn pack_text(self) -> &'static str {
        PACKS[self.0].1
    }

    /// Its position in [`Self::all`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

impl FromStr for Jurisdiction {
    type Err = UnknownJurisdiction;
    fn from_str(code: &str) -> Result<Self, UnknownJurisdiction> {
        Self::all().find(|one| one.code() == code).ok_or(UnknownJurisdiction)
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jurisdiction({})", self.code())
    }
}
