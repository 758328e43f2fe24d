//! Gateway prices, per message or per SMS part.

use rust_decimal::Decimal;

use super::Currency;

/// What a gateway's provider charges. The amount may be finer than the currency's smallest coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For one.
    pub amount: Decimal,
    /// Of what.
    pub per: PriceUnit,
    /// In which currency.
    pub currency: Currency,
}

/// What is counted on the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// Each part of an SMS.
    Segment,
    /// Each message.
    Message,
}

impl Price {
    /// What so many messages of so many segments in all cost.
    #[must_use]
    pub fn of(&self, messages: u64, segments: u64) -> Decimal {
        let count = match self.per {
            PriceUnit::Segment => segments,
            PriceUnit::Message => messages,
        };
        self.amount * Decimal::from(count)
    }
}
