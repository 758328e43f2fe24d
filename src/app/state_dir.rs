//! Where a daemon keeps what it remembers outside the database.

use std::fs;

use super::AppError;
use crate::config::StateDir;
use crate::journal::Journal;

/// The journal of this daemon, and the daemon's name, made from its machine and folder.
pub(super) fn journal(state_dir: &StateDir) -> Result<(Journal, String), AppError> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    let Some(folder) = state_dir.folder() else { return Ok((Journal::in_memory(), host.to_owned())) };
    let opened = Journal::open(folder).and_then(|journal| {
        let name = journal.name(&format!("{host}:{}", folder.display()))?;
        Ok((journal, name))
    });
    match opened {
        Ok(opened) => Ok(opened),
        Err(error) if state_dir.is_by_default() => {
            tracing::warn!(
                folder = %folder.display(), %error,
                "no state directory: what is handed over is remembered in memory only; set `dispatch.state_dir`"
            );
            Ok((Journal::in_memory(), host.to_owned()))
        }
        Err(error) => Err(AppError::StateDir { folder: folder.to_owned(), error }),
    }
}
