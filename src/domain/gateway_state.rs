//! The recorded health of a gateway.

use chrono::{DateTime, Utc};

use super::{Code, GatewayName};

/// How a gateway was doing when a process last had something to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayState {
    /// Which.
    pub gateway: GatewayName,
    /// The process that says so.
    pub holder: String,
    /// Since when its breaker is open: nothing is handed over but probes. `None`: it is closed.
    pub open_since: Option<DateTime<Utc>>,
    /// The last failure that was not about one recipient, and when it was.
    pub last_error: Option<(Code, DateTime<Utc>)>,
    /// When it was said.
    pub at: DateTime<Utc>,
}
