//! The table `route_health`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::RouteHealth;
use crate::store::StoreError;

/// Puts what is known of a route in the place of what was known. Binds: the columns.
pub(in crate::store) const NOTE: &str = r#"
    insert into route_health (route_key, url, degraded, since, failures, successes, last_fault, probed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (route_key) do update set
        url = excluded.url, degraded = excluded.degraded, since = excluded.since, failures = excluded.failures,
        successes = excluded.successes, last_fault = excluded.last_fault, probed_at = excluded.probed_at"#;

/// Every route that was ever probed.
pub(in crate::store) const ALL: &str = r#"
    select route_key, url, degraded, since, failures, successes, last_fault, probed_at
    from route_health order by route_key"#;

#[derive(FromRow)]
pub(in crate::store) struct RouteHealthRow {
    route_key: String,
    url: String,
    degraded: bool,
    since: Moment,
    failures: i64,
    successes: i64,
    last_fault: Option<String>,
    probed_at: Moment,
}

impl RouteHealthRow {
    pub(in crate::store) fn health(self) -> Result<RouteHealth, StoreError> {
        let count = |count: i64, column| u32::try_from(count).map_err(|_| StoreError::Corrupt { column });
        Ok(RouteHealth {
            key: read(&self.route_key, "route_health.route_key", str::parse)?,
            url: self.url,
            degraded: self.degraded,
            since: self.since.0,
            failures: count(self.failures, "route_health.failures")?,
            successes: count(self.successes, "route_health.successes")?,
            last_fault: self.last_fault,
            probed_at: self.probed_at.0,
        })
    }
}
