//! `dueherald route`: the ways to repay, as the config has them and as they were changed since; changes hold at once,
//! everywhere.

mod funnel;
mod probe;
mod way;

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use self::way::{ContactArgs, GuideArgs, kind, tells};
use super::merchant::{self, refuse_typo};
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{AppGuide, GatewayName, LinkMode, MerchantId, Route, RouteKey, RouteKind, RouteVersion, Routes};
use crate::pipeline::{AuditNote, Reach, Recall, RouteSnapshot, reach};

/// Look at the ways to repay, and change them.
#[derive(Debug, Args)]
pub(super) struct RouteArgs {
    #[command(subcommand)]
    command: RouteCommand,
}

#[derive(Debug, Subcommand)]
enum RouteCommand {
    /// List the routes as they are now
    List {
        /// Only those of this merchant
        #[arg(long)]
        merchant: Option<MerchantId>,
        #[command(flatten)]
        format: ListFormat,
    },
    /// Show what was made of a route: who, when and why
    Show {
        /// The route
        key: RouteKey,
        #[command(flatten)]
        format: ListFormat,
    },
    /// Look at a route now as a borrower's browser would, or at all in use; changes nothing
    Probe {
        /// Only this route
        key: Option<RouteKey>,
        #[command(flatten)]
        format: ListFormat,
    },
    /// Count messages sent, delivered, clicked and paid, by route, step and channel
    Funnel(funnel::FunnelArgs),
    /// Create or change a route, and open it
    Set(Box<SetArgs>),
    /// Close a route: new messages and pages stop using it
    Close {
        /// The route
        key: RouteKey,
        /// Route to use instead
        #[arg(long, value_name = "OTHER")]
        replace_by: Option<RouteKey>,
        #[command(flatten)]
        signed: AuditArgs,
    },
    /// Close a route and use another instead
    Replace {
        /// The route
        key: RouteKey,
        /// Route to use instead
        #[arg(long, value_name = "OTHER")]
        by: RouteKey,
        #[command(flatten)]
        signed: AuditArgs,
    },
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The route
    key: RouteKey,
    /// Target URL; may contain {installment}, {order}, {amount}, {currency}, {signature} after the host [default:
    /// unchanged]
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    guide: GuideArgs,
    #[command(flatten)]
    contact: ContactArgs,
    /// Kind of route [default: unchanged]
    #[arg(long, value_enum)]
    kind: Option<RouteKindArg>,
    /// Owning merchant (required for a new route)
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only for instalments of this product [default: unchanged]
    #[arg(long)]
    product: Option<String>,
    /// Valid from (RFC 3339, for example 2026-12-01T00:00:00+08:00) [default: now]
    #[arg(long, value_name = "TIME")]
    valid_from: Option<DateTime<Utc>>,
    /// Valid until [default: no end]
    #[arg(long, value_name = "TIME")]
    valid_until: Option<DateTime<Utc>>,
    #[command(flatten)]
    signed: AuditArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RouteKindArg {
    Web,
    App,
    Support,
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
}

/// Runs it.
pub(super) async fn run(args: RouteArgs, app: &App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let now = app.clock.now();
    let seen = app.composer.routes.now(&*app.store, &*app.clock).await?;
    let routes = seen.routes();
    let (changed, signed) = match args.command {
        RouteCommand::List { merchant, format } => {
            let wanted = |route: &&Route| merchant.as_ref().is_none_or(|merchant| route.merchant == *merchant);
            let rows: Vec<_> = routes.0.iter().filter(wanted).map(|route| RouteRow::of(route, &seen, now)).collect();
            refuse_typo(&app.policy.merchants, merchant.as_ref(), rows.is_empty())?;
            table::print(out, format, &format.times(&app.policy.merchants), &rows)?;
            return Ok(Exit::Done);
        }
        RouteCommand::Show { key, format } => {
            show(&key, &seen, app, format, out).await?;
            return Ok(Exit::Done);
        }
        RouteCommand::Probe { key, format } => return probe::run(key.as_ref(), app, format, out).await,
        RouteCommand::Funnel(args) => return funnel::run(&args, app, out).await,
        RouteCommand::Set(args) => (set(&args, routes, app)?, args.signed),
        RouteCommand::Close { key, replace_by, signed } => (close(&key, replace_by, routes, now)?, signed),
        RouteCommand::Replace { key, by, signed } => (close(&key, Some(by), routes, now)?, signed),
    };
    let AuditNote { actor, reason } =
        AuditNote::new(&signed.actor, &signed.reason).map_err(|error| CliError::Use(error.to_string()))?;
    let version = RouteVersion { route: changed, at: now, actor, reason };
    app.store.add_route_version(&version).await?;
    let routes = routes.overlaid([version.route.clone()]);
    tell(&version.route, &routes, now, out)?;
    if version.route.closed {
        print_reach(&version.route, &routes, app, out).await?;
    }
    Ok(Exit::Done)
}

async fn show(
    key: &RouteKey,
    seen: &RouteSnapshot,
    app: &App,
    format: ListFormat,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let configured = app.composer.routes.configured().get(key).map(VersionRow::of_config);
    let versions = app.store.route_versions(Some(key)).await?;
    let mut rows: Vec<_> = configured.into_iter().chain(versions.iter().map(VersionRow::of)).collect();
    let Some(newest) = rows.last_mut() else {
        return Err(CliError::Failed(format!("there is no route {key}; `dueherald route list` lists them")));
    };
    newest.health = seen.routes().get(key).and_then(|route| RouteHealthJson::of(route, seen));
    Ok(table::print(out, format, &format.times(&app.policy.merchants), &rows)?)
}

fn set(args: &SetArgs, routes: &Routes, app: &App) -> Result<Route, CliError> {
    let known = routes.get(&args.key);
    let lacks = |what: &str| CliError::Use(format!("there is no route {} yet; say its {what}", args.key));
    let merchant = args.merchant.clone().or_else(|| known.map(|route| route.merchant.clone()));
    let merchant = merchant.ok_or_else(|| lacks("--merchant"))?;
    merchant::find(&app.policy.merchants, &merchant)?;
    if let Some(known) = known.filter(|known| known.merchant != merchant) {
        let text = format!("route {} is {}'s and stays so; choose another key", known.key, known.merchant);
        return Err(CliError::Use(text));
    }
    let kind = kind(args, known.map(|route| &route.kind), &lacks)?;
    may_lead_there(&kind, &merchant, app)?;
    if args.valid_from.zip(args.valid_until).is_some_and(|(from, until)| until <= from) {
        return Err(CliError::Use("--valid-until is not after --valid-from; it would never be open".to_owned()));
    }
    Ok(Route {
        key: args.key.clone(),
        merchant,
        product: args.product.clone().or_else(|| known.and_then(|route| route.product.clone())),
        kind,
        valid_from: args.valid_from,
        valid_until: args.valid_until,
        closed: false,
        replaced_by: None,
    })
}

fn may_lead_there(kind: &RouteKind, merchant: &MerchantId, app: &App) -> Result<(), CliError> {
    let hosts = app.config.route_hosts(merchant);
    hosts.check(kind).map_err(|refusal| CliError::Use(format!("--url {refusal}")))?;
    if kind.is_signed() && !app.config.route_keys.contains_key(merchant) {
        let text = format!("--url has {{signature}} in it; write route_key in [merchants.{merchant}] to sign with");
        return Err(CliError::Use(text));
    }
    if let RouteKind::App { guide: AppGuide { stores, .. }, .. } = kind {
        let refused = |refusal| CliError::Use(format!("--store {refusal}"));
        stores.iter().try_for_each(|store| hosts.check_store(store).map_err(refused))?;
    }
    Ok(())
}

fn close(key: &RouteKey, by: Option<RouteKey>, routes: &Routes, now: DateTime<Utc>) -> Result<Route, CliError> {
    let found = |key: &RouteKey| {
        let none = || CliError::Use(format!("there is no route {key}; `dueherald route list` lists them"));
        routes.get(key).ok_or_else(none)
    };
    let route = found(key)?;
    if let Some(by) = &by {
        let other = found(by)?;
        if other.merchant != route.merchant {
            return Err(CliError::Use(format!("route {by} is another merchant's: {}", other.merchant)));
        }
        if routes.successors(other).any(|one| one.key == *key) {
            return Err(CliError::Use(format!("route {by} leads back to {key}; name one that does not")));
        }
        let opens = |one: &Route| !one.closed && one.valid_until.is_none_or(|until| until > now);
        if !routes.successors(other).any(opens) {
            return Err(CliError::Use(format!("route {by} is closed; open it first by `dueherald route set {by}`")));
        }
    }
    Ok(Route { closed: true, replaced_by: by, ..route.clone() })
}

fn tell(changed: &Route, routes: &Routes, now: DateTime<Utc>, out: &mut dyn Write) -> Result<(), CliError> {
    let Route { key, merchant, .. } = changed;
    let by = changed.replaced_by.as_ref().map(|by| format!(" and replaced by {by}")).unwrap_or_default();
    match status(changed, now) {
        Status::Closed => writeln!(out, "{key} is closed{by}; personal links follow within seconds")?,
        _ => match changed.kind.url() {
            Some(url) => writeln!(out, "{key} leads to {url}; personal links follow within seconds")?,
            None => writeln!(out, "{key} leads to customer service; personal links follow within seconds")?,
        },
    }
    let serves_all = |route: &&Route| route.merchant == *merchant && route.product.is_none();
    let leads = |route| routes.in_place_of(route, now).is_some_and(|open| open.kind.url().is_some());
    if !routes.0.iter().filter(serves_all).any(leads) {
        writeln!(
            out,
            "{merchant} has no open route for every product now: its messages wait for one until they expire, and its \
             pages offer the app by name and customer service only"
        )?;
    }
    Ok(())
}

/// Says who holds a message that leads to a route that is closed now, and how to correct what cannot follow.
async fn print_reach(closed: &Route, routes: &Routes, app: &App, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let Some(recall) = Recall::of(&closed.key, routes, link_modes(app)) else { return Ok(()) };
    let reach = reach(&*app.store, &recall, app.clock.now()).await?;
    if reach.is_empty() {
        writeln!(out, "no unpaid borrower holds a message that leads there")?;
        return Ok(());
    }
    let rows: Vec<_> = reach.iter().map(ReachRow::of).collect();
    writeln!(out, "unpaid borrowers who hold a message that leads there:")?;
    table::print(out, ListFormat::TABLE, &ListFormat::TABLE.times(&app.policy.merchants), &rows)?;
    if reach.iter().any(|one| one.link == LinkMode::Fixed) {
        let key = &closed.key;
        writeln!(
            out,
            "fixed links cannot follow; to correct them: dueherald notice create NAME --affected-by-route {key} \
             --template \
             entry-moved --actor WHO --reason WHY --dry-run"
        )?;
    }
    Ok(())
}

/// The kind of link that each gateway lets through now.
pub(super) fn link_modes(app: &App) -> BTreeMap<GatewayName, LinkMode> {
    app.gateways.iter().map(|(name, gateway)| (name.clone(), gateway.link_mode())).collect()
}

/// A row of the table of affected borrowers.
#[derive(Debug, Serialize)]
struct ReachRow {
    channel: &'static str,
    link: LinkMode,
    borrowers: u64,
    then: &'static str,
}

impl ReachRow {
    fn of(reach: &Reach) -> Self {
        let then = match reach.link {
            LinkMode::Fixed => "need a correction",
            LinkMode::Personal => "none needed: the link follows",
            LinkMode::None => "none needed: no link, only the app and customer service",
        };
        Self { channel: reach.channel.as_str(), link: reach.link, borrowers: reach.borrowers, then }
    }
}

impl Row for ReachRow {
    const TITLES: &'static [&'static str] = &["CHANNEL", "LINK", "BORROWERS", "CORRECTION"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        let link = match self.link {
            LinkMode::Fixed => "fixed",
            LinkMode::Personal => "personal",
            LinkMode::None => "none",
        };
        vec![self.channel.to_owned(), link.to_owned(), self.borrowers.to_string(), self.then.to_owned()]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Early,
    Over,
    Closed,
}

fn status(route: &Route, now: DateTime<Utc>) -> Status {
    match () {
        () if route.is_open(now) => Status::Open,
        () if route.closed => Status::Closed,
        () if route.valid_from.is_some_and(|from| from > now) => Status::Early,
        () => Status::Over,
    }
}

/// The health of a route according to its probes.
#[derive(Debug, Serialize)]
struct RouteHealthJson {
    degraded: bool,
    since: DateTime<Utc>,
    probed_at: DateTime<Utc>,
    last_fault: Option<String>,
}

impl RouteHealthJson {
    fn of(route: &Route, seen: &RouteSnapshot) -> Option<Self> {
        let health = seen.health_of(route)?;
        Some(Self {
            degraded: health.degraded,
            since: health.since,
            probed_at: health.probed_at,
            last_fault: health.last_fault.clone(),
        })
    }

    fn cell(told: Option<&Self>, merchant: &str, times: &LocalTimes) -> String {
        match told {
            None => String::new(),
            Some(told) if !told.degraded => "well".to_owned(),
            Some(told) => {
                let fault = told.last_fault.as_deref().unwrap_or_default();
                format!("degraded since {}: {fault}", times.at(Some(merchant), told.since))
            }
        }
    }
}

/// A route as it is listed.
#[derive(Debug, Serialize)]
struct RouteRow {
    key: String,
    merchant: String,
    product: Option<String>,
    kind: &'static str,
    url: Option<String>,
    status: Status,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    replaced_by: Option<String>,
    health: Option<RouteHealthJson>,
}

impl RouteRow {
    fn of(route: &Route, seen: &RouteSnapshot, now: DateTime<Utc>) -> Self {
        Self {
            key: route.key.to_string(),
            merchant: route.merchant.to_string(),
            product: route.product.clone(),
            kind: route.kind.as_str(),
            url: route.kind.url().map(str::to_owned),
            status: status(route, now),
            valid_from: route.valid_from,
            valid_until: route.valid_until,
            replaced_by: route.replaced_by.as_ref().map(ToString::to_string),
            health: RouteHealthJson::of(route, seen),
        }
    }
}

impl Row for RouteRow {
    const TITLES: &'static [&'static str] =
        &["ROUTE", "MERCHANT", "PRODUCT", "KIND", "STATUS", "FROM", "UNTIL", "REPLACED BY", "PROBES", "URL"];
    const WIDE_ONLY: &'static [&'static str] = &["PRODUCT", "FROM", "UNTIL", "REPLACED BY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let status = match self.status {
            Status::Open => "open",
            Status::Early => "not yet",
            Status::Over => "no more",
            Status::Closed => "closed",
        };
        vec![
            self.key.clone(),
            self.merchant.clone(),
            self.product.clone().unwrap_or_else(|| "all".to_owned()),
            self.kind.to_owned(),
            status.to_owned(),
            times.maybe(Some(&self.merchant), self.valid_from),
            times.maybe(Some(&self.merchant), self.valid_until),
            self.replaced_by.clone().unwrap_or_default(),
            RouteHealthJson::cell(self.health.as_ref(), &self.merchant, times),
            self.url.clone().unwrap_or_default(),
        ]
    }
}

/// A version as it is shown; the config's has no time and nobody's name.
#[derive(Debug, Serialize)]
struct VersionRow {
    #[serde(skip)]
    merchant: String,
    at: Option<DateTime<Utc>>,
    actor: Option<String>,
    reason: Option<String>,
    closed: bool,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    replaced_by: Option<String>,
    url: Option<String>,
    /// Of the newest alone.
    health: Option<RouteHealthJson>,
    /// Stores, steps and whom to ask.
    tells: Vec<String>,
}

impl VersionRow {
    fn of_config(route: &Route) -> Self {
        Self {
            merchant: route.merchant.to_string(),
            at: None,
            actor: None,
            reason: None,
            closed: route.closed,
            valid_from: route.valid_from,
            valid_until: route.valid_until,
            replaced_by: route.replaced_by.as_ref().map(ToString::to_string),
            url: route.kind.url().map(str::to_owned),
            health: None,
            tells: tells(&route.kind),
        }
    }

    fn of(version: &RouteVersion) -> Self {
        let (actor, reason) = (Some(version.actor.clone()), Some(version.reason.clone()));
        Self { at: Some(version.at), actor, reason, ..Self::of_config(&version.route) }
    }
}

impl Row for VersionRow {
    const TITLES: &'static [&'static str] =
        &["SINCE", "BY", "WHY", "CLOSED", "FROM", "UNTIL", "REPLACED BY", "PROBES", "URL", "TELLS"];
    const WIDE_ONLY: &'static [&'static str] = &["FROM", "UNTIL", "REPLACED BY", "PROBES"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.at.map_or_else(|| "the config".to_owned(), |at| times.at(Some(&self.merchant), at)),
            self.actor.clone().unwrap_or_default(),
            self.reason.clone().unwrap_or_default(),
            if self.closed { "yes" } else { "no" }.to_owned(),
            times.maybe(Some(&self.merchant), self.valid_from),
            times.maybe(Some(&self.merchant), self.valid_until),
            self.replaced_by.clone().unwrap_or_default(),
            RouteHealthJson::cell(self.health.as_ref(), &self.merchant, times),
            self.url.clone().unwrap_or_default(),
            self.tells.join("; "),
        ]
    }
}
