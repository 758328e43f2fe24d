//! Level 5: the one place that puts concrete ends together.

mod forecast;
mod gateways;
mod state_dir;
mod template_folder;
mod webhooks;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, SimClock, SystemClock};
use crate::config::{Config, ConfigError, Database, DatabaseUrl, Encryption, GatewayConfig, PROBE_TIMEOUT};
use crate::domain::{AuditOrigin, GatewayName, KeyRing};
use crate::gateway::Gateway;
use crate::gateway::capture::CaptureGateway;
use crate::pipeline::{
    Composer, DispatchSettings, Dispatcher, Freshness, GatewayHandle, Guard, Intake, LinkGate, LinkGates, MessageForms,
    Prober, Reconciler, Registry, ScanOrder, ScanScope, SendLane, TemplateFailures,
};
use crate::plan::{GatewayLists, Horizon, Policy};
use crate::probe::{HttpsProbe, ProbeError, RouteProbe};
use crate::render::{LinkKeys, LinkKeysError, RenderError, Renderer};
use crate::store::{PostgresStore, RehomeScope, SqliteStore, Store, StoreError, TaskStore, WriteMode};
use crate::webhook::WebhookClientError;

pub use gateways::gateways;
pub use template_folder::read_templates;

/// Why the parts do not come together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Something in the config only shows when the parts are made.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Some templates cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Templates(Vec<RenderError>),
    /// The template folder cannot be read.
    #[error("the template folder {}: {error}", .folder.display())]
    TemplateFolder {
        /// Where.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No client can be made for a webhook endpoint.
    #[error(transparent)]
    Webhook(#[from] WebhookClientError),
    /// Routes cannot be probed from here.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The state directory cannot be used.
    #[error(
        "the folder {} of `dispatch.state_dir` cannot be used: {error}; name one that this user may write to, or write \
         state_dir = \"off\" to send without this protection against a restored database", .folder.display()
    )]
    StateDir {
        /// Which.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The link keys cannot be used.
    #[error("[links]: {0}")]
    LinkKeys(#[from] LinkKeysError),
}

/// The source of time.
#[derive(Debug, Clone)]
pub enum Time {
    /// The machine's clock, and the database's for leases.
    Real,
    /// A clock that is set by hand, for the demo and for rehearsals; it replaces the database's too.
    Rehearsal(SimClock),
}

impl Time {
    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Real => Arc::new(SystemClock),
            Self::Rehearsal(clock) => Arc::new(clock.clone()),
        }
    }
}

/// All of an [`App`] but its database: what is made from the config alone.
#[derive(Debug)]
pub struct AppParts {
    /// The config that the parts were made from.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The composer of messages.
    pub composer: Composer,
    /// The gateways, by name.
    pub gateways: BTreeMap<GatewayName, Arc<dyn Gateway>>,
    /// Those of them that keep messages instead of sending them.
    pub captures: Vec<Arc<CaptureGateway>>,
    /// The key ring that encrypts personal data, if there is one.
    pub ring: Option<Arc<KeyRing>>,
    time: Time,
}

impl AppParts {
    /// Makes them; connects to nothing yet.
    ///
    /// # Errors
    /// When a part cannot be made; the text says which and what to do.
    pub fn new(config: Config, time: &Time) -> Result<Self, AppError> {
        let clock = time.clock();
        let composer = composer(&config)?;
        let (gateways, captures) = gateways(&config, &clock)?;
        let ring = ring(&config.database)?;
        Ok(Self { config, clock, composer, gateways, captures, ring, time: time.clone() })
    }

    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn open_stores(&self) -> Result<Stores, StoreError> {
        let lists = Arc::new(self.config.policy.gateways.clone());
        open_stores(&self.config.database, self.ring.clone(), lists, &self.time).await
    }

    /// How old what each source brought may be.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        freshness(&self.config)
    }

    /// The whole, over this database.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> App {
        let Self { config, clock, composer, gateways, captures, ring, .. } = self;
        let Stores { store, public: public_store, operations } = stores;
        let policy = Arc::new(config.policy.clone());
        let guard = Arc::new(Guard::off());
        App { config, clock, store, public_store, operations, policy, composer, gateways, captures, ring, guard }
    }
}

/// The database, for the two that use it.
#[derive(Debug, Clone)]
pub struct Stores {
    /// For the work.
    pub store: Arc<dyn Store>,
    /// For pages, callbacks and the API.
    pub public: Arc<dyn Store>,
    /// The operations of both that are running.
    pub operations: TaskTracker,
}

/// Everything that works, put together from a config.
#[derive(Debug)]
pub struct App {
    /// The config that it was made from.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ledger and outbox.
    pub store: Arc<dyn Store>,
    /// The same for pages, callbacks and the API, with connections of its own: visitors can neither use up nor break
    /// those of the work.
    pub public_store: Arc<dyn Store>,
    /// The operations of both that are running.
    pub operations: TaskTracker,
    /// Merchants and rules.
    pub policy: Arc<Policy>,
    /// The composer of messages.
    pub composer: Composer,
    /// The gateways, by name.
    pub gateways: BTreeMap<GatewayName, Arc<dyn Gateway>>,
    /// Those of them that keep messages instead of sending them.
    pub captures: Vec<Arc<CaptureGateway>>,
    /// The key ring that encrypts personal data, if there is one.
    pub ring: Option<Arc<KeyRing>>,
    /// The guard against sending from a database that went back in time; off unless [`App::guarded`].
    pub guard: Arc<Guard>,
}

impl App {
    /// Opens the database and makes everything else; connects to no gateway yet.
    ///
    /// # Errors
    /// When a part cannot be made; the text says which and what to do.
    pub async fn start(config: Config, time: &Time) -> Result<Self, AppError> {
        let parts = AppParts::new(config, time)?;
        let stores = parts.open_stores().await?;
        Ok(parts.with_stores(stores))
    }

    /// The same for changes that come from there: they are in the audit log.
    #[must_use]
    pub fn signed(self, origin: AuditOrigin) -> Self {
        Self { store: self.store.signed(origin.clone()), public_store: self.public_store.signed(origin), ..self }
    }

    /// The same with a guard: for whoever sends. It has not looked at the database yet.
    ///
    /// # Errors
    /// When the state directory cannot be used.
    pub fn guarded(self) -> Result<Self, AppError> {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let (journal, daemon) = state_dir::journal(&self.config.dispatch.state_dir)?;
        Ok(Self { guard: Arc::new(Guard::new(store, clock, journal, daemon)), ..self })
    }

    /// The same on the store for visitors.
    #[must_use]
    pub fn for_visitors(&self) -> Self {
        Self {
            config: self.config.clone(),
            clock: Arc::clone(&self.clock),
            store: Arc::clone(&self.public_store),
            public_store: Arc::clone(&self.public_store),
            operations: self.operations.clone(),
            policy: Arc::clone(&self.policy),
            composer: self.composer.clone(),
            gateways: self.gateways.clone(),
            captures: self.captures.clone(),
            ring: self.ring.clone(),
            guard: Arc::clone(&self.guard),
        }
    }

    /// A dispatcher, which the lanes and the reconciler share.
    #[must_use]
    pub fn dispatcher(&self) -> Arc<Dispatcher> {
        let settings = &self.config.dispatch;
        Arc::new(Dispatcher {
            store: Arc::clone(&self.store),
            policy: Arc::clone(&self.policy),
            composer: self.composer.clone(),
            clock: Arc::clone(&self.clock),
            settings: DispatchSettings {
                lease: settings.lease,
                retry: settings.retry,
                poll: settings.idle,
                claim_batch: settings.batch,
            },
            template_failures: TemplateFailures::default(),
            forms: MessageForms::default(),
            freshness: self.freshness(),
            guard: Arc::clone(&self.guard),
            holder: self.holder(),
        })
    }

    /// A name of this process among those that share the database; another one each time.
    #[must_use]
    pub fn holder(&self) -> String {
        format!("{}-{}", std::process::id(), self.clock.elapsed().as_nanos())
    }

    /// How old what each source brought may be.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        freshness(&self.config)
    }

    /// One lane for each gateway of each channel.
    #[must_use]
    pub fn lanes(&self, dispatcher: &Arc<Dispatcher>) -> Vec<SendLane> {
        let post = |name: &GatewayName| {
            let rate = self.config.rates.get(name).copied();
            Some(GatewayHandle::new(Arc::clone(self.gateways.get(name)?), rate))
        };
        let lists = &self.policy.gateways;
        let lanes = lists.channels().flat_map(|channel| {
            SendLane::of_channel(dispatcher, channel, lists.gateways(channel).into_iter().filter_map(post).collect())
        });
        lanes.collect()
    }

    /// The gates of each merchant's first gateway as of now. The lanes ask them behind each decision.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn gates(&self) -> Result<LinkGates, StoreError> {
        let seen = self.composer.routes.now(&*self.store, &*self.clock).await?;
        let stale = self.freshness().stale(&self.store.sources().await?, self.clock.now());
        let gate = |(name, gateway): (&GatewayName, &Arc<dyn Gateway>)| {
            let gate = LinkGate::new(gateway.link_mode(), seen.clone(), stale.clone(), Arc::clone(&self.policy));
            (name.clone(), gate)
        };
        Ok(LinkGates::new(Arc::clone(&self.policy), self.gateways.iter().map(gate).collect()))
    }

    /// Lets reminders that wait for a gateway which their merchant no longer has wait for its first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rehome(&self) -> Result<(), StoreError> {
        rehome(&self.config, &*self.store, RehomeScope::All).await
    }

    /// A reconciler, which finishes what the lanes left open: expired leases, unknown outcomes, kept reports,
    /// fallbacks and holds.
    #[must_use]
    pub fn reconciler(&self, dispatcher: &Arc<Dispatcher>) -> Reconciler {
        Reconciler::new(Arc::clone(dispatcher), self.gateways.clone())
    }

    /// The intake of reports from gateways.
    #[must_use]
    pub fn intake(&self) -> Intake {
        Intake {
            store: Arc::clone(&self.store),
            policy: Arc::clone(&self.policy),
            composer: self.composer.clone(),
            gateways: self.gateways.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// A probe that checks routes from this machine.
    ///
    /// # Errors
    /// When no certificate authority is trusted here.
    pub fn probe(&self) -> Result<Arc<dyn RouteProbe>, AppError> {
        let timeout = self.config.probes.as_ref().map_or(PROBE_TIMEOUT, |probes| probes.timeout);
        let allowed = self.config.probes.as_ref().map(|probes| probes.allowed_networks.clone()).unwrap_or_default();
        Ok(Arc::new(HttpsProbe::new(timeout, allowed, Arc::clone(&self.clock))?))
    }

    /// A prober that keeps the health of the routes up to date with `probe`.
    #[must_use]
    pub fn prober(&self, probe: Arc<dyn RouteProbe>) -> Prober {
        let merchants = self.policy.merchants.keys();
        Prober {
            store: Arc::clone(&self.store),
            routes: Arc::clone(&self.composer.routes),
            probe,
            clock: Arc::clone(&self.clock),
            patience: self.config.probes.as_ref().map(|probes| probes.patience).unwrap_or_default(),
            hosts: merchants.map(|merchant| (merchant.clone(), self.config.route_hosts(merchant))).collect(),
            expected: self.config.expected.clone(),
            holder: self.holder(),
            witnesses: self.gateways.values().filter_map(|gateway| gateway.endpoint()).collect(),
            is_offline: AtomicBool::default(),
        }
    }

    /// Where bounces and complaints are read from, each once, with a gateway that they are of.
    #[must_use]
    pub fn mailboxes(&self) -> BTreeMap<PathBuf, GatewayName> {
        let mailbox = |(name, gateway): (&GatewayName, &GatewayConfig)| match gateway {
            GatewayConfig::Smtp(settings) => Some((settings.bounces.clone()?.maildir, name.clone())),
            _ => None,
        };
        self.config.gateways.iter().filter_map(mailbox).collect()
    }

    /// A scan as of `now` that is kept.
    #[must_use]
    pub fn scan_order(&self, now: DateTime<Utc>, extent: ScanScope) -> ScanOrder {
        let scans = &self.config.scans;
        let ahead = TimeDelta::from_std(scans.horizon).unwrap_or(TimeDelta::MAX);
        ScanOrder {
            horizon: Horizon { now, until: now + ahead + self.policy.looks_ahead() },
            extent,
            mode: WriteMode::Commit,
            start_from: scans.start_from.map(|day| scans.start_of(day)),
            first_day: scans.today(now),
            guard: Some(scans.guard(now)),
        }
    }
}

/// Lets reminders that wait for a gateway which their merchant no longer has wait for its first.
///
/// # Errors
/// When the store fails.
pub async fn rehome(config: &Config, store: &dyn Store, scope: RehomeScope) -> Result<(), StoreError> {
    let lists = &config.policy.gateways;
    for channel in lists.channels() {
        let moved = store.rehome(channel, lists, scope).await?;
        if moved > 0 {
            tracing::info!(%channel, moved, "merchants have other gateways than before; what waited for those moved");
        }
    }
    Ok(())
}

fn freshness(config: &Config) -> Freshness {
    let sources = || config.sources.iter().filter(|source| source.is_pulled());
    let feeds = sources().filter_map(|source| Some((source.name.clone(), source.merchant.clone()?)));
    let limits = sources().map(|source| (source.name.clone(), source.max_ledger_age));
    let with_data_age = sources().filter(|source| source.asks_data_age()).map(|source| source.name.clone());
    let telling = sources().filter(|source| source.tells_of_payments()).map(|source| source.name.clone());
    Freshness::new(limits).feeding(feeds).with_data_age(with_data_age).telling_of_payments(telling)
}

/// A composer of messages with its templates (built in and from the folder), link keys and routes.
///
/// # Errors
/// When a template, the folder or a key cannot be used, or a rule names a template that is not there.
pub fn composer(config: &Config) -> Result<Composer, AppError> {
    let renderer = renderer(config)?;
    config.check_templates(&|name| renderer.has(name))?;
    let links = LinkKeys::new(config.links.keys.iter().map(|key| (key.id, key.secret.expose_secret())))?;
    let routes = match config.probes {
        Some(_) => Registry::probed(config.routes.clone()),
        None => Registry::of(config.routes.clone()),
    };
    let routes = Arc::new(routes);
    Ok(Composer { renderer: Arc::new(renderer), links: Arc::new(links), routes })
}

/// The templates: built in, and from the folder of the config.
///
/// # Errors
/// When the folder cannot be read or a template cannot be used.
pub fn renderer(config: &Config) -> Result<Renderer, AppError> {
    let sources = match &config.templates.folder {
        Some(folder) => {
            read_templates(folder).map_err(|error| AppError::TemplateFolder { folder: folder.clone(), error })?
        }
        None => Vec::new(),
    };
    Renderer::with_limits(sources, config.templates.limits).map_err(AppError::Templates)
}

/// Opens a database.
///
/// # Errors
/// When it cannot be reached or opened.
pub async fn open_store(database: &Database, time: &Time) -> Result<Arc<dyn Store>, StoreError> {
    // A command that knows only the database plans no reminders.
    Ok(open_stores(database, ring(database)?, Arc::default(), time).await?.store)
}

/// The key ring that encrypts personal data, if the config has one.
fn ring(database: &Database) -> Result<Option<Arc<KeyRing>>, StoreError> {
    let ring = database.encryption.as_ref().map(Encryption::ring).transpose()?;
    Ok(ring.map(Arc::new))
}

/// Opens a store for the work and one for visitors. The operations of both run to their end as tasks.
async fn open_stores(
    database: &Database,
    ring: Option<Arc<KeyRing>>,
    lists: Arc<GatewayLists>,
    time: &Time,
) -> Result<Stores, StoreError> {
    let operations = TaskTracker::new();
    let (store, public, room): (Arc<dyn Store>, Arc<dyn Store>, u32) = match &database.url {
        DatabaseUrl::Sqlite { file } => {
            let store = SqliteStore::open(&format!("sqlite:{}", file.display()), time.clock()).await?;
            let store = match ring {
                Some(ring) => store.encrypted_with(ring),
                None => store,
            };
            store.check_keys().await?;
            let store = store.with_gateway_lists(lists);
            let public = store.with_own_readers();
            (Arc::new(store), Arc::new(public), PUBLIC_ON_SQLITE)
        }
        DatabaseUrl::Postgres { url } => {
            let clock = match time {
                Time::Real => None,
                Time::Rehearsal(_) => Some(time.clock()),
            };
            let store = PostgresStore::connect(url, database.work_connections(), clock).await?;
            let store = store.with_gateway_lists(lists);
            let store = Arc::new(match ring {
                Some(ring) => store.encrypted_with(ring),
                None => store,
            });
            store.check_keys().await?;
            let public = database.public_connections();
            let recent_contacts = if public == 0 { Arc::clone(&store) } else { Arc::new(store.with_own_pool(public)) };
            // One more for each waits, so that no connection idles while somebody asks.
            (store, recent_contacts, public.max(1) * 2)
        }
    };
    let in_tasks = |store| TaskStore::new(store, operations.clone());
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let (store, public) = (Arc::new(in_tasks(store)), Arc::new(in_tasks(public).with_room(room)));
    Ok(Stores { store, public, operations })
}

/// How many operations for visitors may be at an SQLite file at once.
const PUBLIC_ON_SQLITE: u32 = 4;
