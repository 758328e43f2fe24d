//! Messages by hour, with their receipts and their cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::domain::{ActivityCount, Currency, EventKind, GatewayName, MerchantId, Price, PriceUnit};
use crate::store::{FunnelStore, StoreError};

/// How many hours are counted, the present one among them.
const HOURS: i32 = 24;

/// The counts of the last hours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// Each hour, the oldest first.
    pub hours: Vec<HourActivity>,
    /// How many reminders were not sent, by the word of the reason.
    pub skips: BTreeMap<String, u64>,
    /// The messages of each gateway, and their cost if the config names a price.
    pub gateways: BTreeMap<GatewayName, GatewayActivity>,
}

/// The counts of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourActivity {
    /// The first instant of the hour.
    pub start: DateTime<Utc>,
    /// Messages that a gateway took over.
    pub sent: u64,
    /// Receipts of messages that arrived.
    pub delivered: u64,
    /// Messages that were refused for good, and receipts of messages that did not arrive.
    pub failed: u64,
    /// Attempts of which nobody knows whether they sent the message.
    pub unknown: u64,
}

/// Messages that a gateway took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayActivity {
    /// How many.
    pub messages: u64,
    /// The cost; `None` if the config names no price.
    pub cost: Option<MessageCost>,
}

/// The cost of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCost {
    /// The amount; it may be finer than the currency's smallest coin.
    pub amount: Decimal,
    /// The currency.
    pub currency: Currency,
    /// The provider bills each part of a message, and each message has one part at least: it may be more.
    pub is_least: bool,
}

/// Counts of past hours, kept so that a page does not read a day of events each time: with 110,000 messages a day that
/// takes most of a second.
#[derive(Debug, Default)]
pub struct ActivityCache(Mutex<BTreeMap<DateTime<Utc>, HourEntry>>);

/// The counts of an hour, and the time at which they were read.
#[derive(Debug)]
struct HourEntry {
    read_at: DateTime<Utc>,
    counts: Vec<ActivityCount>,
}

/// Receipts come late: an hour is read each time until so long after its end.
const RECEIPTS_COME_WITHIN: TimeDelta = TimeDelta::hours(2);

/// After that it is read once in so long.
const READ_AGAIN: TimeDelta = TimeDelta::minutes(15);

impl ActivityCache {
    /// Counts events of the merchants that `is_wanted` picks, in the 24 hours up to the end of the present one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_day(
        &self,
        store: &(impl FunnelStore + ?Sized),
        prices: &BTreeMap<GatewayName, Price>,
        is_wanted: impl Fn(&MerchantId) -> bool,
        now: DateTime<Utc>,
    ) -> Result<Activity, StoreError> {
        let hour = TimeDelta::hours(1);
        let last = now.duration_trunc(hour).unwrap_or(now);
        let mut activity = Activity::default();
        for back in (0..HOURS).rev() {
            let start = last - hour * back;
            let mut counts = match self.kept(start, now) {
                Some(counts) => counts,
                None => {
                    let counts = store.activity(&(start..start + hour)).await?;
                    self.hours().insert(start, HourEntry { read_at: now, counts: counts.clone() });
                    counts
                }
            };
            counts.retain(|count| is_wanted(&count.merchant));
            activity.add(start, &counts);
        }
        self.hours().retain(|start, _| *start > last - hour * HOURS);
        for (name, gateway) in &mut activity.gateways {
            gateway.cost = prices.get(name).map(|price| MessageCost::of(price, gateway.messages));
        }
        Ok(activity)
    }

    fn kept(&self, start: DateTime<Utc>, now: DateTime<Utc>) -> Option<Vec<ActivityCount>> {
        let is_over = |known: &&HourEntry| {
            known.read_at >= start + TimeDelta::hours(1) + RECEIPTS_COME_WITHIN && known.read_at > now - READ_AGAIN
        };
        self.hours().get(&start).filter(is_over).map(|known| known.counts.clone())
    }

    fn hours(&self) -> MutexGuard<'_, BTreeMap<DateTime<Utc>, HourEntry>> {
        // The map is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    fn add(&mut self, start: DateTime<Utc>, counts: &[ActivityCount]) {
        let mut hour = HourActivity { start, sent: 0, delivered: 0, failed: 0, unknown: 0 };
        for one in counts {
            match one.kind {
                EventKind::Accepted => {
                    hour.sent += one.count;
                    if let Some(gateway) = &one.gateway {
                        self.gateways.entry(gateway.clone()).or_default().messages += one.count;
                    }
                }
                EventKind::Delivered => hour.delivered += one.count,
                EventKind::Undelivered | EventKind::Failed => hour.failed += one.count,
                EventKind::Unknown => hour.unknown += one.count,
                EventKind::Skipped => {
                    *self.skips.entry(one.reason.clone().unwrap_or_default()).or_default() += one.count;
                }
                _ => {}
            }
        }
        self.hours.push(hour);
    }
}

impl MessageCost {
    fn of(price: &Price, messages: u64) -> Self {
        Self {
            amount: price.of(messages, messages),
            currency: price.currency,
            is_least: price.per == PriceUnit::Segment,
        }
    }
}
