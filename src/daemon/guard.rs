//! The daemon's watch over its database: whether it is still the one that was sent from.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::http::health::Health;
use crate::pipeline::GuardHold;
use crate::pipeline::figures::DISARMED;

/// How often the daemon looks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the database every second.
pub(super) async fn watch(app: Arc<App>, health: Health, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = app.clock.sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        look(&app, &health).await;
    }
}

/// How often a daemon that sends nothing looks.
const EVERY_WITHOUT_SENDING: Duration = Duration::from_secs(5);

/// Shows in a daemon that does not send whether sending is held. Its pages keep working.
pub(super) async fn show(app: Arc<App>, health: Health, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match app.store.database_state(None).await {
            Ok(state) => show_hold(&health, state.disarm.map(|disarm| GuardHold::Disarmed(disarm.reason))),
            Err(error) => tracing::debug!(%error, "failed to read the state of the database"),
        }
        tokio::select! {
            () = app.clock.sleep(EVERY_WITHOUT_SENDING) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn show_hold(health: &Health, hold: Option<GuardHold>) {
    metrics::gauge!(DISARMED).set(if hold.is_some() { 1.0 } else { 0.0 });
    health.set_held(hold.map(GuardHold::explained));
}

/// Looks once, and shows what came of it.
pub(super) async fn look(app: &App, health: &Health) {
    // The lanes report a store that fails: each of their claims meets the same.
    if let Err(error) = app.guard.look().await {
        tracing::debug!(%error, "could not check the database");
    }
    show_hold(health, app.guard.hold());
}
