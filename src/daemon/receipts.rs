//! Reports without a callback: those that a provider keeps until it is polled, and those in the mailbox for bounces.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::{GatewayName, Report};
use crate::gateway::Gateway;
use crate::gateway::mail::Maildir;
use crate::pipeline::{MailboxSummary, Trust, empty};

/// The interval at which the mailbox for bounces is emptied.
const EMPTY_MAILBOX_EVERY: Duration = Duration::from_secs(20);

/// How often gateways are asked for what they keep for us; most keep nothing.
const POLL_EVERY: Duration = Duration::from_secs(30);

/// Reports that were fetched and are not stored yet. They outlive the task that fetched them, since no provider gives
/// them twice.
pub(super) type PendingReports = Arc<Mutex<Vec<Report>>>;

/// Fetches what a provider keeps for us, and takes it in. What was fetched is not given twice: it is held until it is
/// stored.
pub(super) async fn poll(app: Arc<App>, gateway: Arc<dyn Gateway>, fetched: PendingReports, stop: CancellationToken) {
    let (intake, name) = (app.intake(), gateway.name());
    let mut fetched = fetched.lock().await;
    while !stop.is_cancelled() {
        if fetched.is_empty() {
            match gateway.poll().await {
                Ok(reports) => *fetched = reports,
                Err(error) => tracing::warn!(gateway = %name, %error, "failed to fetch reports; will retry"),
            }
        }
        let more = !fetched.is_empty();
        if more {
            match intake.take_in(name, fetched.clone(), Trust::Counts).await {
                Ok(_) => fetched.clear(),
                Err(error) => tracing::error!(gateway = %name, %error, "failed to store reports; will retry"),
            }
        }
        if more && fetched.is_empty() {
            // There may be more.
            continue;
        }
        tokio::select! {
            () = app.clock.sleep(POLL_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Takes in bounces and complaints as they are delivered.
pub(super) async fn empty_mailbox(app: Arc<App>, gateway: GatewayName, maildir: Maildir, stop: CancellationToken) {
    let intake = app.intake();
    while !stop.is_cancelled() {
        match empty(&intake, &gateway, &maildir).await {
            Ok(MailboxSummary { reports: 0, others: 0, unreadable: 0 }) => {}
            Ok(MailboxSummary { reports, others, unreadable }) => {
                tracing::info!(%gateway, reports, others, unreadable, "looked through the mailbox for bounces");
            }
            Err(error) => tracing::error!(%gateway, %error, "failed to read the mailbox for bounces; will retry"),
        }
        tokio::select! {
            () = app.clock.sleep(EMPTY_MAILBOX_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
