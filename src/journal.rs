//! Level 2: what a daemon remembers outside the database: what it handed over lately, and how far the database had
//! come. A database that is restored forgets; this does not.
//!
//! A process has files of its own in the state directory, by a number that it locks; it reads those of all. What is
//! handed over is appended before it leaves, by one write for a batch, which outlasts the process; a sync in the
//! background makes it outlast the machine. Two files are kept, each of a limited size: when one is full it takes the
//! place of the older.

mod folder;
mod line;
mod simulated;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use siphasher::sip::SipHasher13;

use crate::domain::{HandoverRecord, KnownDatabase, ReminderId, ReminderKey};
use folder::{JournalSlot, line_files, name_of, newest_marks};
use line::LineHead;
#[doc(hidden)]
pub use simulated::SimulatedFolder;

/// How many hand-overs are remembered where there is no file.
const KEPT_IN_MEMORY: usize = 20_000;

/// How large one of the two files may become: about 100,000 hand-overs, which a process reads in 10 ms and remembers in
/// 4 MB. At full speed they are four seconds: longer than commits that an asynchronous standby lacks.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// How long a line is at most, in practice: twice a usual one.
const MAX_LINE_BYTES: u64 = 512;

/// The memory of one process.
#[derive(Debug)]
pub struct Journal {
    slot: Option<JournalSlot>,
    /// The files of a simulation.
    simulated: Option<SimulatedFolder>,
    /// The state of the database in the files when this process began.
    known: Option<KnownDatabase>,
    /// How large one of the two files may become.
    max_file_bytes: u64,
    inner: Mutex<Inner>,
}

/// The last attempt of each reminder, by a hash of its key.
type Attempts = HashMap<u64, (ReminderId, u32), BuildHasherDefault<HashedKey>>;

/// Takes a key that is a hash already as it is.
#[derive(Debug, Default)]
struct HashedKey(u64);

impl Hasher for HashedKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// The hand-overs of the present file and of the one before, by a hash of their keys.
    recent: Attempts,
    older: Attempts,
    /// The present file, and how large it is.
    file: Option<(File, u64)>,
    /// Where there is no file.
    kept: VecDeque<HandoverRecord>,
    /// Something was written since the last sync.
    is_dirty: bool,
}

impl Journal {
    /// One that is gone with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { slot: None, simulated: None, known: None, max_file_bytes: MAX_FILE_BYTES, inner: Mutex::default() }
    }

    /// One that outlasts the process in memory: for simulations, which restart daemons without a disk.
    #[doc(hidden)]
    #[must_use]
    pub fn simulated(folder: &SimulatedFolder) -> Self {
        let mut inner = Inner::default();
        folder.each(|one| inner.remember(head(&one)));
        inner.older = std::mem::take(&mut inner.recent);
        Self { simulated: Some(folder.clone()), known: folder.known(), inner: Mutex::new(inner), ..Self::in_memory() }
    }

    /// One in a folder, which is made if it is not there. Reads what the files of all processes hold.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be made, read or written.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::open_with(folder, MAX_FILE_BYTES)
    }

    fn open_with(folder: &Path, max_file_bytes: u64) -> io::Result<Self> {
        let slot = JournalSlot::take(folder)?;
        let mut inner = Inner::default();
        for path in line_files(folder)? {
            line::read_heads(&path, |head| inner.remember(head))?;
        }
        inner.older = std::mem::take(&mut inner.recent);
        inner.file = Some(slot.append()?);
        let known = newest_marks(folder)?;
        let journal = Self { slot: Some(slot), simulated: None, known, max_file_bytes, inner: Mutex::new(inner) };
        // Whatever was cut off before ends here.
        journal.probe()?;
        Ok(journal)
    }

    /// Whether it outlasts the process.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.slot.is_some() || self.simulated.is_some()
    }

    /// Whether reading it waits for a disk.
    #[must_use]
    pub(crate) fn has_files(&self) -> bool {
        self.slot.is_some()
    }

    /// The database that was sent from last, as the files had it when this process began.
    #[must_use]
    pub fn known(&self) -> Option<&KnownDatabase> {
        self.known.as_ref()
    }

    /// The database that was sent from last, as the files have it now: another process may have kept it since.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn known_by_now(&self) -> io::Result<Option<KnownDatabase>> {
        match (&self.slot, &self.simulated) {
            (Some(slot), _) => newest_marks(slot.folder()),
            (None, Some(folder)) => Ok(folder.known()),
            (None, None) => Ok(None),
        }
    }

    /// The name that the folder was given at first; now `proposal`, if it has none yet. It stays when the machine is
    /// called otherwise.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn name(&self, proposal: &str) -> io::Result<String> {
        self.slot.as_ref().map_or_else(|| Ok(proposal.to_owned()), |slot| name_of(slot.folder(), proposal))
    }

    /// Whether anything was handed over that it remembers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let inner = self.inner();
        inner.recent.is_empty() && inner.older.is_empty()
    }

    /// Whether this attempt, a later one, or the same message under another number was handed over already.
    #[must_use]
    pub fn was_handed_over(&self, key: &ReminderKey, id: ReminderId, attempt: u32) -> bool {
        let (inner, hash) = (self.inner(), hash(key));
        let known = inner.recent.get(&hash).or_else(|| inner.older.get(&hash));
        known.is_some_and(|(known, last)| *known != id || *last >= attempt)
    }

    /// Remembers what is about to be handed over, before any of it leaves.
    ///
    /// # Errors
    /// When the file cannot be written: then nothing of it may leave.
    pub fn record(&self, batch: &[HandoverRecord]) -> io::Result<()> {
        let mut inner = self.inner();
        let heads: Vec<_> = batch.iter().map(head).collect();
        if let Some(slot) = &self.slot {
            let mut text = Vec::with_capacity(batch.len() * 256);
            heads.iter().zip(batch).for_each(|(head, one)| line::write(*head, one, &mut text));
            inner.append(slot, self.max_file_bytes, &text)?;
        } else if let Some(folder) = &self.simulated {
            folder.append(batch);
        } else {
            inner.kept.extend(batch.iter().cloned());
            let too_many = inner.kept.len().saturating_sub(KEPT_IN_MEMORY);
            inner.kept.drain(..too_many);
            if inner.recent.len() > KEPT_IN_MEMORY {
                inner.older = std::mem::take(&mut inner.recent);
            }
        }
        heads.into_iter().for_each(|head| inner.remember(head));
        Ok(())
    }

    /// Remembers how far the database has come.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, known: &KnownDatabase) -> io::Result<()> {
        if let Some(folder) = &self.simulated {
            folder.keep(known);
        }
        self.slot.as_ref().map_or(Ok(()), |slot| slot.keep_marks(known))
    }

    /// Whether the file can be written.
    ///
    /// # Errors
    /// When it cannot.
    pub fn probe(&self) -> io::Result<()> {
        let Some(slot) = &self.slot else { return Ok(()) };
        // As much as a full disk, or a limit on the size of files, would refuse.
        self.inner().append(slot, self.max_file_bytes, b"\n")
    }

    /// Waits until the disk has all that was written.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> io::Result<()> {
        let file = {
            let mut inner = self.inner();
            let Some((file, _)) = inner.file.as_ref().filter(|_| inner.is_dirty) else { return Ok(()) };
            let copy = file.try_clone()?;
            inner.is_dirty = false;
            copy
        };
        // Without the lock: a sync may take long, and nothing that leaves waits for it.
        file.sync_data()
    }

    /// Goes through all that is remembered, also by other processes on this machine.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn each(&self, mut visit: impl FnMut(HandoverRecord)) -> io::Result<()> {
        match (&self.slot, &self.simulated) {
            (None, Some(folder)) => {
                folder.each(visit);
                Ok(())
            }
            (None, None) => {
                self.inner().kept.iter().cloned().for_each(visit);
                Ok(())
            }
            (Some(slot), _) => line_files(slot.folder())?.iter().try_for_each(|path| line::read(path, &mut visit)),
        }
    }

    /// The newest that are remembered, `count` at most. Of each file only the end is read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest(&self, count: usize) -> io::Result<Vec<HandoverRecord>> {
        let mut newest = Vec::new();
        match &self.slot {
            None => self.each(|one| newest.push(one))?,
            Some(slot) => {
                let bytes = count as u64 * MAX_LINE_BYTES;
                for path in line_files(slot.folder())? {
                    line::read_last(&path, bytes, |one| newest.push(one))?;
                }
            }
        }
        newest.sort_by_key(|one| std::cmp::Reverse(one.at));
        newest.truncate(count);
        Ok(newest)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each change is made at once, so it is whole whoever panicked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember(&mut self, one: LineHead) {
        let known = self.recent.entry(one.hash).or_insert((one.id, one.attempt));
        *known = (one.id, if known.0 == one.id { known.1.max(one.attempt) } else { one.attempt });
    }

    fn append(&mut self, slot: &JournalSlot, max_bytes: u64, text: &[u8]) -> io::Result<()> {
        let is_full = |(_, size): &(File, u64)| *size > 0 && size + text.len() as u64 > max_bytes;
        if self.file.as_ref().is_none_or(is_full) {
            self.file = None;
            slot.make_room()?;
            self.file = Some(slot.append()?);
            self.older = std::mem::take(&mut self.recent);
        }
        let Some((file, size)) = self.file.as_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        // All or nothing: what is half written would end in the middle of a line.
        if let Err(error) = file.write_all(text) {
            file.set_len(*size)?;
            return Err(error);
        }
        *size += text.len() as u64;
        self.is_dirty = true;
        Ok(())
    }
}

fn head(one: &HandoverRecord) -> LineHead {
    LineHead { hash: hash(&one.reminder.key), id: one.id, attempt: one.attempt }
}

/// A short form of a key, the same in every build: the files hold it. Two keys of one hash would hold the sending for
/// nothing: once in a hundred million years' work.
fn hash(key: &ReminderKey) -> u64 {
    let mut hasher = SipHasher13::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Writes a short text over the beginning of a file, by one call.
fn overwrite(file: &File, text: &[u8]) -> io::Result<()> {
    file.write_all_at(text, 0)
}

#[cfg(test)]
mod tests;
