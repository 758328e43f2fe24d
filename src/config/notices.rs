//! `[notices]`: limits for one-off messages.

use super::reading::Section;
use super::value::integer;

/// `[notices]`: one-off messages to selected borrowers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notices {
    /// A notice with more recipients has to be approved by another person than who made it; `None` for never.
    pub approve_above: Option<u64>,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Notices> {
    let approve_above = section.optional("approve_above", |value| integer(value, 0..=1_000_000_000));
    section.finish();
    Some(Notices { approve_above: approve_above? })
}
