//! Scans on their schedule, in turn with other daemons.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::pipeline::figures::{MISSED, PLANNED};
use crate::pipeline::{ScanReport, ScanScope, scan};

/// How long one scan has the turn; another machine may scan after that even if this one died in it.
const SCAN_TURN: TimeDelta = TimeDelta::minutes(10);

/// Scans at the start, so that nothing waits for the first tick after a downtime, and then at every tick; at a tick of
/// the full check it looks at everything in view.
///
/// `holder` stays the same when this begins again after a panic: the turn that was taken then is still its own.
pub(super) async fn scan_on_schedule(app: Arc<App>, holder: String, stop: CancellationToken) {
    let scans = &app.config.scans;
    let mut extent = ScanScope::News;
    while !stop.is_cancelled() {
        scan_in_turn(&app, &holder, extent).await;
        let now = app.clock.now();
        let Some(next) = scans.schedule.next_after(now) else {
            tracing::error!("the schedule never fires again; nothing more is planned");
            return stop.cancelled().await;
        };
        let full = scans.full_check.next_after(now).filter(|full| *full <= next);
        extent = if full.is_some() { ScanScope::Full } else { ScanScope::News };
        let next = full.unwrap_or(next);
        tokio::select! {
            () = app.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn scan_in_turn(app: &App, holder: &str, extent: ScanScope) {
    match app.store.take_turn("scan", holder, SCAN_TURN).await {
        Ok(true) => {}
        Ok(false) => return tracing::info!("another daemon is scanning"),
        Err(error) => return tracing::error!(%error, "the scan could not begin; the next tick tries again"),
    }
    match scan(&*app.store, &app.policy, &app.scan_order(app.clock.now(), extent)).await {
        Ok(report) => log_scan(&report),
        Err(error) => tracing::error!(%error, "the scan broke off; the next tick goes on"),
    }
}

fn log_scan(report: &ScanReport) {
    let ScanReport { looked_at, in_view, planned, late, expired, superseded, revived, moved, found, held: _ } = *report;
    metrics::counter!(PLANNED).increment(planned);
    metrics::counter!(MISSED).increment(found);
    tracing::info!(planned, in_view, looked_at, revived, moved, "scanned");
    if late + expired + superseded > 0 {
        tracing::warn!(late, expired, superseded, "the time of some reminders passed before they were planned");
    }
    if found > 0 {
        tracing::error!(
            found,
            "the full check found reminders that scans had missed and planned them; please report this"
        );
    }
}
