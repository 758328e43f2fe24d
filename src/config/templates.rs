use std::path::{Path, PathBuf};

use super::reading::Section;
use super::value::text;

/// `[templates]`: what messages are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// The folder whose templates go before the built-in ones; relative ones were resolved from the config's folder.
    pub folder: Option<PathBuf>,
    /// Words that no message may hold; gateways may name more.
    pub banned_words: Vec<String>,
}

pub(super) fn read(mut section: Section<'_, '_, '_>, folder: &Path) -> Option<Templates> {
    let named = section.optional("folder", text);
    let banned_words = section.list("banned_words", text);
    section.finish();
    let banned_words = banned_words?.unwrap_or_default();
    Some(Templates { folder: named?.map(|named| folder.join(named)), banned_words })
}
