//! Level 4: the config file: sections, environment, secrets; checked as a whole, every mistake with its line.
//!
//! The file is parsed once into a tree that knows where each value stands. The environment is laid over it, references
//! to secrets are resolved in it, and then each section is read key by key (one file per section here) straight into
//! the types of the rooms below. A mistake is noted and reading goes on, so that all of them are shown at once; last
//! comes what is only seen when sections are compared (`coherence.rs`).

mod api;
mod calendars;
mod caps;
mod channels;
mod coherence;
mod console;
mod database;
mod dispatch;
mod encryption;
mod environment;
mod gateway_lists;
mod gateways;
mod http;
mod ics;
mod inline_secret;
mod links;
mod locate;
mod log;
mod merchants;
mod mistake;
mod notices;
mod origin;
mod payments;
mod probe;
mod reading;
mod receipts;
mod routes;
mod rules;
mod schedule;
mod secret;
mod settings;
mod sources;
mod store_config;
mod templates;
mod transport;
mod value;
mod webhooks;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use toml::de::DeTable;

use crate::domain::{GatewayName, Merchant, MerchantId, Price, RouteHosts, RouteKey, Routes, TemplateName};
use crate::gateway::CallbackAddress;
use crate::pipeline::ProbeExpectation;
use crate::plan::{Policy, RateLimit};
use crate::private_file;
use crate::render::SigningKeys;
use crate::source::read_text_file;
use crate::webhook::WebhookEndpoint;

pub use api::{Api, ApiToken, LEAST_TOKEN};
pub use console::{ConsoleSettings, ConsoleUrl, Oidc, OidcGrants, OidcMerchants};
pub use database::{Database, DatabaseUrl};
pub use dispatch::{Dispatch, StateDir};
pub use encryption::{Encryption, EncryptionKey};
pub use gateways::GatewayConfig;
pub use http::Http;
pub use links::{LEAST_KEY_BYTES, LinkKey, LinkLifetime, Links};
pub use locate::{FILE_VARIABLE, locate};
pub use log::{Log, LogFormat};
pub use mistake::{Location, Mistake, Mistakes};
pub use notices::Notices;
pub use payments::Payments;
pub use probe::{PROBE_TIMEOUT, Probes};
pub use schedule::Scans;
pub use secret::{Exposure, ReadFile, SecretOrigin, SecretUse};
pub use sources::{DatabaseSource, FolderSource, HookProof, HookSource, SignatureEncoding, Source, SourceKind};
pub use store_config::StoreConfig;
pub use templates::Templates;

use merchants::Merchants;
use origin::{ByteRange, NOWHERE, Origin};
use reading::{Reading, Section};
use secret::Resolver;

/// Why there is no config. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// None of the usual places has one.
    #[error(
        "there is no config file: neither {} is there; write one with `dueherald init`, or name one with --config FILE",
        .tried.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" nor ")
    )]
    NoFile {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The file is not there or not to be read.
    #[error("the config file {} cannot be read: {error}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Mistakes(Mistakes),
}

/// The inputs that a config is read from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The file, as errors are to name it; relative paths in it start from its folder.
    pub file: &'a Path,
    /// The content of the file.
    pub text: &'a str,
    /// Every variable, for `DUEHERALD__…` and `{ env = "…" }`.
    pub environment: &'a BTreeMap<String, String>,
    /// Reads what `{ file = "…" }` names.
    pub read_file: ReadFile<'a>,
    /// Says who else can read a file that holds a secret: one that `{ file = "…" }` names, or the config itself.
    pub exposure: Exposure<'a>,
}

/// The config, whole and without mistakes.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub file: PathBuf,
    /// Where ledger and outbox are kept.
    pub database: Database,
    /// When the ledger is scanned.
    pub scans: Scans,
    /// Where the ledger is pulled from.
    pub sources: Vec<Source>,
    /// Merchants and rules.
    pub policy: Policy,
    /// The gateways, by name.
    pub gateways: BTreeMap<GatewayName, GatewayConfig>,
    /// How fast gateways may be fed by all machines together, for those that name it.
    pub rates: BTreeMap<GatewayName, RateLimit>,
    /// The prices of gateways, for those that name one.
    pub prices: BTreeMap<GatewayName, Price>,
    /// The secrets in the callback addresses of gateways: first the one in the address that the provider is to call,
    /// then those that are still accepted.
    pub callback_secrets: BTreeMap<GatewayName, Vec<SecretString>>,
    /// The words that gateways refuse, for those that name any; [`Templates::banned_words`] are refused by all.
    pub banned_words: BTreeMap<GatewayName, Vec<String>>,
    /// The phones or mailboxes that `dueherald gateway test` may write to, for gateways that name any.
    pub test_recipients: BTreeMap<GatewayName, Vec<String>>,
    /// The ways to repay, as the config has them.
    pub routes: Routes,
    /// Where routes may lead, of merchants that say so.
    pub route_hosts: BTreeMap<MerchantId, RouteHosts>,
    /// Further hosts of the pages of merchants, of those that have some.
    pub link_hosts: BTreeMap<MerchantId, Vec<String>>,
    /// How routes are probed, if they are.
    pub probes: Option<Probes>,
    /// The results that probes of routes expect, for those that say so.
    pub expected: BTreeMap<RouteKey, ProbeExpectation>,
    /// The keys that sign the addresses of routes, of merchants that have one.
    pub route_keys: BTreeMap<MerchantId, SigningKeys>,
    /// The endpoints to which events are posted.
    pub webhooks: Vec<WebhookEndpoint>,
    /// Where the daemon listens.
    pub http: Http,
    /// Where the lender's systems talk to the daemon.
    pub api: Api,
    /// The desk of the staff.
    pub console: ConsoleSettings,
    /// The keys that seal links, and how long links open.
    pub links: Links,
    /// The template folder and the limits of messages.
    pub templates: Templates,
    /// How reminders are handed over.
    pub dispatch: Dispatch,
    /// The limits of one-off notices.
    pub notices: Notices,
    /// How long reported payments wait for the ledger.
    pub payments: Payments,
    /// The form and filter of log lines.
    pub log: Log,
    /// The secrets, and where they are kept.
    pub secrets: Vec<SecretUse>,
    places: BTreeMap<String, Location>,
}

impl Config {
    /// Reads the file with the environment and the files of this process.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or every mistake.
    pub fn load_file(file: &Path) -> Result<Self, ConfigError> {
        read_file(file, Self::load)
    }

    /// Reads a config.
    ///
    /// # Errors
    /// [`ConfigError::Mistakes`] with every mistake.
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, ConfigError> {
        let (config, places, secrets) =
            read_with(inputs, &|_| true, |reading, tree| read_sections(reading, tree, inputs.read_file))?;
        Ok(Self { file: inputs.file.to_owned(), places, secrets, ..config })
    }

    /// Checks that every template that a rule names is there; `known` says which are.
    ///
    /// # Errors
    /// A mistake for each that is not.
    pub fn check_templates(&self, known: &dyn Fn(&TemplateName) -> bool) -> Result<(), ConfigError> {
        let missing = self.policy.rules.iter().filter_map(|rule| {
            let template = rule.template.as_ref().filter(|template| !known(template))?;
            let text = format!("there is no template {:?}; make its folder, or leave the key out", template.as_str());
            Some(self.mistake(&format!("rules[{}].template", rule.name), text))
        });
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() { Ok(()) } else { Err(ConfigError::Mistakes(Mistakes::new(missing))) }
    }

    /// Where routes of a merchant may lead; without a list in the config, to the hosts of those that the config names.
    #[must_use]
    pub fn route_hosts(&self, merchant: &MerchantId) -> RouteHosts {
        let own = self.routes.0.iter().filter(|route| route.merchant == *merchant);
        self.route_hosts.get(merchant).cloned().unwrap_or_else(|| RouteHosts::of(own.map(|route| &route.kind)))
    }

    /// Under which hosts a merchant's pages are served: the one of its links, those that it names besides, and the one
    /// of `links.base`.
    #[must_use]
    pub fn link_hosts(&self, merchant: &MerchantId) -> Vec<String> {
        let bases = self.policy.merchants.get(merchant).map(|merchant| &merchant.link_base);
        let bases = bases.into_iter().chain(&self.links.base);
        let own = bases.filter_map(|base| Some(Url::parse(base).ok()?.host_str()?.trim_matches(['[', ']']).to_owned()));
        own.chain(self.link_hosts.get(merchant).into_iter().flatten().cloned()).collect()
    }

    /// Where the callbacks of a gateway come in; `None` where it has no `callback_secret`.
    #[must_use]
    pub fn callback_address(&self, gateway: &GatewayName) -> Option<CallbackAddress> {
        self.callback_addresses(gateway).into_iter().next().map(|(address, _)| address)
    }

    /// All addresses where the callbacks of a gateway come in, each with its secret; the first is the one to give to
    /// providers.
    #[must_use]
    pub fn callback_addresses(&self, gateway: &GatewayName) -> Vec<(CallbackAddress, &SecretString)> {
        let (Some(base), Some(secrets)) = (&self.links.base, self.callback_secrets.get(gateway)) else {
            return Vec::new();
        };
        secrets.iter().map(|secret| (CallbackAddress::new(base, gateway, secret), secret)).collect()
    }

    /// The mistake that keeps the daemon from serving visitors, if there is one: links are https, so a front server
    /// ends TLS, and no header is configured that names the client. All visitors would then share the front server's
    /// address, and no rate limit per client would work.
    #[must_use]
    pub fn unknown_clients(&self) -> Option<Mistake> {
        let is_public = |merchant: &Merchant| merchant.link_base.starts_with("https://");
        let is_told = self.http.client_header.is_some() || self.http.unlimited_clients;
        let text = "is missing: links are https, so visitors come by a front server, and all of them look like one \
            client; name the \
                    header in which it says for whom it asks, for example \"x-forwarded-for\", or write \
                    unlimited_clients = true if \
                    it limits them itself";
        let is_missing = !is_told && self.policy.merchants.values().any(is_public);
        is_missing.then(|| self.mistake("http.client_header", text.to_owned()))
    }

    /// A mistake that only showed later, at the key (or the section above it) that it is about: `gateways.mail` say.
    #[must_use]
    pub fn mistake(&self, key: &str, text: String) -> Mistake {
        let mut ancestor = key;
        let place = loop {
            if let Some(place) = self.places.get(ancestor) {
                break place.clone();
            }
            match ancestor.rfind(['.', '[']) {
                Some(end) => ancestor = &ancestor[..end],
                None => break Location::File { file: self.file.display().to_string() },
            }
        };
        Mistake { place, key: key.to_owned(), text }
    }
}

/// Hands the file on with the environment and the files of this process.
fn read_file<T>(file: &Path, load: impl FnOnce(&Inputs<'_>) -> Result<T, ConfigError>) -> Result<T, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { file: file.to_owned(), error };
    let text = read_text_file(file).map_err(unreadable)?;
    // Variables that are not UTF-8 cannot be dueherald's; `vars` would panic on them.
    let text_only = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(text_only).collect();
    let read_file = |path: &Path| read_text_file(path);
    // A file that cannot be looked up cannot be read either, which is said elsewhere.
    let exposure = |path: &Path| private_file::exposure(path).ok().flatten();
    load(&Inputs { file, text: &text, environment: &environment, read_file: &read_file, exposure: &exposure })
}

/// The parsed sections, the location of each value, and the secrets that the config uses.
type Parts<T> = (T, BTreeMap<String, Location>, Vec<SecretUse>);

/// Parses the file, lays the environment over it, resolves what secrets it can, and reads sections with `read`. Only
/// mistakes that `counts` are errors. Gives the places of what was read as well.
fn read_with<T>(
    inputs: &Inputs<'_>,
    counts: &dyn Fn(&Mistake) -> bool,
    read: impl for<'a> FnOnce(&Reading<'_, 'a>, DeTable<'a>) -> Option<T>,
) -> Result<Parts<T>, ConfigError> {
    let mistaken = |mistakes| ConfigError::Mistakes(Mistakes::new(mistakes));
    let mut origin = Origin::new(inputs.file, inputs.text);
    let mut tree = origin.parse().map_err(mistaken)?;
    let mut mistakes = environment::overlay(&mut tree, &mut origin, inputs.environment);
    mistakes.extend(inline_secret::mistakes(&tree, &origin, inputs));
    let inline = inline_secret::find(&tree).into_iter();
    let kept_in = |span: &ByteRange| match origin.place(span) {
        Location::Variable { name } => SecretOrigin::Variable(name),
        Location::Line { .. } | Location::File { .. } => SecretOrigin::Inline,
    };
    let inline = inline.map(|secret| SecretUse { origin: kept_in(&secret.span), key: secret.key, since: None });
    let inline: Vec<_> = inline.collect();
    let mut resolver = Resolver::new(&mut origin, inputs);
    resolver.resolve(&mut tree);
    mistakes.extend(resolver.mistakes);
    let (spoiled, secrets) = (resolver.spoiled, inline.into_iter().chain(resolver.secrets).collect());
    let reading = Reading::new(&origin, mistakes, spoiled);
    let parts = read(&reading, tree);
    let (mut mistakes, places) = reading.finish();
    mistakes.retain(counts);
    match parts {
        Some(parts) if mistakes.is_empty() => Ok((parts, places, secrets)),
        _ => Err(mistaken(mistakes)),
    }
}

/// Reads every section, and compares them; `None` if there was a mistake.
fn read_sections<'a>(reading: &Reading<'_, 'a>, tree: DeTable<'a>, read_file: ReadFile<'_>) -> Option<Config> {
    let folder = reading.origin.folder();
    let mut root = Section::new(reading, String::new(), NOWHERE, tree);
    let encryption = encryption::read(&mut root);
    let database = database::read(root.section("database"), encryption, folder);
    let scans = schedule::read(root.section("schedule"));
    let zone = scans.as_ref().map(|(scans, _)| scans.schedule.zone());
    let sources = sources::read(&mut root, zone, folder);
    let calendars = calendars::read(&mut root, folder, read_file);
    let Merchants { merchants, terms, route_hosts, route_keys, link_hosts, own_gateways, webhooks } =
        merchants::read(&mut root, &calendars);
    let rules = rules::read(&mut root, &calendars);
    let gateways = gateways::read(&mut root, folder);
    let channels = channels::read(&mut root);
    let routes = routes::read(&mut root);
    let probes = probe::read(&mut root, zone);
    let http = http::read(root.section("http"));
    let api = api::read(root.section("api"), http.as_ref());
    let console = console::read(root.section("console"), http.as_ref(), api.as_ref());
    let links = links::read(root.section("links"));
    let templates = templates::read(root.section("templates"), folder);
    let dispatch = dispatch::read(root.section("dispatch"), database.as_ref(), folder);
    let notices = notices::read(root.section("notices"));
    let payments = payments::read(root.section("payments"));
    let log = log::read(root.section("log"));
    let caps = caps::read(&mut root);
    root.finish();
    coherence::check(
        reading,
        &coherence::Parts {
            merchants: &merchants,
            rules: &rules,
            gateways: &gateways.gateways,
            channels: &channels,
            own_gateways: &own_gateways,
            routes: &routes,
            route_hosts: &route_hosts,
            route_keys: &route_keys,
            sources: &sources,
            dispatch: dispatch.clone(),
            links: links.as_ref(),
            api: api.as_ref(),
            console: console.as_ref(),
            callback_secrets: &gateways.callback_secrets,
        },
    );
    let merchants = merchants.into_iter().map(|(id, merchant)| Some((id, merchant?))).collect::<Option<_>>()?;
    let (scans, rules_match) = scans?;
    let rules = rules.into_iter().map(|read| read.rule).collect::<Option<_>>()?;
    let lists = gateway_lists::whole(channels, own_gateways);
    let only_to = dispatch.as_ref().and_then(|dispatch| dispatch.only_to.clone());
    Some(Config {
        file: PathBuf::new(),
        database: database?,
        scans,
        sources: sources.into_iter().map(|read| read.source).collect::<Option<_>>()?,
        policy: Policy { merchants, rules, rules_match, terms, caps: caps?, only_to, gateways: lists? },
        gateways: gateways.gateways.into_iter().map(|(name, gateway)| Some((name, gateway?))).collect::<Option<_>>()?,
        rates: gateways.rates,
        prices: gateways.prices,
        callback_secrets: gateways.callback_secrets,
        banned_words: gateways.banned_words,
        test_recipients: gateways.test_recipients,
        expected: routes
            .iter()
            .filter_map(|read| Some((read.route.as_ref()?.key.clone(), read.expected.clone()?)))
            .collect(),
        routes: Routes(routes.into_iter().map(|read| read.route).collect::<Option<_>>()?),
        route_hosts,
        link_hosts,
        probes: probes?,
        route_keys,
        webhooks,
        http: http?,
        api: api?,
        console: console?,
        links: links?,
        templates: templates?,
        dispatch: dispatch?,
        notices: notices?,
        payments: payments?,
        log: log?,
        secrets: Vec::new(),
        places: BTreeMap::new(),
    })
}
