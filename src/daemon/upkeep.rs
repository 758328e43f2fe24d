//! Small tasks that go by the clock: stops and notices, figures, systemd's watchdog.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::app::{App, rehome};
use crate::clock::Clock;
use crate::domain::{AuditCheckpoint, Channel};
use crate::http::ops::{Figures, KEEP_UP_EVERY};
use crate::pipeline::{go_on, keep_checkpoint};
use crate::store::{ReencryptionStep, RehomeScope, Stop};

/// The interval at which the daemon reads the stops to log them; every claim reads them itself.
const LOG_STOPS_EVERY: Duration = Duration::from_secs(30);

/// The interval at which the daemon continues interrupted notices; normally, the command that sends a notice
/// completes it.
const GO_ON_EVERY: Duration = Duration::from_secs(30);

/// The interval at which the daemon looks for reminders that wait for no gateway.
const RESCUE_EVERY: Duration = Duration::from_mins(1);

/// How late they are by then: until then, the daemon that put them there may send them.
const STRANDED_AFTER: TimeDelta = TimeDelta::minutes(10);

/// The interval at which the daemon reads all encrypted values, to encrypt again those that are not under the first
/// key.
const RENEW_EVERY: Duration = Duration::from_hours(24);

/// How long after an error that is tried again.
const RETRY_RENEWAL: Duration = Duration::from_mins(5);

/// The interval at which the daemon signs the head of the audit log, where entries were appended.
const SIGN_AUDIT_EVERY: Duration = Duration::from_hours(1);

/// The pause between two steps of it: imports and sending go first.
const BETWEEN_RENEWALS: Duration = Duration::from_millis(100);

/// Says when somebody stops the sending or lifts a stop, and at the start what is stopped. Who and why stay in the
/// database: they are people's own words.
pub(super) async fn log_stops(app: Arc<App>, stop: CancellationToken) {
    let mut known = Vec::new();
    while !stop.is_cancelled() {
        // Store failures are already logged by the lanes.
        if let Ok(stops) = app.store.stops().await {
            let merchant = |stop: &Stop| stop.merchant.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
            let channel = |stop: &Stop| stop.channel.map_or("all", Channel::as_str);
            for stop in stops.iter().filter(|stop| !known.contains(*stop)) {
                tracing::warn!(merchant = merchant(stop), channel = channel(stop), since = %stop.since, "sending is \
                    stopped");
            }
            for stop in known.iter().filter(|stop| !stops.contains(*stop)) {
                tracing::info!(merchant = merchant(stop), channel = channel(stop), "a stop was lifted or changed");
            }
            known = stops;
        }
        tokio::select! {
            () = app.clock.sleep(LOG_STOPS_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Puts into the outbox what a command that was killed left of a notice.
pub(super) async fn go_on_with_notices(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = go_on(&*app.store, app.clock.now()).await {
            tracing::error!(%error, "could not check for interrupted notices; will retry");
        }
        tokio::select! {
            () = app.clock.sleep(GO_ON_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Takes in what waits for a gateway that the config does not have: while a change of the config spreads, a daemon that
/// still has the one before settles retries into its gateways, and the start of this daemon was too early to find them.
pub(super) async fn rescue_stranded(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let scope = RehomeScope::Stranded { due_before: app.clock.now() - STRANDED_AFTER };
        if let Err(error) = rehome(&app.config, &*app.store, scope).await {
            tracing::error!(%error, "could not look for reminders that wait for no gateway; will retry");
        }
        tokio::select! {
            () = app.clock.sleep(RESCUE_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Encrypts with the first key what is encrypted with another one: a pass at the start, when keys may have changed, and
/// one a day for what another machine wrote with its own order of keys.
pub(super) async fn renew_encryption(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let (mut after, mut written) = (None, 0);
        let pause = loop {
            match app.store.renew_encryption(after.as_ref()).await {
                Ok(ReencryptionStep { written: more, next }) => {
                    written += more;
                    after = next;
                    if after.is_none() {
                        break RENEW_EVERY;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "failed to renew the encryption; will retry");
                    break RETRY_RENEWAL;
                }
            }
            tokio::select! {
                () = app.clock.sleep(BETWEEN_RENEWALS) => {}
                () = stop.cancelled() => return,
            }
        };
        if written > 0 {
            tracing::info!(written, "encryption renewed with the first key");
        }
        tokio::select! {
            () = app.clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Signs the head of the audit log, keeps it, and logs it: with a log that is kept elsewhere, nobody who has the
/// database can cut off or rewrite what came before.
pub(super) async fn sign_audit_log(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match keep_checkpoint(&*app.store, &app.composer.links, app.clock.now()).await {
            Ok(Some(AuditCheckpoint { head, key, signature, .. })) => {
                tracing::info!(number = head.number, hash = %head.hash, key, %signature, "audit log signed");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "could not sign the audit log; will retry"),
        }
        tokio::select! {
            () = app.clock.sleep(SIGN_AUDIT_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Tells systemd that the event loop turns, twice as often as it asks for by its `patience`. It runs on the event loop
/// that everything else runs on, so when something blocks that loop, systemd is told nothing and ends the process.
pub(super) async fn feed_watchdog(patience: Duration, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        notify_service_manager(&[NotifyState::Watchdog]);
        tokio::select! {
            () = clock.sleep(patience / 2) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Sorts figures into their buckets, so that memory does not grow while nobody scrapes.
pub(super) async fn keep_figures(figures: Figures, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        figures.keep_up();
        tokio::select! {
            () = clock.sleep(KEEP_UP_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Tells systemd, if that started the process.
pub(super) fn notify_service_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "could not notify the service manager");
    }
}
