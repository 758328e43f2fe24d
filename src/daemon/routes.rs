//! Whether the ways to repay work, and whether they bring what they did.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::http::health::Health;
use crate::pipeline::{FunnelWatch, Prober, Round};
use crate::plan::Schedule;

/// The interval between two checks of the funnel of each route: a check reads weeks of events.
const WATCH_FUNNEL_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// Probes the routes at the start and then at every tick.
pub(super) async fn probe_on_schedule(
    prober: Arc<Prober>,
    schedule: Schedule,
    health: Health,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        match prober.round().await {
            Ok(round) => log_connectivity(round, &health, prober.clock.now()),
            Err(error) => {
                tracing::error!(%error, "how the routes are doing could not be kept; the next tick tries again");
            }
        }
        let now = prober.clock.now();
        let Some(next) = schedule.next_after(now) else { return stop.cancelled().await };
        tokio::select! {
            () = prober.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Says it once when this machine loses its way to the internet, and when it has it again.
fn log_connectivity(round: Round, health: &Health, now: DateTime<Utc>) {
    let (was, is) = (health.offline_since().is_some(), round == Round::Offline);
    if is && !was {
        tracing::error!(
            "no connectivity: no route and no gateway can be reached from here; no route is judged by that"
        );
    }
    if was && !is {
        tracing::info!("connectivity is back: routes are judged again");
    }
    if was != is {
        health.set_offline(is.then_some(now));
    }
}

/// Tells when a route brings far less than it did.
pub(super) async fn watch_funnel(app: Arc<App>, stop: CancellationToken) {
    let watch = FunnelWatch::default();
    while !stop.is_cancelled() {
        let looked = match app.composer.routes.now(&*app.store, &*app.clock).await {
            Ok(routes) => watch.look(&*app.store, &routes, app.clock.now()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::error!(%error, "failed to count clicks and payments; will retry in some hours");
        }
        tokio::select! {
            () = app.clock.sleep(WATCH_FUNNEL_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
