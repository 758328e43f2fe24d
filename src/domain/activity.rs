//! Events of reminders, counted.

use super::{Channel, EventKind, GatewayName, MerchantId};

/// Events of a span of time that have these things in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityCount {
    /// The merchant of the reminders.
    pub merchant: MerchantId,
    /// Their channel.
    pub channel: Channel,
    /// The kind of the events, one of [`ActivityCount::KINDS`].
    pub kind: EventKind,
    /// The gateway, of an event that has one.
    pub gateway: Option<GatewayName>,
    /// Why nothing was sent, of [`EventKind::Skipped`].
    pub reason: Option<String>,
    /// How many events.
    pub count: u64,
}

impl ActivityCount {
    /// The kinds that are counted: how attempts and reminders end.
    pub const KINDS: &'static [EventKind] = &[
        EventKind::Accepted,
        EventKind::Delivered,
        EventKind::Undelivered,
        EventKind::Failed,
        EventKind::Unknown,
        EventKind::Skipped,
    ];
}
