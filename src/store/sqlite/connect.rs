//! How to open the file: the options of every connection, and errors that say what to do.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::private_file;
use crate::store::StoreError;

/// How long one waits for another process, such as a command beside the daemon, to let go of the file.
const BUSY: Duration = Duration::from_secs(10);

const READERS: u32 = 4;

pub(super) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let bad = |reason: String| StoreError::BadUrl { reason, example: "sqlite:///var/lib/dueherald/dueherald.db" };
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Err(bad("it does not begin with sqlite:".into()));
    };
    if path.trim_start_matches('/').is_empty() {
        return Err(bad("it names no file".into()));
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(bad("a database in memory would be gone with the process".into()));
    }
    let options: SqliteConnectOptions = url.parse().map_err(|error: sqlx::Error| bad(error.to_string()))?;
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Full: what a claim has committed is still there after a power cut, else it would be sent again.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true))
}

/// The one writer, and the readers.
pub(super) async fn pools(options: &SqliteConnectOptions) -> Result<(SqlitePool, SqlitePool), StoreError> {
    make_private(options.get_filename())?;
    let unreachable = |source| StoreError::Unreachable { place: options.get_filename().display().to_string(), source };
    // The writer first: it makes the file.
    let writer = lasting(1).connect_with(options.clone()).await.map_err(unreachable)?;
    Ok((writer, readers(options)))
}

/// SQLite gives the files beside the database the mode that the database has; those that an older version left are
/// mended too.
fn make_private(file: &Path) -> Result<(), StoreError> {
    let recent_contacts = |ending: &str| {
        let mut path = file.as_os_str().to_owned();
        path.push(ending);
        private_file::restrict(Path::new(&path))
    };
    let made = private_file::prepare(file)
        .and_then(|()| ["-wal", "-shm", "-journal"].into_iter().try_for_each(recent_contacts));
    match made {
        Err(error) if private_file::is_refusal(&error) => Err(StoreError::UnsafeFile(error.to_string())),
        // Of anything else, SQLite's own words say more.
        _ => Ok(()),
    }
}

pub(super) fn readers(options: &SqliteConnectOptions) -> SqlitePool {
    lasting(READERS).connect_lazy_with(options.clone().pragma("query_only", "on"))
}

fn lasting(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false)
}
