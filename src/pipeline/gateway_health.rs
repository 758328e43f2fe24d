//! How the daemons find a gateway.

use chrono::{DateTime, Utc};

use crate::domain::{GatewayName, GatewayState};

/// How a gateway has been doing in all processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayHealth {
    /// Since when its breaker is open, the longest of those that are.
    pub open_since: Option<DateTime<Utc>>,
    /// In how many processes it is open.
    pub open_in: usize,
    /// The code of the newest failure in any process that was not about one recipient, and its time.
    pub last_error: Option<(String, DateTime<Utc>)>,
}

impl GatewayHealth {
    /// The health of a gateway by what the processes recorded.
    #[must_use]
    pub fn of(gateway: &GatewayName, states: &[GatewayState]) -> Self {
        let own = || states.iter().filter(|state| state.gateway == *gateway);
        let last_error = own().filter_map(|state| state.last_error.as_ref()).max_by_key(|(_, at)| *at);
        Self {
            open_since: own().filter_map(|state| state.open_since).min(),
            open_in: own().filter(|state| state.open_since.is_some()).count(),
            last_error: last_error.map(|(code, at)| (code.to_string(), *at)),
        }
    }
}
