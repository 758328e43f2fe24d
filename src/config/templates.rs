use std::path::{Path, PathBuf};

use super::reading::Section;
use super::value::text;

/// `[templates]`: what messages are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// The folder whose templates go before the built-in ones; relative ones were resolved from the config's folder.
    pub folder: Option<PathBuf>,
}

pub(super) fn read(mut section: Section<'_, '_, '_>, folder: &Path) -> Option<Templates> {
    let named = section.optional("folder", text);
    section.finish();
    Some(Templates { folder: named?.map(|named| folder.join(named)) })
}
