//! `[gateways.*]`: one account at one provider each. What a kind of gateway needs is its own business; here its
//! settings are only read, so that a mistake in them is shown with its line like any other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::reading::{Reading, Section};
use super::settings::deserialize;
use super::value::{Value, decimal, integer, text, time_zone, word};
use crate::domain::{Channel, Currency, GatewayName, MerchantId, Price, PriceUnit};
use crate::gateway::SettingsProblem;
use crate::gateway::capture::CaptureSettings;
use crate::gateway::sms::http::HttpSettings;
use crate::gateway::sms::{DltSettings, ReadAccount, VENDORS, VendorAccount, read_account};
use crate::gateway::smtp::SmtpSettings;
use crate::plan::{DailyQuota, RateLimit};
use crate::render::RegisteredTemplates;

/// One entry of `[gateways.*]`, by its `kind`.
#[derive(Debug, Clone)]
pub enum GatewayConfig {
    /// A mail relay.
    Smtp(Box<SmtpSettings>),
    /// An SMS provider or a company's own gateway with an HTTP interface.
    Http(Box<HttpSettings>),
    /// An account at an SMS vendor.
    Vendor {
        /// The word in `kind`.
        kind: &'static str,
        /// Its settings.
        account: Arc<dyn VendorAccount>,
    },
    /// Keeps messages and sends nothing.
    Capture(CaptureSettings),
}

impl GatewayConfig {
    /// The channel that it carries.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Smtp(_) => Channel::Email,
            Self::Http(_) | Self::Vendor { .. } => Channel::Sms,
            Self::Capture(settings) => settings.channel,
        }
    }

    /// The time-outs by which a call ends, each with its key.
    pub(super) fn timeouts(&self) -> Vec<(&'static str, Duration)> {
        match self {
            Self::Smtp(settings) => {
                vec![("connect_timeout", settings.connect_timeout), ("command_timeout", settings.command_timeout)]
            }
            Self::Http(settings) => vec![("timeout", settings.timeout)],
            Self::Vendor { account, .. } => vec![("timeout", account.timeout())],
            Self::Capture(_) => Vec::new(),
        }
    }

    /// The templates that its provider has approved, where it takes no free text.
    #[must_use]
    pub fn registered(&self) -> Option<RegisteredTemplates> {
        match self {
            Self::Vendor { account, .. } => account.registered(),
            Self::Http(settings) => settings.dlt.as_ref().map(DltSettings::registered),
            Self::Smtp(_) | Self::Capture(_) => None,
        }
    }

    /// Below which key of its section those templates are.
    #[must_use]
    pub fn templates_key(&self) -> &'static str {
        if matches!(self, Self::Http(_)) { "dlt.templates" } else { "templates" }
    }

    /// The merchants that are registered for themselves with India's operators.
    pub(super) fn dlt_entities(&self) -> Vec<&MerchantId> {
        match self {
            Self::Http(settings) => settings.dlt.iter().flat_map(DltSettings::entities).collect(),
            _ => Vec::new(),
        }
    }

    /// The merchants that have a sender of their own.
    pub(super) fn senders(&self) -> Vec<&MerchantId> {
        match self {
            Self::Smtp(settings) => settings.senders.keys().collect(),
            Self::Http(settings) => settings.senders.keys().collect(),
            Self::Vendor { account, .. } => account.senders(),
            Self::Capture(_) => Vec::new(),
        }
    }

    /// The word in `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Http(_) => "http",
            Self::Vendor { kind, .. } => kind,
            Self::Capture(_) => "capture",
        }
    }
}

#[derive(Clone, Copy)]
enum GatewayKind {
    Smtp,
    Http,
    Vendor(&'static str),
    Capture,
}

/// Reads the section of an account.
struct AccountSection<'r, 'o, 'a>(Section<'r, 'o, 'a>);

impl ReadAccount for AccountSection<'_, '_, '_> {
    fn read<A: VendorAccount + DeserializeOwned + 'static>(self) -> Option<Arc<dyn VendorAccount>> {
        Some(Arc::new(deserialize::<A>(self.0)?))
    }
}

/// The gateways that were read.
#[derive(Default)]
pub(super) struct ReadGateways {
    /// Each by its name; `None` for one with a mistake.
    pub(super) gateways: BTreeMap<GatewayName, Option<GatewayConfig>>,
    /// The rates of those that name one.
    pub(super) rates: BTreeMap<GatewayName, RateLimit>,
    /// The prices of those that name one.
    pub(super) prices: BTreeMap<GatewayName, Price>,
    /// The secrets in the callback addresses of gateways that have them.
    pub(super) callback_secrets: BTreeMap<GatewayName, Vec<SecretString>>,
    /// The words that those refuse that name any.
    pub(super) banned_words: BTreeMap<GatewayName, Vec<String>>,
    /// To whom test messages may go by those that name any.
    pub(super) test_recipients: BTreeMap<GatewayName, Vec<String>>,
}

/// Reads `[gateways.*]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, folder: &Path) -> ReadGateways {
    let mut read = ReadGateways::default();
    for (name, mut section) in root.named("gateways") {
        match GatewayName::new(&name) {
            Ok(name) => {
                read.rates.extend(rate(&mut section).map(|rate| (name.clone(), rate)));
                let secret = section.one_or_more("callback_secret", callback_secret).flatten();
                read.callback_secrets.extend(secret.map(|secret| (name.clone(), secret)));
                let words = section.list("banned_words", text).flatten();
                read.banned_words.extend(words.map(|words| (name.clone(), words)));
                let recipients = section.list("test_recipients", text).flatten();
                read.test_recipients.extend(recipients.map(|recipients| (name.clone(), recipients)));
                let (price, price_key) = (price(&mut section), section.key("price"));
                let (reading, gateway) = (section.reading, gateway(section, folder));
                if let (Some(price), Some(gateway)) = (price, &gateway)
                    && (price.per, gateway.channel()) == (PriceUnit::Segment, Channel::Email)
                {
                    reading.note_at(&price_key, "an e-mail has no segments; write per_message");
                }
                read.prices.extend(price.map(|price| (name.clone(), price)));
                read.gateways.insert(name, gateway);
            }
            Err(problem) => {
                section.reading.note(&section.span, section.path, format!("the name {problem}; choose another"))
            }
        }
    }
    read
}

/// `rate = { per_second = 50, burst = 10, per_day = 100000 }`, which any kind of gateway may have. The day is that of
/// `time_zone`, UTC by default: 10DLC's caps end at midnight of `America/Los_Angeles`.
fn rate(section: &mut Section<'_, '_, '_>) -> Option<RateLimit> {
    let mut rate = section.optional_section("rate")??;
    let per_second = rate.required("per_second", "50", |value| integer(value, 1..=100_000));
    let burst = rate.or("burst", 1, |value| integer(value, 1..=100_000));
    let per_day = rate.optional("per_day", |value| integer(value, 1..=u32::MAX));
    let zone = rate.optional("time_zone", time_zone);
    if let (Some(None), Some(Some(_))) = (per_day, zone) {
        rate.reading.note_at(&rate.key("time_zone"), "says when a day begins; write per_day as well, or leave it out");
    }
    rate.finish();
    let zone = zone?.unwrap_or(Tz::UTC);
    let per_day = per_day?.map(|most| DailyQuota { most, zone });
    Some(RateLimit { per_second: per_second?, burst: burst?, per_day })
}

/// `price = { per_segment = "0.045", currency = "CNY" }`, or `per_message`, which any kind of gateway may have.
fn price(section: &mut Section<'_, '_, '_>) -> Option<Price> {
    let mut price = section.optional_section("price")??;
    let amount = |value: &Value<'_>| {
        let amount = decimal(value)?;
        if amount < MOST { Ok(amount) } else { Err(format!("is a million or more; write a price below {MOST}")) }
    };
    let per_segment = price.optional("per_segment", amount);
    let per_message = price.optional("per_message", amount);
    let currency = price.required("currency", r#""CNY""#, |value| {
        Currency::new(&text(value)?).map_err(|error| format!("{} {error}", value.shown()))
    });
    let (reading, key) = (price.reading, price.path.clone());
    price.finish();
    let (amount, per) = match (per_segment?, per_message?) {
        (Some(amount), None) => (amount, PriceUnit::Segment),
        (None, Some(amount)) => (amount, PriceUnit::Message),
        (Some(_), Some(_)) => {
            reading.note_at(&key, "has both per_segment and per_message; write one of them");
            return None;
        }
        (None, None) => {
            reading.note_at(&key, r#"names no price; write for example per_segment = "0.045""#);
            return None;
        }
    };
    Some(Price { amount, per, currency: currency? })
}

/// The least length of a callback secret, in characters.
const LEAST_SECRET: usize = 24;

/// `callback_secret`, which any kind of gateway may have. It is part of an address, so it consists of characters that
/// need no encoding there.
fn callback_secret(value: &Value<'_>) -> Result<SecretString, String> {
    const ADVICE: &str = "make one with `openssl rand -hex 24`";
    let secret = text(value)?;
    if secret.len() < LEAST_SECRET {
        return Err(format!("is shorter than {LEAST_SECRET} characters; {ADVICE}"));
    }
    if !secret.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(format!("holds other characters than letters, digits, - and _; {ADVICE}"));
    }
    Ok(secret.into())
}

/// The exclusive upper limit of a price per message. It keeps sums over many millions of messages within the range of
/// [`Decimal`].
const MOST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// Notes each at its key; whether there are any.
fn note_problems(reading: &Reading<'_, '_>, gateway: &str, problems: Vec<SettingsProblem>) -> bool {
    let any = !problems.is_empty();
    for SettingsProblem { key, text } in problems {
        reading.note_at(&format!("{gateway}.{key}"), text);
    }
    any
}

fn gateway(mut section: Section<'_, '_, '_>, folder: &Path) -> Option<GatewayConfig> {
    let vendors = VENDORS.map(|word| (word, GatewayKind::Vendor(word)));
    let kinds: Vec<_> = [("smtp", GatewayKind::Smtp), ("http", GatewayKind::Http)]
        .into_iter()
        .chain(vendors)
        .chain([("capture", GatewayKind::Capture)])
        .collect();
    let Some(kind) = section.required("kind", r#""capture""#, |value| word(value, &kinds)) else {
        section.give_up();
        return None;
    };
    Some(match kind {
        GatewayKind::Smtp => {
            let (reading, key) = (section.reading, section.path.clone());
            let mut settings: SmtpSettings = deserialize(section)?;
            if note_problems(reading, &key, settings.problems()) {
                return None;
            }
            if let Some(bounces) = &mut settings.bounces {
                bounces.maildir = folder.join(&bounces.maildir);
            }
            GatewayConfig::Smtp(Box::new(settings))
        }
        GatewayKind::Http => {
            let (reading, key) = (section.reading, section.path.clone());
            let settings: HttpSettings = deserialize(section)?;
            // A secret that is mistaken is one all the same.
            let is_called_back = reading.has(&format!("{key}.callback_secret"));
            if note_problems(reading, &key, settings.problems(is_called_back)) {
                return None;
            }
            GatewayConfig::Http(Box::new(settings))
        }
        GatewayKind::Vendor(kind) => {
            GatewayConfig::Vendor { kind, account: read_account(kind, AccountSection(section))? }
        }
        GatewayKind::Capture => {
            let mut settings: CaptureSettings = deserialize(section)?;
            settings.folder = settings.folder.map(|named| folder.join(named));
            GatewayConfig::Capture(settings)
        }
    })
}
