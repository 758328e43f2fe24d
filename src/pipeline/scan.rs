//! Scan: look at what falls due, and put the reminders that come into view into the outbox.
//!
//! A scan reads what is new or has changed: slices (one due date of one step) that came into view since the last
//! scan, and ledger changes within the view since then. So that nothing falls between the two, the scan announces the
//! view first, and imports record their changes in it from then on; then it passes over the slices; then it records
//! the passes. A scan that breaks off repeats a pass, and the unique key plans nothing twice.

use std::cmp::Reverse;
use std::ops::AddAssign;

use chrono::{DateTime, Utc};

use super::queue_growth::QueueGrowth;
use super::volume_watch::VolumeWatch;
use crate::domain::SkipReason;
use crate::plan::{
    Due, Horizon, Mark, PlanItem, Policy, ScanPass, Span, VolumeGuard, announced, call_for, full_pass, in_view, passes,
    rules_of,
};
use crate::store::{DueCursor, LedgerStore, ScanStore, StoreError, VolumeStore, WriteMode};

/// How many borrowers are read, and how many reminders are written, at once.
const PAGE: u32 = 1_000;

/// The scope of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanScope {
    /// The slices that came into view and the ledger changes since the last scan.
    News,
    /// That, and then everything in view, to check that nothing was missed.
    Full,
    /// Everything that would be in view at the horizon's instant, apart from the regular scans: they neither know nor
    /// notice.
    Aside,
}

/// A scan that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct ScanOrder {
    /// The instant, and how far ahead is planned. Whole slices are planned: some reminders lie a day beyond.
    pub horizon: Horizon,
    /// The scope.
    pub extent: ScanScope,
    /// Whether it is kept.
    pub mode: WriteMode,
    /// Nothing whose time lies before it is planned.
    pub start_from: Option<DateTime<Utc>>,
    /// The beginning of the day of the scan; that of the first scan is remembered and counts where there is no
    /// `start_from`.
    pub first_day: DateTime<Utc>,
    /// How much may be planned without a person; `None` for any number.
    pub guard: Option<VolumeGuard>,
}

/// The result of a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Borrowers with open instalments that the scan read, each counted once per due date.
    pub looked_at: u64,
    /// Reminders that the rules call for there.
    pub in_view: u64,
    /// Those of them that were not in the outbox before.
    pub planned: u64,
    /// Those of the planned whose time had passed: they are sent late.
    pub late: u64,
    /// Recorded as too late.
    pub expired: u64,
    /// Recorded as superseded by a nearer step.
    pub superseded: u64,
    /// Skipped before because of what the books said, and planned again.
    pub revived: u64,
    /// Of what waits: what goes out at another time or on another channel now, as its rule or its borrower changed.
    pub moved: u64,
    /// Of the planned and revived: what the check of everything in view found to be missing. More than none is a fault
    /// of dueherald.
    pub found: u64,
    /// Of the planned: what waits for a person, as it is far more than usual.
    pub held: u64,
}

impl AddAssign for ScanReport {
    fn add_assign(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.in_view += other.in_view;
        self.planned += other.planned;
        self.late += other.late;
        self.expired += other.expired;
        self.superseded += other.superseded;
        self.revived += other.revived;
        self.moved += other.moved;
        self.found += other.found;
        self.held += other.held;
    }
}

/// Nothing whose time lies before it is planned by such a scan, now or later.
///
/// # Errors
/// When the store fails.
pub async fn plan_start(store: &dyn ScanStore, order: &ScanOrder) -> Result<DateTime<Utc>, StoreError> {
    let remembered = store.scan_state().await?.start;
    Ok(order.start_from.or(remembered).unwrap_or(order.first_day))
}

/// Plans every reminder of a slice in view that is not in the outbox yet. Running it twice, or on two machines at once,
/// plans nothing twice: the key is unique. With [`WriteMode::DryRun`] nothing is kept, and the report says what would
/// be.
///
/// # Errors
/// When the store fails; what was planned by then stays, and the next scan goes on.
pub async fn scan(
    store: &(impl LedgerStore + ScanStore + VolumeStore + ?Sized),
    policy: &Policy,
    order: &ScanOrder,
) -> Result<ScanReport, StoreError> {
    let Horizon { now, .. } = order.horizon;
    let state = store.scan_state().await?;
    let in_view = in_view(policy, order.horizon, order.start_from);
    if order.extent == ScanScope::Aside {
        let scan = Scan::new(store, policy, order, state.start, in_view);
        return scan.walk_all(&full_pass(&scan.marks, now)).await;
    }
    let next = announced(&state.marks, &in_view);
    let scan = if order.mode == WriteMode::Commit && (state.start.is_none() || next != state.marks) {
        let state = store.announce(&in_view, order.first_day).await?;
        Scan::new(store, policy, order, state.start, state.marks)
    } else {
        Scan::new(store, policy, order, state.start, next)
    };
    let mut report = scan.walk_all(&passes(&scan.marks, now)).await?;
    scan.record_passes().await?;
    report += scan.take_changes().await?;
    if order.extent == ScanScope::Full {
        report += scan.check(&full_pass(&scan.marks, now)).await?;
    }
    Ok(report)
}

struct Scan<'a, S: ?Sized> {
    store: &'a S,
    policy: &'a Policy,
    mode: WriteMode,
    span: Span,
    marks: Vec<Mark>,
    watch: VolumeWatch<'a, S>,
    growth: QueueGrowth,
}

impl<'a, S: LedgerStore + ScanStore + VolumeStore + ?Sized> Scan<'a, S> {
    fn new(
        store: &'a S,
        policy: &'a Policy,
        order: &ScanOrder,
        remembered: Option<DateTime<Utc>>,
        marks: Vec<Mark>,
    ) -> Self {
        let start = order.start_from.or(remembered).unwrap_or(order.first_day);
        let watch = VolumeWatch::new(store, order.guard.filter(|_| order.mode == WriteMode::Commit));
        let span = Span { horizon: order.horizon, start };
        Self { store, policy, mode: order.mode, span, marks, watch, growth: QueueGrowth::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.span.horizon.now
    }

    async fn walk_all(&self, passes: &[ScanPass]) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        for pass in passes {
            report += self.walk(pass).await?;
        }
        Ok(report)
    }

    /// Plans for every due date of a pass, page by page; the next page is read while the last is written.
    async fn walk(&self, pass: &ScanPass) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        let mut page = self.read(pass, None).await?;
        while let Some(last) = page.last() {
            let after = DueCursor::after(last);
            let called = self.call_for(pass, &page);
            report.looked_at += page.len() as u64;
            if (page.len() as u64) < u64::from(PAGE) {
                report += self.put_in(called).await?;
                break;
            }
            let (put, next) = tokio::join!(self.put_in(called), self.read(pass, Some(after)));
            report += put?;
            page = next?;
        }
        Ok(report)
    }

    async fn read(&self, pass: &ScanPass, after: Option<DueCursor>) -> Result<Vec<Due>, StoreError> {
        self.store.due_page(pass.dates.clone(), after.as_ref(), PAGE).await
    }

    fn call_for(&self, pass: &ScanPass, page: &[Due]) -> Vec<PlanItem> {
        let oldest = pass.steps.values().min().copied().unwrap_or_else(|| self.now());
        let since = |step: &_| pass.steps.get(step).copied();
        page.iter().flat_map(|due| call_for(self.policy, due, self.span, since, oldest)).collect()
    }

    async fn record_passes(&self) -> Result<(), StoreError> {
        let passed: Vec<_> = self.marks.iter().filter(|mark| mark.passed < Some(mark.last)).cloned().collect();
        if passed.is_empty() || self.mode == WriteMode::DryRun {
            return Ok(());
        }
        self.store.passed(&passed).await
    }

    /// Plans for ledger changes within the view. A reminder that was possible at the time of the change is recorded
    /// even if it is too late now.
    async fn take_changes(&self) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        let rules = rules_of(&self.marks);
        let mut after = None;
        loop {
            let changes = self.store.changes(after, PAGE).await?;
            after = changes.ids.last().copied();
            if after.is_none() {
                return Ok(report);
            }
            report.looked_at += changes.due.len() as u64;
            let called = changes.due.iter().flat_map(|(changed, due)| {
                // A due date that was in view then may be before the view now.
                let was_in_view = |mark: &&Mark| due.due_date <= mark.last;
                let steps: Vec<_> = self.marks.iter().filter(was_in_view).map(|mark| &mark.step).collect();
                let since = *changed.min(&self.now());
                call_for(self.policy, due, self.span, move |step| steps.contains(&step).then_some(since), since)
            });
            report += self.put_in(called.collect()).await?;
            if self.mode == WriteMode::Commit && !self.store.done_with(&changes.ids, &rules).await? {
                // Another scanner with other rules has taken over: it passes over everything itself.
                return Ok(report);
            }
        }
    }

    /// Looks for what is in view, of use, and neither in the outbox nor written down as changed. There must be nothing.
    async fn check(&self, passes: &[ScanPass]) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        for pass in passes {
            let mut after = None;
            loop {
                let page = self.read(pass, after).await?;
                let Some(last) = page.last() else { break };
                after = Some(DueCursor::after(last));
                report += self.check_page(self.call_for(pass, &page)).await?;
            }
        }
        Ok(report)
    }

    async fn check_page(&self, mut called: Vec<PlanItem>) -> Result<ScanReport, StoreError> {
        called.retain(|one| one.skip.is_none());
        let tried = self.store.put_in(&called, self.now(), WriteMode::DryRun).await?;
        if tried.planned.is_empty() && tried.revived.is_empty() {
            // A suppression changes the channel of a step and is no change of the ledger: no scan has missed anything.
            let changes = !tried.moved.is_empty() || !tried.switched.is_empty();
            return if changes {
                Ok(ScanReport { in_view: 0, ..self.put_in(called).await? })
            } else {
                Ok(ScanReport::default())
            };
        }
        // It may have changed since the changes were taken: then it is no fault.
        let mut report = self.take_changes().await?;
        if !self.store.done_with(&[], &rules_of(&self.marks)).await? {
            // Another scanner with other rules has taken over: what it did not plan is no fault.
            return Ok(report);
        }
        let found = self.put_in(called).await?;
        let missed = ScanReport { in_view: 0, found: found.planned + found.revived, ..found };
        report += missed;
        Ok(report)
    }

    /// Puts in what is called for, each kind by itself so that it can be counted; almost always there is one kind.
    async fn put_in(&self, mut called: Vec<PlanItem>) -> Result<ScanReport, StoreError> {
        let kind = |one: &PlanItem| (Reverse(one.skip.map(SkipReason::as_str)), one.reminder.not_before > self.now());
        called.sort_by_key(kind);
        let mut report = ScanReport {
            in_view: called.iter().filter(|one| one.skip.is_none()).count() as u64,
            ..ScanReport::default()
        };
        for same in called.chunk_by(|a, b| kind(a) == kind(b) && self.watch.counts_alike(a, b)) {
            for chunk in same.chunks(PAGE as usize) {
                let put = self.store.put_in(chunk, self.now(), self.mode).await?;
                report.held += self.watch.note(chunk, &put, self.now()).await?;
                let (planned, skipped) = (put.planned.len() as u64, put.skipped.len() as u64);
                if self.mode == WriteMode::Commit {
                    self.growth.note(planned + put.revived.len() as u64, self.store).await;
                }
                let is_late = same[0].reminder.not_before <= self.now();
                report += ScanReport {
                    planned,
                    late: if is_late { planned } else { 0 },
                    expired: if same[0].skip == Some(SkipReason::Expired) { skipped } else { 0 },
                    superseded: if same[0].skip == Some(SkipReason::Superseded) { skipped } else { 0 },
                    revived: put.revived.len() as u64,
                    moved: (put.moved.len() + put.switched.len()) as u64,
                    ..ScanReport::default()
                };
            }
        }
        Ok(report)
    }
}
