//! The files of the state directory. Those of one process have its number: `handed-over-0.log`,
//! `handed-over-0.old.log`, `marks-0.json` and `lock-0`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::domain::KnownDatabase;

/// How many processes may share a folder.
const MAX_PROCESSES: u32 = 64;

/// How long the text of the marks is, filled up with spaces: one sector, which a disk writes as a whole.
const MARKS_BYTES: usize = 512;

/// The files of this process; nobody else writes to them while it lives.
#[derive(Debug)]
pub(super) struct JournalSlot {
    folder: PathBuf,
    number: u32,
    marks: File,
    _lock: File,
}

impl JournalSlot {
    /// Takes the first number that no process has.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for number in 0..MAX_PROCESSES {
            let lock = open(&folder.join(format!("lock-{number}")))?;
            match lock.try_lock() {
                Ok(()) => {
                    let marks = open(&folder.join(format!("marks-{number}.json")))?;
                    return Ok(Self { folder: folder.to_owned(), number, marks, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::other(format!("{MAX_PROCESSES} processes use the folder already")))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file to append to, with its size.
    pub(super) fn append(&self) -> io::Result<(File, u64)> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.path("log"))?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    /// Puts the present file in the place of the older one.
    pub(super) fn make_room(&self) -> io::Result<()> {
        match fs::rename(self.path("log"), self.path("old.log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("handed-over-{}.{ending}", self.number))
    }

    pub(super) fn keep_marks(&self, known: &KnownDatabase) -> io::Result<()> {
        let mut text = serde_json::to_vec(known)?;
        text.resize(MARKS_BYTES.max(text.len() + 1), b' ');
        super::overwrite(&self.marks, &text)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The name that a folder was given at first.
pub(super) fn name_of(folder: &Path, proposal: &str) -> io::Result<String> {
    let path = folder.join("name");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(proposal.as_bytes())?;
            Ok(proposal.to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let name = fs::read_to_string(&path)?;
            // Another process has made it and not written it yet.
            Ok(if name.is_empty() { proposal.to_owned() } else { name })
        }
        Err(error) => Err(error),
    }
}

/// The files with hand-overs of all processes, the older ones first.
pub(super) fn line_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = files(folder, |name| name.starts_with("handed-over-") && name.ends_with(".log"))?;
    files.sort_by_key(|path| (!path.to_string_lossy().ends_with(".old.log"), path.clone()));
    Ok(files)
}

/// The database state that was written last by any process of this folder.
pub(super) fn newest_marks(folder: &Path) -> io::Result<Option<KnownDatabase>> {
    let mut newest = None::<(SystemTime, KnownDatabase)>;
    for path in files(folder, |name| name.starts_with("marks-"))? {
        let written_at = fs::metadata(&path)?.modified()?;
        let Ok(known) = serde_json::from_slice(&fs::read(&path)?) else { continue };
        if newest.as_ref().is_none_or(|(at, _)| written_at > *at) {
            newest = Some((written_at, known));
        }
    }
    Ok(newest.map(|(_, known)| known))
}

fn files(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            files.push(entry.path());
        }
    }
    Ok(files)
}
