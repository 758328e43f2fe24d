//! Pulls of the sources, each on its own schedule.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::{DatabaseSource, FolderSource, Source, SourceKind};
use crate::domain::{SourceName, SourceState};
use crate::pipeline::figures::PULL_FAILURES;
use crate::pipeline::{
    FileResult, Pull, PullError, RetryCounts, Summary, TakeFiles, TakeFilesError, TakenFile, pull, retry_rejects,
    take_files,
};
use crate::plan::Schedule;
use crate::source::sql::SqlSource;
use crate::store::WriteMode;

/// How many rejected rows of a pull are logged; all are counted.
const SHOWN_OF_A_PULL: usize = 20;

/// Pulls at the start, so that the ledger is fresh after a downtime, and then at every tick.
///
/// `holder` stays the same when this begins again after a panic: the turn that was taken then is still its own.
pub(super) async fn pull_on_schedule(app: Arc<App>, source: Source, holder: String, stop: CancellationToken) {
    let schedule = match &source.kind {
        SourceKind::Sql(database) => database.schedule.clone(),
        SourceKind::Folder(folder) => folder.schedule.clone(),
        SourceKind::Hook(_) => return,
    };
    let mut tick = app.clock.now();
    while !stop.is_cancelled() {
        if state_of(&app, &source.name).await.pulled_at.is_none_or(|at| at < tick) {
            match &source.kind {
                SourceKind::Sql(database) => drop(pull_now(&app, database, &holder, &stop).await),
                SourceKind::Folder(folder) => take_folder(&app, &source, folder, &holder).await,
                SourceKind::Hook(_) => {}
            }
        }
        let now = app.clock.now();
        let Some(next) = schedule.next_after(now) else {
            tracing::error!(source = %source.name, "its schedule never fires again; it is pulled no more");
            return stop.cancelled().await;
        };
        tick = next;
        tokio::select! {
            () = app.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Pulls once. `false` if the pull did not come to its end.
pub(super) async fn pull_now(app: &App, database: &DatabaseSource, holder: &str, stop: &CancellationToken) -> bool {
    let source = SqlSource::new(database.settings.clone(), Arc::clone(&app.clock));
    let state = state_of(app, source.name()).await;
    let job = Pull {
        source: &source,
        merchants: &app.policy.merchants,
        overlap: database.overlap,
        from_start: is_full_read_due(database.full_read.as_ref(), &state, app.clock.now()),
        sweeps: database.full_read.is_some(),
        max_vanishing: database.max_vanishing,
        rejects: None,
        mode: WriteMode::Commit,
        max_shown: SHOWN_OF_A_PULL,
        holder,
        stop,
    };
    let pulled = pull(&*app.store, &*app.clock, job).await;
    let is_done = pulled.is_ok();
    log_pull(source.name(), pulled);
    is_done
}

async fn take_folder(app: &App, source: &Source, folder: &FolderSource, holder: &str) {
    let merchants = source.merchants(&app.policy.merchants);
    let source = &source.name;
    let job = TakeFiles {
        source,
        folder: Arc::new(folder.folder.clone()),
        settle: folder.settle,
        merchants: &merchants,
        mode: WriteMode::Commit,
        max_shown: SHOWN_OF_A_PULL,
        holder,
    };
    let files = match take_files(&*app.store, &*app.clock, job).await {
        Ok(files) => files,
        Err(TakeFilesError::Busy(_)) => return tracing::info!(%source, "another process is reading"),
        Err(error) => {
            metrics::counter!(PULL_FAILURES, "source" => source.to_string()).increment(1);
            return tracing::error!(%source, %error, "the files were not taken; the next tick goes on");
        }
    };
    for TakenFile { name, result, not_moved } in files {
        match result {
            FileResult::Taken(summary) => log_summary(source, &summary, Some(&name)),
            FileResult::Same => tracing::info!(%source, file = name, "a file was taken before: nothing changes"),
            FileResult::Left(reason) => tracing::warn!(%source, file = name, reason, "a file was left"),
            FileResult::Refused(reason) => tracing::error!(%source, file = name, reason, "a file was refused"),
        }
        if let Some(error) = not_moved {
            tracing::error!(%source, file = name, error, "a file could not be moved");
        }
    }
}

/// How far a source was read: another daemon may have done this tick already.
async fn state_of(app: &App, source: &SourceName) -> SourceState {
    // The pull that follows logs a store failure.
    let states = app.store.sources().await.unwrap_or_default();
    states.into_iter().find(|state| state.name == *source).unwrap_or_else(|| SourceState::new(source.clone()))
}

/// Whether a full read was to begin since the last one, or since the last pull if there was none yet.
fn is_full_read_due(full_read: Option<&Schedule>, state: &SourceState, now: DateTime<Utc>) -> bool {
    let last = state.full_read_at.or(state.pulled_at);
    let next = full_read.zip(last).and_then(|(schedule, last)| schedule.next_after(last));
    next.is_some_and(|next| next <= now)
}

fn log_pull(source: &SourceName, pulled: Result<Summary, PullError>) {
    let summary = match pulled {
        Ok(summary) => summary,
        Err(PullError::Busy(_)) => return tracing::info!(%source, "another process is pulling"),
        Err(PullError::Stopped(_)) => return tracing::info!(%source, "the pull was stopped; the next one goes on"),
        Err(error) => return tracing::error!(%source, %error, "the pull broke off; the next tick goes on"),
    };
    log_summary(source, &summary, None);
}

fn log_summary(source: &SourceName, summary: &Summary, file: Option<&str>) {
    for rejected in &summary.shown {
        tracing::warn!(%source, row = rejected.place(), reason = rejected.reason(), "a row was rejected");
    }
    for left_out in &summary.left_out_shown {
        tracing::warn!(%source, row = left_out.place(), reason = left_out.reason(), "a row was taken without a cell");
    }
    let Summary { new, changed, same, rejected, unreadable, waiting, left_out, vanished, .. } = *summary;
    if unreadable > 0 {
        tracing::error!(
            %source,
            rows = unreadable,
            "rejected rows hold no reminder, because their merchant or instalment cannot be read"
        );
    }
    tracing::info!(%source, file, new, changed, same, rejected, waiting, cells_left_out = left_out, vanished, "pulled");
}

/// The config may know merchants, and this version may understand records, that the last one did not.
pub(super) async fn retry_rejected(app: &App) {
    match retry_rejects(&*app.store, &app.policy.merchants, &[]).await {
        Ok(RetryCounts { applied: 0, .. }) => {}
        Ok(RetryCounts { applied, refused }) => tracing::info!(applied, refused, "rejected records checked again"),
        Err(error) => tracing::error!(%error, "failed to check rejected records; the next start will retry"),
    }
}
