//! `dueherald check`: what the config means, and with `--online` whether its ends answer.

mod languages;
mod messages;
mod rules;
mod secrets;
mod senders;
mod source_list;
mod sources;

use std::io::{self, Write};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use reqwest::Url;
use secrecy::ExposeSecret;

use super::dispatch;
use super::gateway::pace;
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl, GatewayConfig};
use crate::domain::{GatewayName, Merchant, duration, is_shortened};
use crate::gateway::Gateway;
use crate::plan::{Clause, local_date, pack};
use crate::render::Renderer;
use crate::store::{Protection, RejectCounts, Store};

/// Reads the config and shows what it means, or every mistake in it with its line.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// Also connect to the database and the gateways. No message is sent.
    #[arg(long)]
    pub online: bool,
}

/// The command about instalments that vanished.
const ACCEPT: &str = "see `dueherald source accept --help`";

/// How far apart the clocks of the database and of the machine may be.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);

/// An endpoint that `--online` asks whether it is ready.
pub struct CheckedEndpoint<'a> {
    name: String,
    /// The endpoint's description of itself, or the reason why it cannot be used.
    answer: BoxFuture<'a, Result<String, String>>,
}

impl<'a> CheckedEndpoint<'a> {
    /// An endpoint that is `ready`, or not ready for the reason in the error.
    pub fn new(name: impl Into<String>, answer: impl Future<Output = Result<(), String>> + Send + 'a) -> Self {
        Self { name: name.into(), answer: Box::pin(async { answer.await.map(|()| "ready".to_owned()) }) }
    }

    /// Records that could not be applied: what they hold waits for a person, but nothing is broken.
    #[must_use]
    pub fn rejects(store: &'a dyn Store) -> Self {
        let answer = async {
            let counts = store.reject_counts().await.map_err(|error| error.to_string())?;
            Ok(match counts {
                RejectCounts { faulty: 0, vanished: 0, waiting: 0, unreadable: 0 } => "none".to_owned(),
                RejectCounts { faulty, vanished, waiting, unreadable } => {
                    let vanished = match vanished {
                        0 => String::new(),
                        some => format!("; {some} vanished from their source and hold theirs, {ACCEPT}"),
                    };
                    format!(
                        "{faulty} hold reminders, {waiting} payments wait for their instalment, {unreadable} cannot be \
                         read and hold nothing; see `dueherald rejects list`{vanished}"
                    )
                }
            })
        };
        Self { name: "rejected records".to_owned(), answer: Box::pin(answer) }
    }

    /// Reminders that wait for a person, as far more were planned than usual.
    #[must_use]
    pub fn volume(store: &'a dyn Store) -> Self {
        Self::new("volume", async {
            let holds = store.holds().await.map_err(|error| error.to_string())?;
            let mut days: Vec<_> = holds.iter().filter_map(|(cause, _)| cause.day_of_volume()).collect();
            days.dedup();
            let said = days.iter().map(|(merchant, day)| {
                format!(
                    "reminders of {merchant} planned on {day} are held, as they are far more than usual; see: \
                    dueherald reminders approve --help"
                )
            });
            let said: Vec<_> = said.collect();
            if said.is_empty() { Ok(()) } else { Err(said.join("; ")) }
        })
    }

    /// Ledger and outbox.
    #[must_use]
    pub fn database(store: &'a dyn Store) -> Self {
        Self::new("database", async {
            store.ready().await.map_err(|error| error.to_string())?;
            match dispatch::disarmed(store).await {
                Ok(None) => Ok(()),
                Ok(Some(reason)) => Err(reason),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// The durability that the database does not guarantee; reported as a warning, not as a failure.
    pub fn durability(store: &'a dyn Store, clock: Arc<dyn Clock>) -> Self {
        let answer = async move {
            let asked_at = clock.now();
            let state = store.database_state(None).await.map_err(|error| error.to_string())?;
            let mut warnings = Vec::new();
            if state.has_synchronous_standby == Some(false) {
                warnings.push(
                    "no standby is synchronous: what was sent in the last moments is forgotten when the server is \
                     lost, and has to be \
                     looked up (synchronous_standby_names)"
                        .to_owned(),
                );
            }
            if state.waits_for_disk == Some(false) {
                warnings.push(
                    "synchronous_commit is off by default; dueherald's own sessions wait for the disk".to_owned(),
                );
            }
            let apart = (state.now - asked_at).abs();
            if apart > CLOCKS_APART {
                warnings.push(format!(
                    "the clocks of the database and of this machine are {} seconds apart; let both follow the same \
                     time server",
                    apart.num_seconds()
                ));
            }
            Ok(if warnings.is_empty() { "as it should be".to_owned() } else { warnings.join("; ") })
        };
        Self { name: "durability".to_owned(), answer: Box::pin(answer) }
    }

    /// How personal data is kept, and how many borrowers have nothing that their page can ask for.
    #[must_use]
    pub fn protection(store: &'a dyn Store) -> Self {
        let answer = async {
            let kept = store.protection().await.map_err(|error| error.to_string())?;
            let encryption = shown_encryption(&kept);
            let verifiers = match (kept.without_verifier, kept.borrowers) {
                (0, _) => String::new(),
                (without, all) => format!(
                    "; {without} of {all} borrowers have no verifier: their pages ask for digits of another phone \
                     number, or show no bill"
                ),
            };
            Ok(encryption + &verifiers)
        };
        Self { name: "personal data".to_owned(), answer: Box::pin(answer) }
    }

    /// A gateway.
    #[must_use]
    pub fn gateway(gateway: &'a dyn Gateway) -> Self {
        Self::new(gateway.name().as_str(), async { gateway.check().await.map_err(|error| error.to_string()) })
    }
}

/// How a check of a config without mistakes ended. (One with mistakes does not get here: exit code 2.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// Everything that was asked answered: exit code 0.
    Well,
    /// Something did not: exit code 1.
    Unwell,
}

impl CheckResult {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Unwell => 1,
        }
    }
}

/// Shows on `out` what the config means at `now`, and what its templates leave out, and asks the ends, if any are
/// given.
///
/// # Errors
/// When `out` cannot be written.
pub async fn run(
    config: &Config,
    renderer: Option<&Renderer>,
    now: DateTime<Utc>,
    ends: Option<Vec<CheckedEndpoint<'_>>>,
    out: &mut (dyn Write + Send),
) -> io::Result<CheckResult> {
    writeln!(out, "{} has no mistakes.", config.file.display())?;
    show_database(config, out)?;
    source_list::show(config, out)?;
    show_scans(config, now, out)?;
    show_merchants(config, renderer, now, out)?;
    rules::show(config, out)?;
    show_gateways(config, out)?;
    secrets::show(config, now, out)?;
    let mut remarks = remarks(config, now);
    remarks.extend(renderer.iter().flat_map(|renderer| languages::missing(config, &renderer.templates())));
    remarks.extend(renderer.iter().flat_map(|renderer| messages::missing(config, renderer)));
    show_remarks(&remarks, out)?;
    match ends {
        Some(ends) => ask(ends, out).await,
        None => Ok(CheckResult::Well),
    }
}

/// In what form personal data is kept, in one line.
pub(super) fn shown_encryption(kept: &Protection) -> String {
    let message_keys = if kept.message_keys_to_renew > 0 { " and keys of messages" } else { "" };
    match (kept.is_encrypted, kept.borrowers, kept.under_older_keys + kept.message_keys_to_renew) {
        (false, 0, _) => "not encrypted, and there is none yet".to_owned(),
        (false, plain, _) => format!(
            "not encrypted: phone numbers, e-mail addresses and names of {plain} borrowers, suppressed addresses, \
             answers and \
             rejected records are in clear text"
        ),
        (true, _, 0) => "encrypted".to_owned(),
        (true, ..) => format!(
            "encrypted, {} borrowers{message_keys} with older keys, which must stay until a daemon has renewed them",
            kept.under_older_keys
        ),
    }
}

fn show_database(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let place = match &config.database.url {
        DatabaseUrl::Sqlite { file } => format!("SQLite in {}", file.display()),
        DatabaseUrl::Postgres { url } => {
            let (all, public) = (config.database.max_connections, config.database.public_connections());
            let place = without_secrets(url.expose_secret());
            format!("PostgreSQL {place}, at most {all} connections, {public} of them for pages, callbacks and the API")
        }
    };
    writeln!(out, "\nDatabase\n  {place}")?;
    match &config.database.encryption {
        Some(encryption) => {
            let ids: Vec<_> = encryption.keys.iter().map(|key| key.id.to_string()).collect();
            writeln!(out, "  personal data is encrypted with key {}; keys that decrypt: {}", ids[0], ids.join(", "))
        }
        None => writeln!(out, "  personal data is not encrypted"),
    }
}

/// Host and database: user, password and options stay out.
fn without_secrets(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "at an address of its own form".into() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("at {}{port}{}", url.host_str().unwrap_or("this machine"), url.path())
}

fn show_scans(config: &Config, now: DateTime<Utc>, out: &mut dyn Write) -> io::Result<()> {
    let schedule = &config.scans.schedule;
    let zone = schedule.zone();
    writeln!(out, "\nScans\n  {} in {zone}, {} ahead", schedule.expression(), duration::format(config.scans.horizon))?;
    writeln!(out, "  full check: {}", config.scans.full_check.expression())?;
    if let Some(day) = config.scans.start_from {
        writeln!(out, "  nothing from before {day}")?;
    }
    for scan in scans(config, now).take(3) {
        writeln!(out, "  next: {}", scan.with_timezone(&zone).format("%F %T %:z"))?;
    }
    Ok(())
}

fn scans(config: &Config, now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let schedule = &config.scans.schedule;
    std::iter::successors(schedule.next_after(now), |scan| schedule.next_after(*scan))
}

fn show_merchants(
    config: &Config,
    renderer: Option<&Renderer>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "\nMerchants")?;
    for merchant in config.policy.merchants.values() {
        let today = local_date(merchant.time_zone, now);
        let hours = config.policy.hours_of(merchant).on(today);
        writeln!(
            out,
            "  {}: {}, {}, {}, contact {}–{} ({}){}",
            merchant.id,
            merchant.name,
            merchant.locale,
            merchant.time_zone,
            hours.from().format("%H:%M"),
            hours.to().format("%H:%M"),
            merchant.jurisdiction,
            if merchant.stopped { ", stopped" } else { "" },
        )?;
        show_clauses(config, merchant, today, out)?;
        if let Some(renderer) = renderer {
            messages::show(config, renderer, merchant, out)?;
        }
        for route in config.routes.0.iter().filter(|route| route.merchant == merchant.id) {
            let url = route.kind.url().unwrap_or("customer service");
            let closed = if route.closed { ", closed" } else { "" };
            let product = route.product.as_ref().map(|product| format!(", for {product}")).unwrap_or_default();
            writeln!(out, "    route {}: {url}{product}{closed}", route.key)?;
        }
    }
    Ok(())
}

/// Prints the clauses of the merchant's jurisdiction with their sources.
fn show_clauses(config: &Config, merchant: &Merchant, today: NaiveDate, out: &mut dyn Write) -> io::Result<()> {
    let pack = pack(merchant.jurisdiction);
    if config.policy.hours_of(merchant) != pack.contact_hours {
        writeln!(out, "    its own hours; {} has {}", merchant.jurisdiction, pack.contact_hours)?;
    }
    for clause in &pack.clauses {
        let Clause { rule, citation, source, .. } = clause;
        writeln!(out, "    {}: {rule} ({citation}; {}) {source}", clause.kind(), clause.state_in_words(today))?;
    }
    Ok(())
}

fn show_gateways(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nGateways")?;
    let lists = &config.policy.gateways;
    for channel in lists.channels() {
        if !lists.shared(channel).is_empty() {
            writeln!(out, "  {channel}: {}", gateways_in_words(config, lists.shared(channel)))?;
        }
        for (merchant, list) in lists.own(channel) {
            writeln!(out, "  {channel} of {merchant}: {}", gateways_in_words(config, list.gateways))?;
        }
    }
    for (name, rate) in &config.rates {
        writeln!(out, "  {name}: {}, by all machines together", pace(rate))?;
    }
    Ok(())
}

fn gateways_in_words(config: &Config, names: &[GatewayName]) -> String {
    let shown = names.iter().map(|name| match config.gateways.get(name) {
        Some(gateway) => format!("{name} ({})", gateway.kind()),
        None => name.to_string(),
    });
    let order = if names.len() > 1 { "; the next takes over what one refuses as a whole or cannot take" } else { "" };
    shown.collect::<Vec<_>>().join(", or else ") + order
}

fn show_remarks(remarks: &[String], out: &mut dyn Write) -> io::Result<()> {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nPlease note")?;
    remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))
}

/// About an address of a public shortener.
const SHORTENED: &str =
    "is of a public link shortener: anybody can make such links, so filters stop them and borrowers do not trust them";

/// Settings that are valid, but perhaps not intended.
fn remarks(config: &Config, now: DateTime<Utc>) -> Vec<String> {
    let mut remarks = Vec::new();
    for merchant in config.policy.merchants.values() {
        if merchant.link_base.starts_with("http://") {
            let id = &merchant.id;
            remarks.push(format!(
                "merchants.{id}.link_base is on this machine: borrowers cannot open links that begin so"
            ));
        }
        if is_shortened(&merchant.link_base) {
            remarks.push(format!("merchants.{}.link_base {SHORTENED}", merchant.id));
        }
        if merchant.stopped {
            let id = &merchant.id;
            remarks.push(format!("merchants.{id} is stopped: its reminders are skipped, not kept for later"));
        }
    }
    if config.database.encryption.is_none() {
        let text = "[encryption] has no keys: the database holds phone numbers, e-mail addresses and names as plain \
            text, and keeps no verifiers; to encrypt it, add the section as `dueherald init` writes it, and run \
            `dueherald migrate`";
        remarks.push(text.to_owned());
    }
    for route in config.routes.0.iter().filter(|route| route.kind.url().is_some_and(is_shortened)) {
        remarks.push(format!("routes.{}.url {SHORTENED}", route.key));
    }
    if let Some(mistake) = config.unknown_clients() {
        remarks.push(format!("`dueherald run` serves no pages: {mistake}"));
    }
    remarks.extend(super::template::misfits(config));
    remarks.extend(senders::remarks(config));
    remarks.extend(rules::remarks(config, now));
    let lists = &config.policy.gateways;
    let used = |name| lists.channels().any(|channel| lists.gateways(channel).contains(&name));
    for (name, gateway) in &config.gateways {
        match gateway {
            _ if !used(name) => remarks
                .push(format!("gateways.{name} is named by no channel and no merchant, so nothing is sent by it")),
            GatewayConfig::Capture(_) => remarks.push(format!("gateways.{name} keeps messages and sends nothing")),
            _ => {}
        }
    }
    remarks.extend(scans_too_far_apart(config, now));
    remarks
}

fn scans_too_far_apart(config: &Config, now: DateTime<Utc>) -> Option<String> {
    const LOOKED_AT: usize = 100;
    let horizon = TimeDelta::from_std(config.scans.horizon).ok()?;
    let scans: Vec<_> = scans(config, now).take(LOOKED_AT).collect();
    let zone = config.scans.schedule.zone();
    let (from, to) = scans.windows(2).map(|pair| (pair[0], pair[1])).find(|(from, to)| *to - from > horizon)?;
    Some(format!(
        "there is no scan from {} to {}, longer than the horizon of {}: what falls due in between is planned late",
        from.with_timezone(&zone).format("%F %R"),
        to.with_timezone(&zone).format("%F %R %:z"),
        duration::format(config.scans.horizon)
    ))
}

async fn ask(ends: Vec<CheckedEndpoint<'_>>, out: &mut (dyn Write + Send)) -> io::Result<CheckResult> {
    writeln!(out, "\nOnline")?;
    let mut checked = CheckResult::Well;
    for CheckedEndpoint { name, answer } in ends {
        match answer.await {
            Ok(says) => writeln!(out, "  {name}: {says}")?,
            Err(problem) => {
                checked = CheckResult::Unwell;
                writeln!(out, "  {name}: {problem}")?;
            }
        }
    }
    Ok(checked)
}
