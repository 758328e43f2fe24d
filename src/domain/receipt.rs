//! Delivery receipts.

use chrono::{DateTime, Utc};

use super::{Code, EventKind, GatewayName, ReminderId, ReportedState, SuppressionReason};

/// A gateway's later report about a message that it took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The reminder that it is about.
    pub reminder: ReminderId,
    /// The gateway that reports.
    pub gateway: GatewayName,
    /// Whether the message arrived.
    pub arrived: bool,
    /// The gateway's code, if it did not.
    pub code: Option<Code>,
    /// The time of the event, by the gateway's account.
    pub at: DateTime<Utc>,
}

impl Receipt {
    /// The receipt that follows from a reported state: a message that drew a complaint has arrived.
    #[must_use]
    pub fn of(reminder: ReminderId, gateway: &GatewayName, fate: &ReportedState, at: DateTime<Utc>) -> Self {
        let (arrived, code) = match fate {
            ReportedState::Delivered | ReportedState::Complained => (true, None),
            ReportedState::Undelivered { code, .. } => (false, code.clone()),
        };
        Self { reminder, gateway: gateway.clone(), arrived, code, at }
    }

    /// The event that records it.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        if self.arrived { EventKind::Delivered } else { EventKind::Undelivered }
    }
}

impl ReportedState {
    /// Why the address is suppressed from now on, if it is.
    #[must_use]
    pub fn suppresses(&self) -> Option<SuppressionReason> {
        match self {
            Self::Undelivered { for_good: true, .. } => Some(SuppressionReason::Bounced),
            Self::Complained => Some(SuppressionReason::Complained),
            Self::Delivered | Self::Undelivered { .. } => None,
        }
    }
}
