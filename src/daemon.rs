//! Level 7: the daemon: supervised tasks, roles, signals, and a graceful stop.
//!
//! | file | what it holds |
//! |---|---|
//! | `supervisor` | starts every task, and starts it again when it fails |
//! | `signals` | which signals stop the daemon, and how |
//! | `database` | the wait for a database that is not up yet |
//! | `servers` | the addresses that are listened on |
//! | `descriptors` | how many connections each server may keep open |
//! | `pulls`, `scans`, `routes`, `receipts`, `upkeep` | the tasks |
//!
//! To add a task: write an `async fn` in one of these files that works until its `stop`, and start it here by the
//! supervisor.
//!
//! The first SIGTERM, SIGINT or SIGHUP stops softly: nothing is claimed any more, what is in flight is settled, pages
//! finish. That takes [`STOP_WITHIN`] at most. A second one stops at once; what was in flight is then `unknown` when
//! its lease ends.

mod database;
mod descriptors;
mod guard;
mod hooks;
mod pulls;
mod receipts;
mod routes;
mod scans;
mod servers;
mod signals;
mod supervisor;
mod upkeep;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, AppParts};
use crate::config::SourceKind;
use crate::gateway::mail::Maildir;
use crate::http::health::{Health, LateStore};
use crate::http::ops::{self, Figures, Ops};
use crate::pipeline::LaneEnd;
use descriptors::Shares;
use signals::Signals;
pub use signals::StopOrder;
pub use supervisor::Supervisor;
use upkeep::notify_service_manager;

/// The longest time that a soft stop takes: longer than a lease usually is, so that everything in flight is settled
/// by then, and shorter than the time after which service managers kill (90 s with systemd).
pub const STOP_WITHIN: Duration = Duration::from_secs(75);

/// A group of tasks that a daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Pull the sources, each on its schedule.
    Pull,
    /// Plan on the schedule.
    Scan,
    /// Send.
    Dispatch,
    /// Serve the pages that links lead to, and take in what providers report.
    Web,
    /// Serve the console of the staff, if the config enables it.
    Console,
}

/// Why the daemon could not start or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The database does not answer or has an old schema.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {error}; is another program using it?")]
    Listen {
        /// The address in the config.
        address: std::net::SocketAddr,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// A part could not be made.
    #[error(transparent)]
    App(#[from] AppError),
    /// People cannot log in by the provider of `[console.oidc]`.
    #[error(
        "cannot connect to the provider of [console.oidc] from this machine: {0}; install its certificate authorities (ca-certificates)"
    )]
    Console(#[source] reqwest::Error),
    /// Signals could not be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] std::io::Error),
    /// The soft stop took too long, or was cut short by a second signal.
    #[error("stopped before everything in flight was settled; what was in flight will be unknown when its lease ends")]
    Cut,
}

/// Runs until a signal says to stop.
///
/// # Errors
/// When it cannot start, or was stopped before everything in flight was settled.
pub async fn run(parts: AppParts, roles: &BTreeSet<Role>) -> Result<(), DaemonError> {
    let (signals, order) = (Signals::catch()?, StopOrder::default());
    tokio::select! {
        ended = run_until(parts, roles, &order) => ended,
        () = signals.relay(&order) => Ok(()),
    }
}

/// Runs until it is ordered to stop.
///
/// # Errors
/// When it cannot start, or was stopped before everything in flight was settled.
pub async fn run_until(parts: AppParts, roles: &BTreeSet<Role>, order: &StopOrder) -> Result<(), DaemonError> {
    let (clock, health, store) = (Arc::clone(&parts.clock), Health::default(), LateStore::default());
    let supervisor = Supervisor::new(Arc::clone(&clock), order.soft.clone(), health.clone());
    let shares = Shares::of(&parts);
    serve_ops(&parts, &health, &store, shares, &supervisor).await?;
    // Started is started, even if the database is not: a service manager would end what does not say so in time.
    notify_service_manager(&[NotifyState::Ready, NotifyState::Status("waiting for the database")]);
    let opened = tokio::select! {
        opened = database::open(&parts, roles.contains(&Role::Dispatch), &health) => Some(opened?),
        () = order.soft.cancelled() => None,
    };
    let operations = opened.as_ref().map(|opened| opened.operations.clone()).unwrap_or_default();
    if let Some(opened) = opened {
        store.set(Arc::clone(&opened.store));
        let app = parts.with_stores(opened);
        let app = Arc::new(if roles.contains(&Role::Dispatch) { app.guarded()? } else { app });
        // Pages alone change nothing of the ledger; their database role may not even.
        if roles.iter().any(|role| !matches!(role, Role::Web | Role::Console)) {
            pulls::retry_rejected(&app).await;
        }
        start(&app, roles, &health, shares, &supervisor).await?;
        notify_service_manager(&[NotifyState::Status("running")]);
        tracing::info!(roles = ?roles, "running");
    }

    order.soft.cancelled().await;
    notify_service_manager(&[NotifyState::Stopping]);
    let settled = async {
        supervisor.ended().await;
        // Wait for operations that still run after their visitor has gone.
        operations.close();
        operations.wait().await;
    };
    tokio::select! {
        () = settled => Ok(()),
        () = order.hard.cancelled() => Err(DaemonError::Cut),
        () = clock.sleep(STOP_WITHIN) => Err(DaemonError::Cut),
    }
}

/// Starts the tasks that run even without a database: health, metrics, and systemd's watchdog.
async fn serve_ops(
    parts: &AppParts,
    health: &Health,
    store: &LateStore,
    shares: Shares,
    supervisor: &Supervisor,
) -> Result<(), DaemonError> {
    let clock = &parts.clock;
    let figures = Figures::new();
    if !figures.install() {
        tracing::warn!("figures are recorded elsewhere already; /metrics shows the queue only");
    }
    let (kept, time) = (figures.clone(), Arc::clone(clock));
    supervisor.worker("figures", move |stop| upkeep::keep_figures(kept.clone(), Arc::clone(&time), stop));
    if let Some(patience) = sd_notify::watchdog_enabled() {
        let time = Arc::clone(clock);
        supervisor.worker("watchdog", move |stop| upkeep::feed_watchdog(patience, Arc::clone(&time), stop));
    }
    let (store, freshness, health) = (store.clone(), Arc::new(parts.freshness()), health.clone());
    let ops = Ops { store, clock: Arc::clone(clock), figures, freshness, health };
    let address = parts.config.http.ops;
    servers::serve("server:ops", address, ops::router(ops), shares.ops, clock, supervisor).await
}

/// Starts the tasks of the roles.
async fn start(
    app: &Arc<App>,
    roles: &BTreeSet<Role>,
    health: &Health,
    shares: Shares,
    supervisor: &Supervisor,
) -> Result<(), DaemonError> {
    if roles.contains(&Role::Web) {
        servers::serve_web(app, shares, supervisor).await?;
    }
    if roles.contains(&Role::Console) && app.config.console.is_enabled {
        servers::serve_console(app, shares, supervisor)?;
    }
    if roles.contains(&Role::Dispatch) {
        start_dispatch(app, health, supervisor).await?;
        start_probes(app, health, supervisor)?;
    } else {
        let (app, health) = (Arc::clone(app), health.clone());
        supervisor.worker("guard", move |stop| guard::show(Arc::clone(&app), health.clone(), stop));
    }
    if roles.contains(&Role::Pull) {
        for source in &app.config.sources {
            let (source, holder) = (source.clone(), app.holder());
            if let SourceKind::Hook(_) = source.kind {
                let name = format!("hook:{}", source.name);
                let task = by(app, move |app, stop| hooks::apply_hooks(app, source.clone(), holder.clone(), stop));
                supervisor.worker(&name, task);
                continue;
            }
            let name = format!("pull:{}", source.name);
            let task = by(app, move |app, stop| pulls::pull_on_schedule(app, source.clone(), holder.clone(), stop));
            supervisor.worker(&name, task);
        }
    }
    if roles.contains(&Role::Scan) {
        let holder = app.holder();
        supervisor.worker("scan", by(app, move |app, stop| scans::scan_on_schedule(app, holder.clone(), stop)));
    }
    Ok(())
}

async fn start_dispatch(app: &Arc<App>, health: &Health, supervisor: &Supervisor) -> Result<(), DaemonError> {
    // Before the lanes, which would wait for it.
    guard::look(app, health).await;
    let (guarded, health) = (Arc::clone(app), health.clone());
    supervisor.worker("guard", move |stop| guard::watch(Arc::clone(&guarded), health.clone(), stop));
    let dispatcher = app.dispatcher();
    for lane in app.lanes(&dispatcher) {
        let name = format!("lane:{}:{}", lane.channel(), lane.gateway());
        supervisor.worker(&name, move |stop| {
            let lane = lane.clone();
            // Until the stop it logs and survives every failure of the store by itself.
            async move { drop(lane.run(LaneEnd::Stopped, &stop).await) }
        });
    }
    let (reconciler, every) = (app.reconciler(&dispatcher), app.config.dispatch.lease / 2);
    supervisor.worker("reconcile", move |stop| reconciler.clone().run(every, stop));
    for (name, gateway) in &app.gateways {
        let (gateway, fetched) = (Arc::clone(gateway), receipts::PendingReports::default());
        let task = by(app, move |app, stop| receipts::poll(app, Arc::clone(&gateway), Arc::clone(&fetched), stop));
        supervisor.worker(&format!("poll:{name}"), task);
    }
    for (folder, gateway) in app.mailboxes() {
        let name = format!("mailbox:{gateway}");
        let task =
            by(app, move |app, stop| receipts::empty_mailbox(app, gateway.clone(), Maildir(folder.clone()), stop));
        supervisor.worker(&name, task);
    }
    supervisor.worker("stops", by(app, upkeep::log_stops));
    supervisor.worker("notices", by(app, upkeep::go_on_with_notices));
    supervisor.worker("audit", by(app, upkeep::sign_audit_log));
    if let Some(webhooks) = app.webhooks()? {
        let webhooks = Arc::new(webhooks);
        supervisor.worker("webhooks", move |stop| Arc::clone(&webhooks).run(stop));
    }
    supervisor.worker("stranded", by(app, upkeep::rescue_stranded));
    if app.ring.is_some() {
        supervisor.worker("encryption", by(app, upkeep::renew_encryption));
    }
    Ok(())
}

fn start_probes(app: &Arc<App>, health: &Health, supervisor: &Supervisor) -> Result<(), DaemonError> {
    let Some(probes) = &app.config.probes else { return Ok(()) };
    let (prober, schedule) = (Arc::new(app.prober(app.probe()?)), probes.schedule.clone());
    let health = health.clone();
    supervisor.worker("probe", move |stop| {
        routes::probe_on_schedule(Arc::clone(&prober), schedule.clone(), health.clone(), stop)
    });
    supervisor.worker("funnel", by(app, routes::watch_funnel));
    Ok(())
}

/// A task that is handed the app each time it starts.
fn by<T>(
    app: &Arc<App>,
    mut task: impl FnMut(Arc<App>, CancellationToken) -> T + Send + 'static,
) -> impl FnMut(CancellationToken) -> T + Send + 'static {
    let app = Arc::clone(app);
    move |stop| task(Arc::clone(&app), stop)
}
