//! Scan: look at what falls due, and put the reminders that come into view into the outbox.

use crate::plan::{Horizon, Policy, due_dates, plan};
use crate::store::{DueCursor, Store, StoreError, WriteMode};

/// How many borrowers are read, and how many reminders are written, at once.
const PAGE: u32 = 1_000;

/// What a scan did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Borrowers with something open in the span of days that rules look at, each counted once per due date.
    pub looked_at: u64,
    /// Reminders whose time lies within the horizon.
    pub in_view: u64,
    /// Those of them that were not in the outbox before.
    pub planned: u64,
}

/// Plans every reminder within the horizon that is not in the outbox yet. Running it twice, or on two machines at once, plans
/// nothing twice: the key is unique. With [`WriteMode::DryRun`] nothing is kept, and the report says what would be.
///
/// # Errors
/// When the store fails; what was planned by then stays, and the next scan goes on.
pub async fn scan(
    store: &dyn Store,
    policy: &Policy,
    horizon: Horizon,
    mode: WriteMode,
) -> Result<ScanReport, StoreError> {
    let mut report = ScanReport::default();
    let Some(dates) = due_dates(policy, horizon) else { return Ok(report) };
    let mut after = None;
    loop {
        let page = store.due_page(dates.clone(), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(report) };
        after = Some(DueCursor::after(last));
        report.looked_at += page.len() as u64;
        let reminders: Vec<_> = page.iter().flat_map(|due| plan(policy, due, horizon)).collect();
        report.in_view += reminders.len() as u64;
        for batch in reminders.chunks(PAGE as usize) {
            report.planned += store.plan(batch, horizon.now, mode).await?.len() as u64;
        }
    }
}
