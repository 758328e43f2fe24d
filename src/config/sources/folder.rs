//! A source of `kind = "folder"`: files that the lender puts into a folder.

use std::path::Path;
use std::time::Duration;

use chrono_tz::Tz;

use super::cron;
use crate::config::reading::Section;
use crate::config::value::{duration, parsed, text, word};
use crate::plan::Schedule;
use crate::source::{Completeness, Folder, Trailer};

/// A source of `kind = "folder"`.
#[derive(Debug, Clone)]
pub struct FolderSource {
    /// The folder, and what its files are like.
    pub folder: Folder,
    /// When to look into it.
    pub schedule: Schedule,
    /// The time between two looks at a file that has no marker.
    pub settle: Duration,
}

/// Reads the keys that this kind has beside the common ones.
pub(super) fn read(section: &mut Section<'_, '_, '_>, cron_zone: Tz, config: &Path) -> Option<FolderSource> {
    let path = section.required("path", r#""incoming""#, text);
    let schedule = cron(section, cron_zone);
    let ways = [("marker", Completeness::Marker), ("stable", Completeness::Stable)];
    let completeness = section.required("complete", r#""marker""#, |value| word(value, &ways));
    let settle = section.or("settle", Duration::from_secs(10), duration);
    let trailers = [("count", Trailer::Count), ("sha256", Trailer::Sha256)];
    let trailer = section.optional("trailer", |value| word(value, &trailers));
    let encoding = section.optional("encoding", |value| parsed(value, "no encoding", r#""gb18030""#));
    let folder =
        Folder { path: config.join(path?), completeness: completeness?, trailer: trailer?, encoding: encoding? };
    Some(FolderSource { folder, schedule: schedule?, settle: settle? })
}
