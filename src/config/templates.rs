//! `[templates]`: the template folder and message size limits.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::reading::Section;
use super::value::{Value, integer, text};
use crate::render::MessageLimits;

/// `[templates]`: what messages are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// The folder whose templates go before the built-in ones; relative ones were resolved from the config's folder.
    pub folder: Option<PathBuf>,
    /// Words that no message may hold; gateways may name more.
    pub banned_words: Vec<String>,
    /// How long a message may get.
    pub limits: MessageLimits,
}

pub(super) fn read(mut section: Section<'_, '_, '_>, folder: &Path) -> Option<Templates> {
    let named = section.optional("folder", text);
    let banned_words = section.list("banned_words", text);
    let usual = MessageLimits::default();
    let sms_parts = section.or("max_sms_parts", usual.sms_parts, |value| size(value, 1..=20));
    let email_bytes = section.or("max_email_bytes", usual.email_bytes, |value| size(value, 10_000..=1_000_000));
    section.finish();
    let banned_words = banned_words?.unwrap_or_default();
    let limits = MessageLimits { sms_parts: sms_parts?, email_bytes: email_bytes? };
    Some(Templates { folder: named?.map(|named| folder.join(named)), banned_words, limits })
}

fn size(value: &Value<'_>, range: RangeInclusive<u32>) -> Result<usize, String> {
    integer(value, range).map(|number| number as usize)
}
