//! Forecast: the coming days as the rules, the ledger and the config stand now, with the real planner and the real
//! decision.
//!
//! It is an upper bound. What will be paid until then is still counted, and everything is taken to arrive: what is due
//! now and not sent yet, resends, fallbacks to another channel and the failing of a gateway are left out. Stops by hand
//! count as lifted, and rejected records as mended. Caps and digests are kept within each borrower as the ledger knows
//! one, with what the rules would have sent in the days before, sent or not: where they have only just begun, a little
//! more will leave in the first days. Over merchants caps are not kept, so with `across_merchants` less will.

mod compare;
mod notes;
mod peaks;
mod play;
mod view;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

pub use compare::{Comparison, ReminderDifference, StepDifference, compare};
pub use notes::forecast_notes;
pub use peaks::{Busy, GatewayBacklog, Peaks};
pub use view::{ForecastView, plain};

use super::Composer;
use crate::domain::{
    Borrower, Channel, Currency, GatewayName, LinkMode, MerchantId, Message, Price, ReminderId, SkipReason,
};
use crate::plan::{Horizon, Policy, RateLimit, SendPlan, due_dates};
use crate::render::{RegisteredTemplates, registered_parts, segments};
use crate::store::{LedgerStore, StoreError};
use peaks::Flow;
use play::{ForecastOutcome, play};
use walk::{ForecastWalk, HELD};

/// A gateway that carries messages as long as all are healthy: the first of a list.
#[derive(Debug, Clone)]
pub struct ForecastGateway {
    /// The name of the gateway.
    pub gateway: GatewayName,
    /// The channel that it carries.
    pub channel: Channel,
    /// The kind of link that it permits, which makes an SMS longer or shorter.
    pub link_mode: LinkMode,
    /// The approved templates, where it takes no free text.
    pub registered: Option<RegisteredTemplates>,
    /// How fast it may be fed.
    pub rate: Option<RateLimit>,
    /// Its price.
    pub price: Option<Price>,
}

/// The time span of a forecast.
#[derive(Debug, Clone, Copy)]
pub struct ForecastSpan {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The end, excluded.
    pub until: DateTime<Utc>,
    /// The time zone whose days and hours are counted.
    pub zone: Tz,
    /// Nothing whose time lies before it is planned.
    pub start: DateTime<Utc>,
}

/// The inputs of a forecast.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// The ledger.
    pub store: &'a dyn LedgerStore,
    /// Merchants and rules.
    pub policy: &'a Policy,
    /// The composer of messages. Every SMS is rendered, so that its segments are counted and not guessed: 350
    /// thousand a second.
    pub composer: &'a Composer,
    /// By name, the gateways that are the first of somebody.
    pub outlets: &'a BTreeMap<GatewayName, ForecastGateway>,
    /// Only the messages of these.
    pub merchants: Option<&'a BTreeSet<MerchantId>>,
}

/// Messages with what they count on a bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// How many.
    pub messages: u64,
    /// The segments of those that are SMS.
    pub segments: u64,
}

/// Sums of money by currency.
pub type Costs = BTreeMap<&'static str, Decimal>;

/// Local date, hour, channel and gateway.
pub type HourKey = (NaiveDate, u32, Channel, Option<GatewayName>);

/// A forecast of messages.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The time span.
    pub span: ForecastSpan,
    /// By local date and hour (0 to 23), channel and gateway; only those with a message. An hour that comes twice
    /// counts as one.
    pub hours: BTreeMap<HourKey, Volume>,
    /// By local date and reason; only those with a reminder.
    pub skipped: BTreeMap<(NaiveDate, SkipReason), u64>,
    flows: BTreeMap<GatewayName, Flow>,
}

/// Plays the days of `span`.
///
/// # Errors
/// When the store fails.
pub async fn forecast(of: Outlook<'_>, span: ForecastSpan) -> Result<Forecast, StoreError> {
    let mut forecast = Forecast { span, hours: BTreeMap::new(), skipped: BTreeMap::new(), flows: BTreeMap::new() };
    let policy = of.policy;
    let Some(walk) = walk_of(of.store, &[policy], of.merchants, span) else { return Ok(forecast) };
    walk.run(&mut |prospects| {
        play(policy, 0, prospects, span.until, &mut |at, reminder, fate| {
            if at >= span.from {
                forecast.count(&of, at, reminder.key.channel, fate);
            }
        });
    })
    .await?;
    Ok(forecast)
}

/// The walk over the ledger for `policies`; `None` if none has a rule.
fn walk_of<'w>(
    store: &'w dyn LedgerStore,
    policies: &[&'w Policy],
    merchants: Option<&'w BTreeSet<MerchantId>>,
    span: ForecastSpan,
) -> Option<ForecastWalk<'w>> {
    let recent_contacts: Vec<_> = policies.iter().map(|policy| policy.recent_contacts()).collect();
    // Caps look back, so the days before are played as well.
    let back = recent_contacts
        .iter()
        .flatten()
        .map(|recent_contacts| recent_contacts.contacts_within)
        .max()
        .unwrap_or_default();
    let ahead =
        recent_contacts.iter().flatten().map(|recent_contacts| recent_contacts.days_ahead).max().unwrap_or_default();
    // A reminder that is planned for later keeps its place under a cap, so the walk includes the days that will be
    // planned by then.
    let further = policies.iter().map(|policy| policy.looks_ahead()).max().unwrap_or_default();
    let horizon = Horizon { now: span.from - back, until: span.until + further };
    let dates = policies.iter().filter_map(|policy| due_dates(policy, horizon)).map(|dates| dates.into_inner());
    let (first, last) = dates.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let last = last + TimeDelta::days(i64::from(ahead));
    Some(ForecastWalk {
        store,
        dates: first..=last,
        merchants,
        policies: policies.iter().map(|policy| (*policy, horizon)).collect(),
        together: recent_contacts.iter().any(Option::is_some),
        held: HELD,
        start: span.start,
    })
}

impl Forecast {
    fn count(&mut self, of: &Outlook<'_>, at: DateTime<Utc>, channel: Channel, fate: ForecastOutcome<'_>) {
        let local = at.with_timezone(&self.span.zone);
        let (to, what) = match fate {
            ForecastOutcome::Sent { to, what } => (to, what),
            ForecastOutcome::Skipped(reason) => {
                *self.skipped.entry((local.date_naive(), reason)).or_default() += 1;
                return;
            }
        };
        let outlet = of.policy.gateways.first(channel, &to.key.merchant).and_then(|name| of.outlets.get(name));
        let Some(segments) = segments_of(of, outlet, to, what) else {
            *self.skipped.entry((local.date_naive(), SkipReason::BadTemplate)).or_default() += 1;
            return;
        };
        self.hours
            .entry((local.date_naive(), local.hour(), channel, outlet.map(|outlet| outlet.gateway.clone())))
            .or_default()
            .add(Volume { messages: 1, segments });
        if let Some(outlet) = outlet {
            self.flows.entry(outlet.gateway.clone()).or_default().add(at, what.until);
        }
    }

    /// Every local date of the span.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> {
        let local = |at: DateTime<Utc>| at.with_timezone(&self.span.zone).date_naive();
        let last = local(self.span.until - TimeDelta::microseconds(1));
        local(self.span.from).iter_days().take_while(move |day| *day <= last)
    }

    /// The volume that leaves on a date, or in all, on a channel.
    #[must_use]
    pub fn volume(&self, day: Option<NaiveDate>, channel: Channel) -> Volume {
        self.sum(day, |(_, _, on, _)| *on == channel)
    }

    /// The volume that leaves on a date, or in all, through a gateway.
    #[must_use]
    pub fn volume_through(&self, day: Option<NaiveDate>, gateway: &GatewayName) -> Volume {
        self.sum(day, |(_, _, _, through)| through.as_ref() == Some(gateway))
    }

    fn sum(&self, day: Option<NaiveDate>, is_wanted: impl Fn(&HourKey) -> bool) -> Volume {
        let mut volume = Volume::default();
        let wanted = self.hours.iter().filter(|(key, _)| is_wanted(key) && day.is_none_or(|day| day == key.0));
        wanted.for_each(|(_, one)| volume.add(*one));
        volume
    }

    /// The number of reminders that are skipped on a date, or in all, by reason.
    #[must_use]
    pub fn skips(&self, day: Option<NaiveDate>) -> BTreeMap<SkipReason, u64> {
        let mut skips = BTreeMap::new();
        for ((_, reason), count) in self.skipped.iter().filter(|((date, _), _)| day.is_none_or(|day| day == *date)) {
            *skips.entry(*reason).or_default() += count;
        }
        skips
    }

    /// The costs of the messages of a date, or of all, at gateways that name a price.
    #[must_use]
    pub fn costs(&self, day: Option<NaiveDate>, outlets: &BTreeMap<GatewayName, ForecastGateway>) -> Costs {
        let mut costs = Costs::new();
        for (name, outlet) in outlets {
            let Some(price) = &outlet.price else { continue };
            let volume = self.volume_through(day, name);
            *costs.entry(Currency::code(price.currency)).or_default() += price.of(volume.messages, volume.segments);
        }
        costs
    }

    /// The busiest times of a gateway; `None` if nothing leaves there.
    #[must_use]
    pub fn peaks(&self, outlet: &ForecastGateway) -> Option<Peaks> {
        self.flows.get(&outlet.gateway)?.peaks(self.span.zone, outlet.rate)
    }
}

impl Volume {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.segments += other.segments;
    }
}

/// The segments of a message, 0 for e-mail; `None` if its template does not render.
fn segments_of(of: &Outlook<'_>, outlet: Option<&ForecastGateway>, to: &Borrower, what: &SendPlan) -> Option<u64> {
    let channel = what.to.channel();
    if channel != Channel::Sms {
        return Some(0);
    }
    let merchant = of.policy.merchants.get(&to.key.merchant)?;
    let mode = outlet.map(|outlet| outlet.link_mode).unwrap_or_default();
    let registered = outlet.and_then(|outlet| outlet.registered.as_ref());
    // Links of all reminders are of one length.
    match of.composer.compose(ReminderId(0), merchant, to, what, mode, registered).ok()?.message {
        Message::Sms(text) => u64::try_from(segments(&text.0).parts).ok(),
        Message::Registered(sms) => u64::try_from(registered_parts(&sms)).ok(),
        Message::Email(_) => Some(0),
    }
}
