//! Import: from an input to the ledger. Reading and checking run on a thread of their own, a few batches ahead of the
//! database.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::thread;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::domain::{FieldUpdate, LedgerRow, Merchant, MerchantId, RejectedRecord};
use crate::plan::{may_contact, takes_sms};
use crate::source::{Format, LastLine, Record, RejectedRow, RejectsWriter, Rows, SourceError, UnknownColumn};
use crate::store::{Change, RejectStore, StoreError, WriteMode};

/// Rows in one transaction.
const BATCH_ROWS: usize = 1_000;

/// Records after which progress is told although not a whole batch of them was sound.
const MAX_RECORDS_IN_BATCH: u64 = 10_000;

/// Batches that the reader may be ahead.
const BATCHES_AHEAD: usize = 2;

/// Where records go: the one operation of a [`RejectStore`] that an import needs.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// As [`RejectStore::import_batch`](crate::store::RejectStore::import_batch).
    ///
    /// # Errors
    /// As there; then nothing of the batch is kept.
    async fn write(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError>;
}

#[async_trait]
impl<S: RejectStore + ?Sized> Ledger for S {
    async fn write(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        self.import_batch(rows, rejected, mode).await
    }
}

/// The input of an import, and its options.
pub struct Import<'a, R> {
    /// The text to read: a file, or the standard input.
    pub input: R,
    /// Its format; `None` detects it.
    pub format: Option<Format>,
    /// Whether a last line without a line end is whole, whatever its last cell is.
    pub take_last_line: bool,
    /// The merchants whose rows are taken.
    pub merchants: &'a BTreeMap<MerchantId, Merchant>,
    /// Whether the import is kept.
    pub mode: WriteMode,
    /// How many refused records the summary holds; the others are only counted.
    pub max_shown: usize,
    /// Where every refused record goes, to be mended and imported again.
    pub rejects: Option<Box<dyn Write + Send>>,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are done with.
    pub bytes: u64,
    /// Records, sound or not, that are done with.
    pub records: u64,
    /// The refused ones among them.
    pub rejected: u64,
}

/// The result of an import.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Instalments that were not known.
    pub new: u64,
    /// Instalments that were known otherwise, or whose borrower was.
    pub changed: u64,
    /// Instalments that the ledger held already, as they are.
    pub same: u64,
    /// Records that were refused: each is kept, and holds the reminders of its instalment.
    pub rejected: u64,
    /// Those among them that hold nothing, because their merchant or number cannot be read.
    pub unreadable: u64,
    /// Payments that wait for their instalment, or for another state of it.
    pub waiting: u64,
    /// Open instalments that were cancelled, as their source has them no longer.
    pub vanished: u64,
    /// Open instalments whose reminders are held since, as far more vanished than usual.
    pub vanished_held: u64,
    /// Rows that were taken without cells that are not sound.
    pub left_out: u64,
    /// The first refused records, without their originals.
    pub shown: Vec<RejectedRow>,
    /// The first rows with cells left out, without their originals.
    pub left_out_shown: Vec<RejectedRow>,
    /// Columns that were passed over.
    pub unknown_columns: Vec<UnknownColumn>,
    /// Rows that were taken whose phone number takes no SMS.
    pub without_sms: u64,
    /// Rows that were taken with an empty verifier.
    pub without_verifier: u64,
    /// Rows that were taken whose phone number the merchant may not contact.
    pub not_allowed: u64,
    /// Whether the last line of a CSV was taken.
    pub last_line: LastLine,
}

impl Summary {
    /// Counts the rows that lack something: a phone that an SMS may go to, a verifier.
    pub(super) fn count_gaps(&mut self, rows: &[LedgerRow], merchants: &BTreeMap<MerchantId, Merchant>) {
        for row in rows {
            self.without_verifier += u64::from(row.verifier == FieldUpdate::Set(None));
            let FieldUpdate::Set(Some(phone)) = &row.phone else { continue };
            let merchant = merchants.get(&row.borrower.merchant);
            if merchant.is_some_and(|merchant| !may_contact(merchant, phone)) {
                self.not_allowed += 1;
            } else if !takes_sms(phone) {
                self.without_sms += 1;
            }
        }
    }

    pub(super) fn count(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::New => self.new += 1,
                Change::Changed => self.changed += 1,
                Change::Same => self.same += 1,
            }
        }
    }

    /// Whether every record was taken as it is.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rejected + self.waiting + self.left_out + self.vanished_held == 0
    }

    /// Records that were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.new + self.changed + self.same
    }
}

/// Why an import did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input as a whole is refused; nothing was taken from it.
    #[error("the input was not imported: {0}")]
    Refused(SourceError),
    /// It stopped on the way.
    #[error(
        "the import stopped before line {line}: {cause}. Earlier lines are imported ({} taken, {} \
         rejected). Fix the cause and run the same import again: it changes nothing that is in the ledger already",
        so_far.taken(),
        so_far.rejected
    )]
    Stopped {
        /// The cause.
        cause: StopCause,
        /// Nothing of this line or what follows it was taken.
        line: u64,
        /// The result until then.
        so_far: Box<Summary>,
    },
}

/// A cause that stops an import.
#[derive(Debug, thiserror::Error)]
pub enum StopCause {
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The rejects file.
    #[error("the rejects file could not be written: {0}")]
    Rejects(#[source] io::Error),
    /// The thread that reads.
    #[error("the reader could not be started or broke off; this is a fault of dueherald")]
    Reader,
}

/// Reads an input to its end and puts every sound row into `ledger`, a batch at a time. `progress` is called after each
/// batch.
///
/// Running it twice is harmless: rows that the ledger holds already change nothing.
///
/// # Errors
/// [`ImportError::Refused`] when the input is none that can be imported; [`ImportError::Stopped`] when the input, the
/// ledger or the rejects file failed on the way.
pub async fn import<L: Ledger + ?Sized, R: Read + Send + 'static>(
    ledger: &L,
    job: Import<'_, R>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Summary, ImportError> {
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let reader = Reader {
        batch: RecordBatch::default(),
        progress: Progress::default(),
        left_to_show: job.max_shown,
        rejects: None,
        to: sender,
    };
    let merchants = job.merchants.clone();
    let (input, format, take_last_line, rejects) = (job.input, job.format, job.take_last_line, job.rejects);
    // Not tokio's pool: a reader that waits for its standard input would hold up the end of the process.
    let started = thread::Builder::new().name("import".into()).spawn(move || {
        let rows = Rows::open(input, format, &merchants).map(|rows| rows.taking_last_line(take_last_line));
        reader.read(rows, rejects);
    });
    let mut summary = Summary::default();
    let mut line = 1;
    if started.is_err() {
        return Err(stopped(StopCause::Reader, line, summary));
    }
    while let Some(message) = batches.recv().await {
        let batch = match message {
            ImportMessage::Batch(batch) => batch,
            ImportMessage::End(end) => return finish(end, summary),
        };
        line = batch.first_line;
        summary.count_gaps(&batch.rows, job.merchants);
        if !batch.rows.is_empty() || !batch.rejected.is_empty() {
            match ledger.write(&batch.rows, &batch.rejected, job.mode).await {
                Ok(changes) => summary.count(&changes),
                Err(error) => return Err(stopped(error.into(), line, summary)),
            }
        }
        summary.rejected = batch.progress.rejected;
        summary.unreadable += batch.unreadable;
        summary.left_out += batch.left_out;
        summary.shown.extend(batch.shown);
        summary.left_out_shown.extend(batch.left_out_shown);
        progress(batch.progress);
    }
    // The sender is gone without a word: the thread panicked.
    Err(stopped(StopCause::Reader, line, summary))
}

fn finish(end: ImportEnd, mut summary: Summary) -> Result<Summary, ImportError> {
    summary.unknown_columns = end.unknown_columns;
    summary.last_line = end.last_line;
    match end.cause {
        None => Ok(summary),
        Some((EndCause::Refused(error), _)) => Err(ImportError::Refused(error)),
        Some((EndCause::Stopped(cause), line)) => Err(stopped(cause, line, summary)),
    }
}

fn stopped(cause: StopCause, line: u64, so_far: Summary) -> ImportError {
    ImportError::Stopped { cause, line, so_far: Box::new(so_far) }
}

/// Lets a later row answer for the refused records of its instalment.
pub(super) fn answered_by(rejected: &mut Vec<RejectedRecord>, row: &LedgerRow) {
    if rejected.iter().any(|record| record.is_of(row)) {
        let left = |record: RejectedRecord| if record.is_of(row) { record.left_by(row) } else { Some(record) };
        *rejected = std::mem::take(rejected).into_iter().filter_map(left).collect();
    }
}

enum ImportMessage {
    Batch(RecordBatch),
    End(ImportEnd),
}

#[derive(Default)]
struct RecordBatch {
    rows: Vec<LedgerRow>,
    /// The line of its first record.
    first_line: u64,
    records: u64,
    /// Refused records that the rows after them do not answer for.
    rejected: Vec<RejectedRecord>,
    /// Refused records whose merchant or number cannot be read.
    unreadable: u64,
    /// Rows that lost cells.
    left_out: u64,
    /// Refused records for the summary.
    shown: Vec<RejectedRow>,
    /// Rows that lost cells, for the summary.
    left_out_shown: Vec<RejectedRow>,
    /// How far the import is when the batch is done.
    progress: Progress,
}

#[derive(Default)]
struct ImportEnd {
    unknown_columns: Vec<UnknownColumn>,
    last_line: LastLine,
    /// Why it is the end before the input's, and the first line that was not read.
    cause: Option<(EndCause, u64)>,
}

enum EndCause {
    Refused(SourceError),
    Stopped(StopCause),
}

/// The thread that reads: gathers sound rows into batches, and writes refused records to the rejects file.
struct Reader {
    batch: RecordBatch,
    progress: Progress,
    left_to_show: usize,
    rejects: Option<RejectsWriter<Box<dyn Write + Send>>>,
    to: mpsc::Sender<ImportMessage>,
}

/// The other side has gone: it has told why itself.
struct ReceiverClosed;

impl Reader {
    fn read<R: Read>(mut self, rows: Result<Rows<R>, SourceError>, rejects: Option<Box<dyn Write + Send>>) {
        let mut end = ImportEnd::default();
        match rows {
            Err(error) => end.cause = Some((EndCause::Refused(error), 1)),
            Ok(mut rows) => {
                let Ok(cause) = self.read_rows(&mut rows, rejects) else { return };
                end.cause = cause.map(|(cause, line)| (EndCause::Stopped(cause), line));
                end.unknown_columns = rows.unknown_columns().to_vec();
                end.last_line = rows.last_line();
            }
        }
        // If nobody waits for it any more, there is nobody to tell.
        let _ = self.to.blocking_send(ImportMessage::End(end));
    }

    /// Reads to the end of the input; or tells what stopped it, and the first line that was not dealt with.
    fn read_rows<R: Read>(
        &mut self,
        rows: &mut Rows<R>,
        rejects: Option<Box<dyn Write + Send>>,
    ) -> Result<Option<(StopCause, u64)>, ReceiverClosed> {
        let opened = rejects.map(|out| RejectsWriter::new(out, &rows.rejects_layout())).transpose();
        match opened {
            Ok(writer) => self.rejects = writer,
            Err(error) => return Ok(Some((StopCause::Rejects(error), 1))),
        }
        let mut cause = None;
        while let Some(record) = rows.next() {
            cause = self.take(record).err();
            if cause.is_some() {
                break;
            }
            if self.batch.rows.len() == BATCH_ROWS || self.batch.records == MAX_RECORDS_IN_BATCH {
                self.send(rows.bytes_read())?;
            }
        }
        // The records before the failure are sound: they are written.
        self.send(rows.bytes_read())?;
        let finished = self.rejects.as_mut().map_or(Ok(()), RejectsWriter::finish);
        Ok(cause.or_else(|| finished.err().map(|error| (StopCause::Rejects(error), rows.line()))))
    }

    fn take(&mut self, record: Result<Record, SourceError>) -> Result<(), (StopCause, u64)> {
        let record = record.map_err(|error| {
            let line = match &error {
                SourceError::Read { line, .. } | SourceError::NotUtf8 { line } => *line,
                _ => 1,
            };
            (StopCause::Source(error), line)
        })?;
        if self.batch.records == 0 {
            self.batch.first_line = record.line;
        }
        self.batch.records += 1;
        self.progress.records += 1;
        let line = record.line;
        let written = match record.read {
            Ok(row) => {
                let left_out = record.left_out.map_or(Ok(()), |left_out| self.leave_out(*left_out));
                answered_by(&mut self.batch.rejected, &row);
                self.batch.rows.push(row);
                left_out
            }
            Err(rejected) => self.refuse(rejected),
        };
        written.map_err(|error| (StopCause::Rejects(error), line))
    }

    fn leave_out(&mut self, left_out: RejectedRow) -> io::Result<()> {
        self.batch.left_out += 1;
        if let Some(rejects) = &mut self.rejects {
            rejects.write(&left_out)?;
        }
        if self.left_to_show > 0 {
            self.left_to_show -= 1;
            self.batch.left_out_shown.push(left_out.without_original());
        }
        Ok(())
    }

    fn refuse(&mut self, mut rejected: RejectedRow) -> io::Result<()> {
        self.progress.rejected += 1;
        self.batch.unreadable += u64::from(!rejected.holds());
        if let Some(rejects) = &mut self.rejects {
            rejects.write(&rejected)?;
        }
        self.batch.rejected.extend(rejected.record.take().map(|record| *record));
        if self.left_to_show > 0 {
            self.left_to_show -= 1;
            self.batch.shown.push(rejected.without_original());
        }
        Ok(())
    }

    /// Hands the batch over, when there is room for it.
    fn send(&mut self, bytes: u64) -> Result<(), ReceiverClosed> {
        if self.batch.records == 0 {
            return Ok(());
        }
        self.progress.bytes = bytes;
        self.batch.progress = self.progress;
        let next = RecordBatch { rows: Vec::with_capacity(BATCH_ROWS), ..RecordBatch::default() };
        let batch = std::mem::replace(&mut self.batch, next);
        self.to.blocking_send(ImportMessage::Batch(batch)).map_err(|_| ReceiverClosed)
    }
}
