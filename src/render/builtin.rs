//! The message templates that are compiled in.

use super::TemplateSource;

/// Each file of `templates/messages/`: its path below that folder and its text.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// The templates that are compiled in: `templates/messages/`, as `dueherald init` writes them out.
pub fn builtin_templates() -> impl Iterator<Item = TemplateSource> {
    BUILT_IN.iter().map(|(path, text)| TemplateSource { path: (*path).into(), text: (*text).into() })
}

/// Whether a path is one of theirs.
pub(super) fn is_builtin(path: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == path)
}
