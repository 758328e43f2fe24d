//! Applies what webhooks of the lender's systems brought, and pulls the sources that they ask for.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::pulls::pull_now;
use crate::app::App;
use crate::config::{DatabaseSource, HookSource, Source, SourceKind};
use crate::domain::{Merchant, SourceName};
use crate::pipeline::{HookJob, HookSummary, apply_deliveries};
use crate::store::{Delivery, StoreError};

/// The interval at which deliveries are looked for.
const APPLY_EVERY: Duration = Duration::from_secs(2);

/// The pause after a pull that failed.
const RETRY_PULL: Duration = Duration::from_secs(15);

/// Applies the deliveries of one source.
pub(super) async fn apply_hooks(app: Arc<App>, source: Source, holder: String, stop: CancellationToken) {
    let SourceKind::Hook(hook) = &source.kind else { return };
    let pulled = hook.then_pull.as_ref().and_then(|name| database(&app, name));
    while !stop.is_cancelled() {
        let pause = match round(&app, &source, hook, pulled, (&holder, &stop)).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(source = %source.name, %error, "webhooks could not be applied; will retry");
                APPLY_EVERY
            }
        };
        tokio::select! {
            () = app.clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn database<'a>(app: &'a App, name: &SourceName) -> Option<&'a DatabaseSource> {
    app.config.sources.iter().find(|source| source.name == *name).and_then(|source| match &source.kind {
        SourceKind::Sql(database) => Some(&**database),
        _ => None,
    })
}

/// Pulls, if anything waits for that, and applies what waits.
async fn round(
    app: &App,
    source: &Source,
    hook: &HookSource,
    pulled: Option<&DatabaseSource>,
    (holder, stop): (&str, &CancellationToken),
) -> Result<Duration, StoreError> {
    let Some(merchant) = merchant(app, source) else { return Ok(APPLY_EVERY) };
    let source = &source.name;
    let job =
        HookJob { source, map: &hook.map, merchant: &merchant, pending_for: app.config.payments.pending_for, holder };
    // A body with values counts at once and is applied once; one without is over after the pull.
    let is_over = |one: &Delivery, since: Option<DateTime<Utc>>| {
        hook.map.has_values() || since.is_none_or(|since| since >= one.at)
    };
    let since = pulled_at(app, pulled).await?;
    let mut summary = apply_deliveries(&*app.store, job, |one| is_over(one, since)).await?;
    let mut pause = APPLY_EVERY;
    if let Some(database) = pulled {
        let is_asked = summary.taken > 0 || !app.store.waiting_deliveries(source, 1).await?.is_empty();
        if is_asked && !stop.is_cancelled() {
            if pull_now(app, database, holder, stop).await {
                let since = pulled_at(app, pulled).await?;
                let rest = apply_deliveries(&*app.store, job, |one| is_over(one, since)).await?;
                summary.deliveries += rest.deliveries;
            } else {
                pause = RETRY_PULL;
            }
        }
    }
    log(source, summary);
    Ok(pause)
}

/// When the last complete pull began; `None` where no pull is asked for.
async fn pulled_at(app: &App, pulled: Option<&DatabaseSource>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(database) = pulled else { return Ok(None) };
    let states = app.store.sources().await?;
    let state = states.into_iter().find(|state| state.name == database.settings.name);
    Ok(Some(state.and_then(|state| state.pulled_at).unwrap_or(DateTime::UNIX_EPOCH)))
}

fn merchant(app: &App, source: &Source) -> Option<Merchant> {
    source.merchants(&app.policy.merchants).get(source.merchant.as_ref()?).cloned()
}

fn log(source: &SourceName, summary: HookSummary) {
    let HookSummary { deliveries, taken, rejected, unreadable } = summary;
    if rejected > 0 {
        tracing::warn!(%source, rejected, "items of webhooks were rejected; see: dueherald rejects list");
    }
    if unreadable > 0 {
        tracing::error!(%source, items = unreadable, "rejected items hold no reminder: their instalment cannot be read");
    }
    if deliveries > 0 {
        tracing::info!(%source, deliveries, taken, rejected, "webhooks applied");
    }
}
