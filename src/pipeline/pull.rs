//! Pull: from the lender's own database to the ledger, page by page, through the same checks and the same merge as an
//! import.
//!
//! The cursor is moved when the rows before it are in the ledger, so what breaks off in between is read again, which
//! changes nothing. It never passes the beginning of the pull: what commits while it runs, with a time that lies
//! before, comes within the overlap of the next one. A source with branches has a cursor for each.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::figures::{PULL_FAILURES, PULLED};
use super::import::Summary;
use crate::clock::Clock;
use crate::domain::{Amendment, AmendmentResult, Merchant, MerchantId, RejectedRecord, SourceName, SourceState};
use crate::source::sql::{PullPage, SqlBranch, SqlError, SqlPage, SqlPages, SqlReader, SqlSource};
use crate::source::{Column, Fault, RejectedRow};
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
    /// Whether its rows are kept.
    pub mode: WriteMode,
    /// How many refused rows the summary holds; the others are only counted.
    pub max_shown: usize,
    /// The name of the process that pulls.
    pub holder: &'a str,
    /// Stops it early.
    pub stop: &'a CancellationToken,
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
        let read = self.read_branches(&mut reader, &mut known, &mut summary).await;
        summary.unknown_columns = reader.unknown_columns().to_vec();
        reader.close().await;
        self.count(&summary);
        // A lender's clock that is ahead makes nothing fresher.
        let data_at = read?.map(|at| at.min(self.started));
        self.note(SourceState { pulled_at: Some(self.started), data_at, ..self.unchanged() }).await?;
        Ok(summary)
    }

    /// Reads each branch to its end. Gives how new the lender's data was before.
    async fn read_branches(
        &self,
        reader: &mut SqlReader,
        known: &mut SourceState,
        summary: &mut Summary,
    ) -> Result<Option<DateTime<Utc>>, PullError> {
        let data_at = reader.data_at().await?;
        for branch in self.job.source.branches() {
            let read_to = match &branch.name {
                Some(name) => known.branches.get(name).copied(),
                None => known.read_to,
            };
            let from = read_to.filter(|_| !self.job.from_start).map(|read_to| read_to - self.job.overlap);
            let mut pages = reader.begin(branch, from).await?;
            self.read(branch, &mut pages, &mut known.merchants, summary).await?;
        }
        Ok(data_at)
    }

    async fn read(
        &self,
        branch: &SqlBranch,
        pages: &mut SqlPages<'_>,
        named: &mut BTreeSet<MerchantId>,
        summary: &mut Summary,
    ) -> Result<(), PullError> {
        loop {
            let page = tokio::select! {
                biased;
                () = self.job.stop.cancelled() => return Err(PullError::Stopped(self.job.source.name().clone())),
                page = pages.next() => page?,
            };
            let Some(page) = page else { return Ok(()) };
            self.take_turn(TURN).await?;
            let read_to = page.read_to;
            self.note_merchants(&page, named).await?;
            self.write(page, summary).await?;
            if let Some(read_to) = read_to {
                self.note(self.cursor(branch, read_to.min(self.started))).await?;
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
        summary.left_out += page.left_out.len() as u64;
        let room = self.job.max_shown.saturating_sub(summary.left_out_shown.len());
        summary.left_out_shown.extend(page.left_out.into_iter().take(room));
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
            summary.shown.push(rejected);
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
        ];
        for (result, count) in results {
            let source = self.job.source.name().to_string();
            metrics::counter!(PULLED, "source" => source, "result" => result).increment(count);
        }
    }
}
