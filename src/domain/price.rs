//! Gateway prices, per message or per SMS part.

use rust_decimal::Decimal;

use super::Currency;

/// The price that a gateway's provider charges. The amount may be finer than the currency's smallest coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// The price of one unit.
    pub amount: Decimal,
    /// The unit.
    pub per: PriceUnit,
    /// The currency.
    pub currency: Currency,
}

/// The unit that the provider bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// Each part of an SMS.
    Segment,
    /// Each message.
    Message,
}

impl Price {
    /// The price of this many messages, with this many segments in all.
    #[must_use]
    pub fn of(&self, messages: u64, segments: u64) -> Decimal {
        let count = match self.per {
            PriceUnit::Segment => segments,
            PriceUnit::Message => messages,
        };
        self.amount * Decimal::from(count)
    }
}
