//! Pull: from the lender's own database to the ledger, page by page, through the same checks and the same merge as an
//! import.
//!
//! The cursor is moved when the rows before it are in the ledger, so what breaks off in between is read again, which
//! changes nothing. It never passes the beginning of the pull: what commits while it runs, with a time that lies
//! before, comes within the overlap of the next one. A source with branches has a cursor for each. The cursor of a
//! branch of whole orders is moved at the end, when what vanished of them is settled (`vanishing.rs`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio_util::sync::CancellationToken;

use super::figures::{PULL_FAILURES, PULLED};
use super::import::Summary;
use super::vanishing::{SeenRows, Sweep};
use crate::clock::Clock;
use crate::domain::{Amendment, AmendmentResult, Merchant, MerchantId, RejectedRecord, SourceName, SourceState};
use crate::source::sql::{Problem, PullPage, SqlBranch, SqlError, SqlPage, SqlPages, SqlReader, SqlSource};
use crate::source::{Column, Fault, RejectedRow, RejectsLayout, RejectsWriter};
use crate::store::{Change, LedgerStore, RejectStore, SourceStore, StoreError, TurnStore, WriteMode};

/// How long a page may take before another process may take over the pull.
const TURN: TimeDelta = TimeDelta::minutes(3);

/// Rows in one transaction.
const BATCH_ROWS: usize = 1_000;

/// The source of a pull, and its options.
#[derive(Debug, Clone, Copy)]
pub struct Pull<'a> {
    /// The source.
    pub source: &'a SqlSource,
    /// The merchants whose rows are taken.
    pub merchants: &'a BTreeMap<MerchantId, Merchant>,
    /// How far before the cursor is read again.
    pub overlap: TimeDelta,
    /// Whether all of it is read again.
    pub from_start: bool,
    /// Whether a pull of all rows cancels what the source has no longer.
    pub sweeps: bool,
    /// The greatest share of its open instalments that may vanish at once.
    pub max_vanishing: Decimal,
    /// Whether its rows are kept.
    pub mode: WriteMode,
    /// Where every refused row goes, to be mended.
    pub rejects: Option<&'a RejectsFile>,
    /// How many refused rows the summary holds; the others are only counted.
    pub max_shown: usize,
    /// The name of the process that pulls.
    pub holder: &'a str,
    /// Stops it early.
    pub stop: &'a CancellationToken,
}

/// A file of refused rows, as JSON lines.
pub struct RejectsFile(Mutex<RejectsWriter<Box<dyn Write + Send>>>);

impl fmt::Debug for RejectsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectsFile(…)")
    }
}

impl RejectsFile {
    /// Writes to `out`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: Box<dyn Write + Send>) -> io::Result<Self> {
        Ok(Self(Mutex::new(RejectsWriter::new(out, &RejectsLayout::json_lines())?)))
    }

    fn writer(&self) -> MutexGuard<'_, RejectsWriter<Box<dyn Write + Send>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a pull did not finish. The pages that it wrote stay, and the next pull goes on.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The lender's database.
    #[error(transparent)]
    Source(#[from] SqlError),
    /// The ledger.
    #[error("source {name}: {error}")]
    Store {
        /// Which source was read.
        name: SourceName,
        /// The error of the ledger.
        error: StoreError,
    },
    /// The rejects file.
    #[error("source {name}: the rejects file could not be written: {error}")]
    Rejects {
        /// Which source was read.
        name: SourceName,
        /// The error of the operating system.
        error: io::Error,
    },
    /// Another has the turn.
    #[error("source {0} is being pulled by another process; try again when it is done")]
    Busy(SourceName),
    /// It was ordered to stop.
    #[error("source {0}: the pull was stopped; the next one goes on")]
    Stopped(SourceName),
}

/// Reads what was changed since the last pull, and puts every sound row into the ledger.
///
/// # Errors
/// [`PullError`]; then the ledger holds the pages that were written, and the cursor is after them.
pub async fn pull(
    store: &(impl LedgerStore + RejectStore + SourceStore + TurnStore + ?Sized),
    clock: &dyn Clock,
    job: Pull<'_>,
) -> Result<Summary, PullError> {
    let task = Task { store, job, started: clock.now() };
    let pulled = task.run().await;
    if matches!(pulled, Err(PullError::Source(_) | PullError::Store { .. })) {
        metrics::counter!(PULL_FAILURES, "source" => job.source.name().to_string()).increment(1);
    }
    pulled
}

struct Task<'a, S: ?Sized> {
    store: &'a S,
    job: Pull<'a>,
    started: DateTime<Utc>,
}

impl<S: LedgerStore + RejectStore + SourceStore + TurnStore + ?Sized> Task<'_, S> {
    async fn run(&self) -> Result<Summary, PullError> {
        self.take_turn(TURN).await?;
        let pulled = self.in_turn().await;
        // Whoever wants to may pull again at once; if this fails too, when the turn has run out.
        let given_back = self.take_turn(TimeDelta::zero()).await;
        pulled.and_then(|summary| given_back.map(|()| summary))
    }

    async fn in_turn(&self) -> Result<Summary, PullError> {
        let mut known = self.known_state().await?;
        let mut reader = self.job.source.connect(self.job.merchants).await?;
        let mut summary = Summary::default();
        let is_full = self.job.source.branches().iter().all(|branch| self.place(branch, &known).is_none());
        let read = self.read_branches(&mut reader, &mut known, is_full && self.job.sweeps, &mut summary).await;
        summary.unknown_columns = reader.unknown_columns().to_vec();
        reader.close().await;
        self.count(&summary);
        // A lender's clock that is ahead makes nothing fresher.
        let data_at = read?.map(|at| at.min(self.started));
        let full_read_at = is_full.then_some(self.started);
        let ended = SourceState { pulled_at: Some(self.started), data_at, full_read_at, ..self.unchanged() };
        self.note(ended).await?;
        Ok(summary)
    }

    /// Where a branch begins; `None` is the beginning.
    fn place(&self, branch: &SqlBranch, known: &SourceState) -> Option<DateTime<Utc>> {
        let read_to = match &branch.name {
            Some(name) => known.branches.get(name).copied(),
            None => known.read_to,
        };
        read_to.filter(|_| !self.job.from_start).map(|read_to| read_to - self.job.overlap)
    }

    /// Reads each branch to its end, and settles what vanished. Gives how new the lender's data was before.
    async fn read_branches(
        &self,
        reader: &mut SqlReader,
        known: &mut SourceState,
        sweeps: bool,
        summary: &mut Summary,
    ) -> Result<Option<DateTime<Utc>>, PullError> {
        let data_at = reader.data_at().await?;
        let branches = self.job.source.branches();
        let mut seen = SeenRows::default();
        let mut cursors = Vec::new();
        for branch in branches {
            let from = self.place(branch, known);
            cursors.extend(self.read_branch(reader, (branch, from), known, (sweeps, &mut seen), summary).await?);
        }
        if sweeps && branches.len() > 1 {
            // A row that moved from a branch that was to come to one that was read already has changed meanwhile.
            for branch in branches {
                let from = Some(self.changed_since());
                self.read_branch(reader, (branch, from), known, (sweeps, &mut seen), summary).await?;
            }
        }
        if sweeps || branches.iter().any(|branch| branch.has_whole_orders) {
            self.take_turn(TURN).await?;
            let sweep = Sweep {
                store: self.store,
                source: self.job.source.name(),
                is_full: sweeps,
                max_vanishing: self.job.max_vanishing,
                is_trial: self.job.mode == WriteMode::DryRun,
            };
            let swept = sweep.settle(seen).await.map_err(|error| self.failed(error))?;
            (summary.vanished, summary.vanished_held) = (swept.cancelled, swept.held);
        }
        for cursor in cursors {
            self.note(cursor).await?;
        }
        Ok(data_at)
    }

    /// The time after which a row may have changed while the pull ran.
    fn changed_since(&self) -> DateTime<Utc> {
        self.started - self.job.overlap
    }

    /// Reads a branch to its end. Gives its cursor, if that is to be noted when what vanished is settled.
    async fn read_branch(
        &self,
        reader: &mut SqlReader,
        (branch, from): (&SqlBranch, Option<DateTime<Utc>>),
        known: &mut SourceState,
        (sweeps, seen): (bool, &mut SeenRows),
        summary: &mut Summary,
    ) -> Result<Option<SourceState>, PullError> {
        let mut pages = reader.begin(branch, from).await?;
        if sweeps && !pages.yields_installments() {
            return Err(pages.error(Problem::NoInstallments).into());
        }
        seen.next_branch();
        let remembers = sweeps || self.job.source.branches().iter().any(|branch| branch.has_whole_orders);
        let seen = if remembers { Some(seen) } else { None };
        self.read(branch, &mut pages, &mut known.merchants, seen, summary).await
    }

    async fn read(
        &self,
        branch: &SqlBranch,
        pages: &mut SqlPages<'_>,
        named: &mut BTreeSet<MerchantId>,
        mut seen: Option<&mut SeenRows>,
        summary: &mut Summary,
    ) -> Result<Option<SourceState>, PullError> {
        let mut last = None;
        loop {
            let page = tokio::select! {
                biased;
                () = self.job.stop.cancelled() => return Err(PullError::Stopped(self.job.source.name().clone())),
                page = pages.next() => page?,
            };
            let Some(page) = page else { return Ok(last) };
            self.take_turn(TURN).await?;
            if let Some(seen) = &mut seen {
                let noted = seen.note(&page.seen, branch.has_whole_orders, self.changed_since());
                noted.map_err(|_| pages.error(Problem::OrderTimes))?;
            }
            let read_to = page.read_to;
            self.note_merchants(&page, named).await?;
            self.write(page, summary).await?;
            if let Some(read_to) = read_to {
                let cursor = self.cursor(branch, read_to.min(self.started));
                if branch.has_whole_orders {
                    last = Some(cursor);
                } else {
                    self.note(cursor).await?;
                }
            }
        }
    }

    /// How far the source was read before, and the merchants that it has named.
    async fn known_state(&self) -> Result<SourceState, PullError> {
        let states = self.store.sources().await.map_err(|error| self.failed(error))?;
        let known = states.into_iter().find(|state| state.name == *self.job.source.name());
        Ok(known.unwrap_or_else(|| self.unchanged()))
    }

    /// The cursor of a branch.
    fn cursor(&self, branch: &SqlBranch, read_to: DateTime<Utc>) -> SourceState {
        match &branch.name {
            Some(name) => SourceState { branches: [(name.clone(), read_to)].into(), ..self.unchanged() },
            None => SourceState { read_to: Some(read_to), ..self.unchanged() },
        }
    }

    /// Notes the merchants of a page before its rows are in the ledger: no row of a merchant is there that the source
    /// does not hold once it is stale.
    async fn note_merchants(&self, page: &SqlPage, named: &mut BTreeSet<MerchantId>) -> Result<(), PullError> {
        let before = named.len();
        let rejected = page.rejected.iter().filter_map(|rejected| rejected.record.as_ref()?.merchant.as_ref());
        let mut merchants: BTreeSet<_> =
            rejected.filter(|merchant| self.job.merchants.contains_key(*merchant)).collect();
        match &page.pulled {
            PullPage::Rows(rows) => merchants.extend(rows.iter().map(|row| &row.borrower.merchant)),
            PullPage::Amendments(amendments) => merchants.extend(amendments.iter().map(|one| &one.merchant)),
        }
        named.extend(merchants.into_iter().cloned());
        if named.len() == before {
            return Ok(());
        }
        self.note(SourceState { merchants: named.clone(), ..self.unchanged() }).await
    }

    /// The rejected records go with the last of the page: until then the cursor has not moved past them.
    async fn write(&self, page: SqlPage, summary: &mut Summary) -> Result<(), PullError> {
        self.write_rejects(&page)
            .map_err(|error| PullError::Rejects { name: self.job.source.name().clone(), error })?;
        summary.left_out += page.left_out.len() as u64;
        let room = self.job.max_shown.saturating_sub(summary.left_out_shown.len());
        let shown = page.left_out.into_iter().take(room).map(RejectedRow::without_original);
        summary.left_out_shown.extend(shown);
        let rejected = page.rejected.into_iter().filter_map(|rejected| self.refuse(rejected, summary));
        let rejected: Vec<_> = rejected.collect();
        let (rows, amendments) = match page.pulled {
            PullPage::Rows(rows) => (rows, Vec::new()),
            PullPage::Amendments(amendments) => (Vec::new(), amendments),
        };
        summary.count_gaps(&rows, self.job.merchants);
        for batch in amendments.chunks(BATCH_ROWS) {
            let amended = self.store.amend(batch, Some(self.job.source.name()), self.job.mode).await;
            let amended = amended.map_err(|error| self.failed(error))?;
            batch.iter().zip(amended).for_each(|(one, amended)| self.count_amended(one, amended, summary));
        }
        let mut rest = rows.as_slice();
        loop {
            let (batch, after) = rest.split_at(rest.len().min(BATCH_ROWS));
            let rejected = if after.is_empty() { rejected.as_slice() } else { &[] };
            if !batch.is_empty() || !rejected.is_empty() {
                let changes = self.store.import_batch(batch, rejected, self.job.mode).await;
                summary.count(&changes.map_err(|error| self.failed(error))?);
            }
            if after.is_empty() {
                return Ok(());
            }
            rest = after;
        }
    }

    fn write_rejects(&self, page: &SqlPage) -> io::Result<()> {
        let Some(rejects) = self.job.rejects.filter(|_| page.rejected.len() + page.left_out.len() > 0) else {
            return Ok(());
        };
        let mut writer = rejects.writer();
        page.rejected.iter().chain(&page.left_out).try_for_each(|rejected| writer.write(rejected))?;
        writer.finish()
    }

    fn count_amended(&self, amendment: &Amendment, amended: AmendmentResult, summary: &mut Summary) {
        let (column, problem) = match (amended, amended.problem()) {
            (AmendmentResult::Changed, _) => return summary.count(&[Change::Changed]),
            (AmendmentResult::Same, _) => return summary.count(&[Change::Same]),
            (AmendmentResult::Unknown, problem) => (Column::InstallmentId, problem),
            (AmendmentResult::OtherCurrency, problem) => (Column::Currency, problem),
        };
        let fault = Fault { column: Some(column), problem: Cow::Borrowed(problem.unwrap_or_default()) };
        summary.waiting += 1;
        self.show(RejectedRow::row(0, Some(amendment.installment.to_string()), vec![fault], None), summary);
    }

    /// Counts a refused record, and gives what is kept of it.
    fn refuse(&self, mut rejected: RejectedRow, summary: &mut Summary) -> Option<RejectedRecord> {
        summary.rejected += 1;
        summary.unreadable += u64::from(!rejected.holds());
        let record = rejected.record.take();
        self.show(rejected, summary);
        record.map(|record| *record)
    }

    fn show(&self, rejected: RejectedRow, summary: &mut Summary) {
        if summary.shown.len() < self.job.max_shown {
            summary.shown.push(rejected.without_original());
        }
    }

    /// A state of the source that changes nothing when it is noted.
    fn unchanged(&self) -> SourceState {
        SourceState::new(self.job.source.name().clone())
    }

    async fn note(&self, state: SourceState) -> Result<(), PullError> {
        if self.job.mode == WriteMode::DryRun {
            return Ok(());
        }
        self.store.note_source(&state).await.map_err(|error| self.failed(error))
    }

    /// A trial writes nothing, so it needs no turn.
    async fn take_turn(&self, lasts: TimeDelta) -> Result<(), PullError> {
        if self.job.mode == WriteMode::DryRun {
            return Ok(());
        }
        let name = self.job.source.name();
        let taken = self.store.take_turn(&format!("pull {name}"), self.job.holder, lasts).await;
        if taken.map_err(|error| self.failed(error))? { Ok(()) } else { Err(PullError::Busy(name.clone())) }
    }

    fn failed(&self, error: StoreError) -> PullError {
        PullError::Store { name: self.job.source.name().clone(), error }
    }

    fn count(&self, summary: &Summary) {
        let results = [
            ("new", summary.new),
            ("changed", summary.changed),
            ("same", summary.same),
            ("rejected", summary.rejected),
            ("waiting", summary.waiting),
            ("cells_left_out", summary.left_out),
            ("unreadable", summary.unreadable),
            ("vanished", summary.vanished),
            ("vanished_held", summary.vanished_held),
        ];
        for (result, count) in results {
            let source = self.job.source.name().to_string();
            metrics::counter!(PULLED, "source" => source, "result" => result).increment(count);
        }
    }
}
