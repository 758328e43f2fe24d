//! Level 7: the daemon: cron ticks, dispatch lanes, pages, signals, and a graceful stop.
//!
//! The first SIGTERM or SIGINT stops softly: nothing is claimed any more, what is in flight is settled, pages finish. That
//! takes [`STOP_WITHIN`] at most. The second signal stops at once; what was in flight is then `unknown` when its lease ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::Source;
use crate::domain::{Channel, GatewayName, SourceName};
use crate::gateway::Gateway;
use crate::gateway::mail::Maildir;
use crate::http::api::Api;
use crate::http::callbacks::Inbox;
use crate::http::ops::{Figures, KEEP_UP_EVERY, Ops};
use crate::http::public::Public;
use crate::http::{self, api, callbacks, ops, public};
use crate::pipeline::figures::{MISSED, PLANNED};
use crate::pipeline::{
    Emptied, Extent, FunnelWatch, Prober, Pull, PullError, Retried, ScanReport, Summary, Trust, Until, empty, go_on,
    pull, retry_rejects, scan,
};
use crate::plan::Schedule;
use crate::source::sql::SqlSource;
use crate::store::{Stop, WriteMode};

/// What a soft stop takes at most: longer than a lease usually is, so that everything in flight is settled by then, and shorter
/// than what service managers wait before they kill (90 s with systemd).
pub const STOP_WITHIN: Duration = Duration::from_secs(75);

/// How long one scan has the turn; another machine may scan after that even if this one died in it.
const SCAN_TURN: TimeDelta = TimeDelta::minutes(10);

/// How many rejected rows of a pull are logged; all are counted.
const SHOWN_OF_A_PULL: usize = 20;

/// How often it is looked at what is stopped, to log it; every claim looks for itself.
const TELL_STOPS_EVERY: Duration = Duration::from_secs(30);

/// How often it is looked whether a notice broke off; its command puts it into the outbox by itself.
const GO_ON_EVERY: Duration = Duration::from_secs(30);

/// How often a mailbox for bounces is looked at.
const EMPTY_MAILBOX_EVERY: Duration = Duration::from_secs(20);

/// How often it is looked at what routes bring: it reads weeks of events.
const WATCH_FUNNEL_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// How often gateways are asked for what they keep for us; most keep nothing.
const POLL_EVERY: Duration = Duration::from_secs(30);

/// What a daemon does.
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
        /// What the operating system said.
        error: std::io::Error,
    },
    /// A part could not be made.
    #[error(transparent)]
    App(#[from] AppError),
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
pub async fn run(app: Arc<App>, roles: &BTreeSet<Role>) -> Result<(), DaemonError> {
    app.store.ready().await?;
    retry_rejected(&app).await;
    let mut signals = Signals::catch()?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    listen(&app, roles, &stop, &tasks).await?;
    if roles.contains(&Role::Dispatch) {
        app.rehome().await?;
        let dispatcher = app.dispatcher();
        for lane in app.lanes(&dispatcher) {
            let stop = stop.clone();
            tasks.spawn(async move { lane.run(Until::Stopped, &stop).await });
        }
        let every = app.config.dispatch.lease / 2;
        tasks.spawn(app.reconciler(&dispatcher).run(every, stop.clone()));
        for gateway in app.gateways.values() {
            tasks.spawn(poll(Arc::clone(&app), Arc::clone(gateway), stop.clone()));
        }
        tasks.spawn(tell_stops(Arc::clone(&app), stop.clone()));
        tasks.spawn(go_on_with_notices(Arc::clone(&app), stop.clone()));
        for (folder, gateway) in app.mailboxes() {
            let maildir = Maildir(folder);
            tasks.spawn(empty_mailbox(Arc::clone(&app), gateway, maildir, stop.clone()));
        }
    }
    if roles.contains(&Role::Dispatch)
        && let Some(probes) = &app.config.probes
    {
        let prober = app.prober(app.probe()?);
        tasks.spawn(probe_on_schedule(prober, probes.schedule.clone(), stop.clone()));
        tasks.spawn(watch_funnel(Arc::clone(&app), stop.clone()));
    }
    if roles.contains(&Role::Pull) {
        for source in app.config.sources.clone() {
            tasks.spawn(pull_on_schedule(Arc::clone(&app), source, stop.clone()));
        }
    }
    if roles.contains(&Role::Scan) {
        tasks.spawn(scan_on_schedule(Arc::clone(&app), stop.clone()));
    }
    tasks.spawn(keep_watchdog_fed(Arc::clone(&app), stop.clone()));
    tasks.close();
    tell_service_manager(NotifyState::Ready);
    tracing::info!(roles = ?roles, "running");

    signals.next().await;
    tracing::info!("stopping: what is in flight is settled first; a second signal stops at once");
    tell_service_manager(NotifyState::Stopping);
    stop.cancel();
    tokio::select! {
        () = tasks.wait() => Ok(()),
        () = signals.next() => Err(DaemonError::Cut),
        () = app.clock.sleep(STOP_WITHIN) => Err(DaemonError::Cut),
    }
}

/// The config may know merchants, and this version may understand records, that the last one did not.
async fn retry_rejected(app: &App) {
    match retry_rejects(&*app.store, &app.policy.merchants, &[]).await {
        Ok(Retried { applied: 0, .. }) => {}
        Ok(Retried { applied, refused }) => tracing::info!(applied, refused, "rejected records were tried again"),
        Err(error) => tracing::error!(%error, "rejected records could not be tried again; the next start does"),
    }
}

/// SIGTERM and SIGINT, which mean the same.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> Result<Self, DaemonError> {
        let catch = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn listen(
    app: &Arc<App>,
    roles: &BTreeSet<Role>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<(), DaemonError> {
    let figures = Figures::new();
    if !figures.install() {
        tracing::warn!("figures are recorded elsewhere already; /metrics shows the queue only");
    }
    tasks.spawn(keep_figures(figures.clone(), Arc::clone(&app.clock), stop.clone()));
    let freshness = Arc::new(app.freshness());
    let ops = Ops { store: Arc::clone(&app.store), clock: Arc::clone(&app.clock), figures, freshness };
    let mut servers = vec![(app.config.http.ops, ops::router(ops))];
    if roles.contains(&Role::Web) {
        let pages = public::router(Public::of(app)).merge(callbacks::router(Inbox::of(app)));
        servers.push((app.config.http.public, pages));
        if !app.config.api.tokens.is_empty() {
            servers.push((app.config.api.listen, api::router(Api::of(app))));
        }
    }
    for (address, router) in servers {
        let listener = TcpListener::bind(address).await.map_err(|error| DaemonError::Listen { address, error })?;
        tracing::info!(address = %listener.local_addr().unwrap_or(address), "listening");
        tasks.spawn(http::serve(listener, router, Arc::clone(&app.clock), stop.clone()));
    }
    Ok(())
}

/// Fetches what a provider keeps for us, and takes it in. What was fetched is not given twice: it is held until it is stored.
async fn poll(app: Arc<App>, gateway: Arc<dyn Gateway>, stop: CancellationToken) {
    let (intake, name) = (app.intake(), gateway.name());
    let mut fetched = Vec::new();
    while !stop.is_cancelled() {
        if fetched.is_empty() {
            match gateway.poll().await {
                Ok(reports) => fetched = reports,
                Err(error) => tracing::warn!(gateway = %name, %error, "reports could not be fetched; tried again soon"),
            }
        }
        let more = !fetched.is_empty();
        if more {
            match intake.take_in(name, fetched.clone(), Trust::Counts).await {
                Ok(_) => fetched.clear(),
                Err(error) => tracing::error!(gateway = %name, %error, "reports could not be stored; tried again soon"),
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

/// Says when somebody stops the sending or lifts a stop, and at the start what is stopped. Who and why stay in the database:
/// they are people's own words.
async fn tell_stops(app: Arc<App>, stop: CancellationToken) {
    let mut known = Vec::new();
    while !stop.is_cancelled() {
        // A store that fails is told by the lanes.
        if let Ok(stops) = app.store.stops().await {
            let merchant = |stop: &Stop| stop.merchant.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
            let channel = |stop: &Stop| stop.channel.map_or("all", Channel::as_str);
            for stop in stops.iter().filter(|stop| !known.contains(*stop)) {
                tracing::warn!(merchant = merchant(stop), channel = channel(stop), since = %stop.since, "sending is stopped");
            }
            for stop in known.iter().filter(|stop| !stops.contains(*stop)) {
                tracing::info!(merchant = merchant(stop), channel = channel(stop), "a stop was lifted or changed");
            }
            known = stops;
        }
        tokio::select! {
            () = app.clock.sleep(TELL_STOPS_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Puts into the outbox what a command that was killed left of a notice.
async fn go_on_with_notices(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = go_on(&*app.store, app.clock.now()).await {
            tracing::error!(%error, "it was not found out whether a notice broke off; tried again soon");
        }
        tokio::select! {
            () = app.clock.sleep(GO_ON_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Takes in bounces and complaints as they are delivered.
async fn empty_mailbox(app: Arc<App>, gateway: GatewayName, maildir: Maildir, stop: CancellationToken) {
    let intake = app.intake();
    while !stop.is_cancelled() {
        match empty(&intake, &gateway, &maildir).await {
            Ok(Emptied { reports: 0, others: 0, unreadable: 0 }) => {}
            Ok(Emptied { reports, others, unreadable }) => {
                tracing::info!(%gateway, reports, others, unreadable, "looked through the mailbox for bounces");
            }
            Err(error) => tracing::error!(%gateway, %error, "the mailbox for bounces is looked at again soon"),
        }
        tokio::select! {
            () = app.clock.sleep(EMPTY_MAILBOX_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Pulls at the start, so that the ledger is fresh after a downtime, and then at every tick.
async fn pull_on_schedule(app: Arc<App>, source: Source, stop: CancellationToken) {
    let Source { settings, schedule, overlap, .. } = source;
    let holder = format!("{}-{}", std::process::id(), app.clock.elapsed().as_nanos());
    let source = SqlSource::new(settings, Arc::clone(&app.clock));
    let mut tick = app.clock.now();
    while !stop.is_cancelled() {
        if !was_pulled_since(&app, source.name(), tick).await {
            let job = Pull {
                source: &source,
                merchants: &app.policy.merchants,
                overlap,
                from_start: false,
                mode: WriteMode::Commit,
                max_shown: SHOWN_OF_A_PULL,
                holder: &holder,
                stop: &stop,
            };
            tell_pulled(source.name(), pull(&*app.store, &*app.clock, job).await);
        }
        let now = app.clock.now();
        let Some(next) = schedule.next_after(now) else {
            tracing::error!(source = %source.name(), "its schedule never fires again; it is pulled no more");
            return stop.cancelled().await;
        };
        tick = next;
        tokio::select! {
            () = app.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether another daemon has done this tick already.
async fn was_pulled_since(app: &App, source: &SourceName, tick: DateTime<Utc>) -> bool {
    // A store that fails is told by the pull.
    let states = app.store.sources().await.unwrap_or_default();
    states.iter().any(|state| state.name == *source && state.pulled_at.is_some_and(|at| at >= tick))
}

fn tell_pulled(source: &SourceName, pulled: Result<Summary, PullError>) {
    let summary = match pulled {
        Ok(summary) => summary,
        Err(PullError::Busy(_)) => return tracing::info!(%source, "another process is pulling"),
        Err(PullError::Stopped(_)) => return tracing::info!(%source, "the pull was stopped; the next one goes on"),
        Err(error) => return tracing::error!(%source, %error, "the pull broke off; the next tick goes on"),
    };
    for rejected in &summary.shown {
        tracing::warn!(%source, row = rejected.place(), reason = rejected.reason(), "a row was rejected");
    }
    for left_out in &summary.left_out_shown {
        tracing::warn!(%source, row = left_out.place(), reason = left_out.reason(), "a row was taken without a cell");
    }
    let Summary { new, changed, same, rejected, unreadable, waiting, left_out, .. } = summary;
    if unreadable > 0 {
        tracing::error!(
            %source,
            rows = unreadable,
            "rejected rows hold no reminder, because their merchant or instalment cannot be read"
        );
    }
    tracing::info!(%source, new, changed, same, rejected, waiting, cells_left_out = left_out, "pulled");
}

/// Scans at the start, so that nothing waits for the first tick after a downtime, and then at every tick; at a tick of the full
/// check it looks at everything in view.
async fn scan_on_schedule(app: Arc<App>, stop: CancellationToken) {
    let holder = app.holder();
    let scans = &app.config.scans;
    let mut extent = Extent::News;
    while !stop.is_cancelled() {
        scan_in_turn(&app, &holder, extent).await;
        let now = app.clock.now();
        let Some(next) = scans.schedule.next_after(now) else {
            tracing::error!("the schedule never fires again; nothing more is planned");
            return stop.cancelled().await;
        };
        let full = scans.full_check.next_after(now).filter(|full| *full <= next);
        extent = if full.is_some() { Extent::Full } else { Extent::News };
        let next = full.unwrap_or(next);
        tokio::select! {
            () = app.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn probe_on_schedule(prober: Prober, schedule: Schedule, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = prober.round().await {
            tracing::error!(%error, "how the routes are doing could not be kept; the next tick tries again");
        }
        let now = prober.clock.now();
        let Some(next) = schedule.next_after(now) else { return stop.cancelled().await };
        tokio::select! {
            () = prober.clock.sleep((next - now).to_std().unwrap_or_default()) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Tells when a route brings far less than it did.
async fn watch_funnel(app: Arc<App>, stop: CancellationToken) {
    let watch = FunnelWatch::default();
    while !stop.is_cancelled() {
        let looked = match app.composer.routes.now(&*app.store, &*app.clock).await {
            Ok(routes) => watch.look(&*app.store, &routes, app.clock.now()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::error!(%error, "what messages brought could not be counted; tried again in some hours");
        }
        tokio::select! {
            () = app.clock.sleep(WATCH_FUNNEL_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn scan_in_turn(app: &App, holder: &str, extent: Extent) {
    match app.store.take_turn("scan", holder, SCAN_TURN).await {
        Ok(true) => {}
        Ok(false) => return tracing::info!("another daemon is scanning"),
        Err(error) => return tracing::error!(%error, "the scan could not begin; the next tick tries again"),
    }
    match scan(&*app.store, &app.policy, &app.scan_order(app.clock.now(), extent)).await {
        Ok(report) => tell_scan(&report),
        Err(error) => tracing::error!(%error, "the scan broke off; the next tick goes on"),
    }
}

fn tell_scan(report: &ScanReport) {
    let ScanReport { looked_at, in_view, planned, late, expired, superseded, revived, found } = *report;
    metrics::counter!(PLANNED).increment(planned);
    metrics::counter!(MISSED).increment(found);
    tracing::info!(planned, in_view, looked_at, revived, "scanned");
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

/// Tells systemd that the event loop turns, twice as often as it asks.
async fn keep_watchdog_fed(app: Arc<App>, stop: CancellationToken) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    while !stop.is_cancelled() {
        tell_service_manager(NotifyState::Watchdog);
        tokio::select! {
            () = app.clock.sleep(patience / 2) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Sorts figures into their buckets, so that memory does not grow while nobody scrapes.
async fn keep_figures(figures: Figures, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        figures.keep_up();
        tokio::select! {
            () = clock.sleep(KEEP_UP_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn tell_service_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
