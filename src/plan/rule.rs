use chrono::{NaiveTime, TimeDelta};

use crate::domain::{Channel, MerchantId, RuleName, TemplateName};

/// Which of a rule's channels are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelMode {
    /// Each of them.
    All,
    /// The first for which the borrower has an address that may be contacted.
    FirstAvailable,
    /// The first available; the next one if the message fails, is reported undelivered, or no receipt says in time that it
    /// arrived.
    Fallback {
        /// How long a receipt is waited for.
        after: TimeDelta,
    },
}

/// The channels of a rule, in the order of preference; one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChoice {
    /// How many of them.
    pub mode: ChannelMode,
    /// Which.
    pub order: Vec<Channel>,
}

/// When to remind: one entry of `[[rules]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name; part of every key it plans, so a renamed rule is a new rule.
    pub name: RuleName,
    /// For these merchants; for all if empty.
    pub merchants: Vec<MerchantId>,
    /// Days from the due date: -3 is three days before, 0 the day itself, 5 five days after.
    pub offsets: Vec<i32>,
    /// Local time of day of the borrower.
    pub at: NaiveTime,
    /// On which channels.
    pub channels: ChannelChoice,
    /// Its own template; by default the one for before, on or after the due date.
    pub template: Option<TemplateName>,
    /// Which of two reminders goes when a frequency cap allows one: the one whose rule has the greater number.
    pub priority: i32,
    /// Joins what falls due within so many days after the earliest date into one message.
    pub digest: Option<u16>,
    /// How late it may go out after its time and still be of use; then it is `expired`.
    pub max_lateness: TimeDelta,
}

impl Rule {
    /// Whether the rule is for borrowers of this merchant.
    #[must_use]
    pub fn is_for(&self, merchant: &MerchantId) -> bool {
        self.merchants.is_empty() || self.merchants.contains(merchant)
    }
}
