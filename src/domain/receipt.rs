use chrono::{DateTime, Utc};

use super::{Code, EventKind, GatewayName, ReminderId};

/// What a gateway reports later about a message that it took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which reminder it is about.
    pub reminder: ReminderId,
    /// Who reports.
    pub gateway: GatewayName,
    /// Whether it arrived.
    pub arrived: bool,
    /// The gateway's code, if it did not.
    pub code: Option<Code>,
    /// When the gateway says it was.
    pub at: DateTime<Utc>,
}

impl Receipt {
    /// The event that records it.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        if self.arrived { EventKind::Delivered } else { EventKind::Undelivered }
    }
}
