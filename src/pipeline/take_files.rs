//! Takes the complete files of a folder into the ledger: checked as a whole, then imported like any other file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::Mutex;

use super::import::{Import, ImportError, Ledger, StopCause, Summary, import};
use crate::clock::Clock;
use crate::domain::{LedgerRow, Merchant, MerchantId, RejectedRecord, SourceName, SourceState};
use crate::source::{Completeness, FileContent, FileFault, Folder, FolderFile, Rows, TextInput};
use crate::store::{
    Change, DeliveryStore, KeptDelivery, NewDelivery, RejectStore, SourceStore, StoreError, TurnStore, WriteMode,
};

/// How long a batch may take before another process may take over.
const TURN: TimeDelta = TimeDelta::minutes(3);

/// The folder of a source, and the options of one pass over it.
#[derive(Debug, Clone)]
pub struct TakeFiles<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// Its folder.
    pub folder: Arc<Folder>,
    /// The time between two looks at a file that has no marker.
    pub settle: Duration,
    /// The merchants whose rows are taken.
    pub merchants: &'a BTreeMap<MerchantId, Merchant>,
    /// Whether rows are kept, and files moved.
    pub mode: WriteMode,
    /// How many refused rows a summary holds.
    pub max_shown: usize,
    /// The process that takes them.
    pub holder: &'a str,
}

/// The result of a file.
#[derive(Debug)]
pub enum FileResult {
    /// It is in the ledger.
    Taken(Box<Summary>),
    /// The same content was taken before.
    Same,
    /// It is refused as a whole.
    Refused(String),
    /// It stays where it is for the next look.
    Left(String),
}

/// A file with its result.
#[derive(Debug)]
pub struct TakenFile {
    /// Its name, in one line.
    pub name: String,
    /// The result.
    pub result: FileResult,
    /// Why it could not be moved.
    pub not_moved: Option<String>,
}

/// Why a folder could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum TakeFilesError {
    /// The folder.
    #[error("source {name}: the folder {path} cannot be read: {error}")]
    Folder {
        /// The source.
        name: SourceName,
        /// The folder.
        path: String,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The ledger.
    #[error("source {name}: {error}")]
    Store {
        /// The source.
        name: SourceName,
        /// The error of the ledger.
        error: StoreError,
    },
    /// Another process has the turn.
    #[error("source {0} is being read by another process; try again when it is done")]
    Busy(SourceName),
}

/// Takes every complete file, the oldest first. The same content is taken once.
///
/// # Errors
/// [`TakeFilesError`]; files that were taken by then stay so, and the next pass goes on.
pub async fn take_files<S>(store: &S, clock: &dyn Clock, job: TakeFiles<'_>) -> Result<Vec<TakenFile>, TakeFilesError>
where
    S: DeliveryStore + RejectStore + SourceStore + TurnStore + ?Sized,
{
    let pass = Pass { store, clock, job };
    pass.take_turn(TURN).await?;
    let taken = pass.in_turn().await;
    let given_back = pass.take_turn(TimeDelta::zero()).await;
    taken.and_then(|taken| given_back.map(|()| taken))
}

struct Pass<'a, S: ?Sized> {
    store: &'a S,
    clock: &'a dyn Clock,
    job: TakeFiles<'a>,
}

impl<S> Pass<'_, S>
where
    S: DeliveryStore + RejectStore + SourceStore + TurnStore + ?Sized,
{
    async fn in_turn(&self) -> Result<Vec<TakenFile>, TakeFilesError> {
        let files = self.files().await?;
        let mut first = BTreeMap::new();
        if self.job.folder.completeness == Completeness::Stable && !files.is_empty() {
            for file in &files {
                first.insert(file.shown(), appearance(&self.read(file).await));
            }
            self.clock.sleep(self.job.settle).await;
        }
        let mut taken = Vec::new();
        for file in files {
            self.take_turn(TURN).await?;
            let expected = first.get(&file.shown()).cloned();
            taken.push(self.take(&file, expected).await?);
        }
        Ok(taken)
    }

    async fn files(&self) -> Result<Vec<FolderFile>, TakeFilesError> {
        let folder = Arc::clone(&self.job.folder);
        let found = aside(move || folder.files()).await.unwrap_or_else(|| Ok(Vec::new()));
        found.map_err(|error| TakeFilesError::Folder {
            name: self.job.source.clone(),
            path: self.job.folder.path.display().to_string(),
            error,
        })
    }

    async fn read(&self, file: &FolderFile) -> Result<FileContent, FileFault> {
        let (folder, file) = (Arc::clone(&self.job.folder), file.clone());
        aside(move || folder.read(&file)).await.unwrap_or_else(|| Err(ending()))
    }

    async fn take(&self, file: &FolderFile, expected: Option<String>) -> Result<TakenFile, TakeFilesError> {
        let (name, result) = (file.shown(), self.result(file, expected).await?);
        let reason = match &result {
            FileResult::Taken(_) | FileResult::Same => None,
            FileResult::Refused(reason) => Some(reason.clone()),
            FileResult::Left(_) => return Ok(TakenFile { name, result, not_moved: None }),
        };
        if self.job.mode == WriteMode::DryRun {
            return Ok(TakenFile { name, result, not_moved: None });
        }
        if reason.is_none() {
            self.note(SourceState {
                pulled_at: Some(file.modified().min(self.clock.now())),
                ..SourceState::new(self.job.source.clone())
            })
            .await?;
        }
        let (folder, file) = (Arc::clone(&self.job.folder), file.clone());
        let moved = aside(move || folder.put_away(&file, reason.as_deref())).await;
        let not_moved = moved.and_then(Result::err).map(|error| error.to_string());
        Ok(TakenFile { name, result, not_moved })
    }

    async fn result(&self, file: &FolderFile, expected: Option<String>) -> Result<FileResult, TakeFilesError> {
        let read = self.read(file).await;
        let is_stable = self.job.folder.completeness == Completeness::Marker || expected == Some(appearance(&read));
        let content = match read {
            Err(FileFault::NotNow(reason)) => return Ok(FileResult::Left(reason)),
            _ if !is_stable => {
                return Ok(FileResult::Left("changes or was replaced; the next look decides".to_owned()));
            }
            Err(FileFault::Refused(reason)) => return Ok(FileResult::Refused(reason)),
            Ok(content) => content,
        };
        let delivery = NewDelivery {
            source: self.job.source.clone(),
            digest: content.digest.clone(),
            body: None,
            is_signal: false,
        };
        let id = match self.job.mode {
            WriteMode::DryRun => None,
            WriteMode::Commit => {
                let kept = self.store.keep_delivery(&delivery).await.map_err(|error| self.failed(error))?;
                match kept {
                    KeptDelivery::Done => return Ok(FileResult::Same),
                    KeptDelivery::Waiting(id) => Some(id),
                }
            }
        };
        let (folder, merchants, format) = (Arc::clone(&self.job.folder), self.job.merchants.clone(), file.format());
        let count = move |text: TextInput| {
            let rows = Rows::open(text, format, &merchants).map_err(|error| error.to_string())?;
            let mut records = 0;
            for record in rows {
                record.map_err(|error| error.to_string())?;
                records += 1;
            }
            Ok(records)
        };
        let text = aside(move || folder.text(content, count)).await.unwrap_or_else(|| Err(ending()));
        let text = match text {
            Ok(text) => text,
            Err(FileFault::NotNow(reason)) => return Ok(FileResult::Left(reason)),
            Err(FileFault::Refused(reason)) => return Ok(FileResult::Refused(reason)),
        };
        let result = self.import(text, file).await?;
        if let (FileResult::Taken(_), Some(id)) = (&result, id) {
            self.store.end_delivery(id).await.map_err(|error| self.failed(error))?;
        }
        Ok(result)
    }

    async fn import(&self, text: TextInput, file: &FolderFile) -> Result<FileResult, TakeFilesError> {
        let ledger = SourceLedger { pass: self, named: Mutex::new(BTreeSet::new()) };
        let job = Import {
            input: text,
            format: file.format(),
            take_last_line: false,
            merchants: self.job.merchants,
            mode: self.job.mode,
            max_shown: self.job.max_shown,
            rejects: None,
        };
        match import(&ledger, job, &|_| ()).await {
            Ok(summary) => Ok(FileResult::Taken(Box::new(summary))),
            Err(ImportError::Stopped { cause: StopCause::Store(error), .. }) => Err(self.failed(error)),
            Err(error @ ImportError::Refused(_)) => Ok(FileResult::Refused(error.to_string())),
            Err(error @ ImportError::Stopped { cause: StopCause::Source(_), .. }) => {
                Ok(FileResult::Refused(error.to_string()))
            }
            Err(error) => Ok(FileResult::Left(error.to_string())),
        }
    }

    async fn note(&self, state: SourceState) -> Result<(), TakeFilesError> {
        self.store.note_source(&state).await.map_err(|error| self.failed(error))
    }

    async fn take_turn(&self, lasts: TimeDelta) -> Result<(), TakeFilesError> {
        if self.job.mode == WriteMode::DryRun {
            return Ok(());
        }
        let name = self.job.source;
        let taken = self.store.take_turn(&format!("pull {name}"), self.job.holder, lasts).await;
        if taken.map_err(|error| self.failed(error))? { Ok(()) } else { Err(TakeFilesError::Busy(name.clone())) }
    }

    fn failed(&self, error: StoreError) -> TakeFilesError {
        TakeFilesError::Store { name: self.job.source.clone(), error }
    }
}

/// The appearance by which two looks at a file are compared.
fn appearance(read: &Result<FileContent, FileFault>) -> String {
    match read {
        Ok(content) => content.digest.clone(),
        Err(fault) => fault.to_string(),
    }
}

fn ending() -> FileFault {
    FileFault::NotNow("the process is ending".to_owned())
}

/// Runs work on files on a thread of its own; `None` if the process ends.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

/// Writes the rows of a source's file: notes their merchants before, and names the source in what is rejected.
struct SourceLedger<'a, S: ?Sized> {
    pass: &'a Pass<'a, S>,
    named: Mutex<BTreeSet<MerchantId>>,
}

#[async_trait]
impl<S> Ledger for SourceLedger<'_, S>
where
    S: DeliveryStore + RejectStore + SourceStore + TurnStore + ?Sized,
{
    async fn write(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        let Pass { store, job, .. } = self.pass;
        if mode == WriteMode::Commit {
            // An import that takes long keeps its turn. Another process that has it does no harm: rows are idempotent.
            store.take_turn(&format!("pull {}", job.source), job.holder, TURN).await?;
            let mut named = self.named.lock().await;
            let before = named.len();
            named.extend(rows.iter().map(|row| row.borrower.merchant.clone()));
            let known = rejected.iter().filter_map(|one| one.merchant.as_ref());
            named.extend(known.filter(|merchant| job.merchants.contains_key(*merchant)).cloned());
            if named.len() > before {
                store
                    .note_source(&SourceState { merchants: named.clone(), ..SourceState::new(job.source.clone()) })
                    .await?;
            }
        }
        let of_source = |one: &RejectedRecord| RejectedRecord { source: Some(job.source.clone()), ..one.clone() };
        let rejected: Vec<_> = rejected.iter().map(of_source).collect();
        store.import_batch(rows, &rejected, mode).await
    }
}
