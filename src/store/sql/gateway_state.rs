//! The table `gateway_state`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::{Code, GatewayState};
use crate::store::StoreError;

/// Puts what a process says of a gateway in the place of what it said before. Binds: the columns.
pub(in crate::store) const NOTE: &str = r#"
    insert into gateway_state (gateway, holder, open_since, last_error, last_error_at, at)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (gateway, holder) do update set
        open_since = excluded.open_since, last_error = excluded.last_error,
        last_error_at = excluded.last_error_at, at = excluded.at"#;

/// Forgets what was said long ago: processes come and go. Binds: before when.
pub(in crate::store) const FORGET: &str = "delete from gateway_state where at < $1";

/// The states written since then. Binds: since when.
pub(in crate::store) const SINCE: &str = r#"
    select gateway, holder, open_since, last_error, last_error_at, at from gateway_state
    where at >= $1 order by gateway, holder"#;

#[derive(FromRow)]
pub(in crate::store) struct GatewayStateRow {
    gateway: String,
    holder: String,
    open_since: Option<Moment>,
    last_error: Option<String>,
    last_error_at: Option<Moment>,
    at: Moment,
}

impl GatewayStateRow {
    pub(in crate::store) fn state(self) -> Result<GatewayState, StoreError> {
        let last_error = self.last_error.zip(self.last_error_at);
        Ok(GatewayState {
            gateway: read(&self.gateway, "gateway_state.gateway", str::parse)?,
            holder: self.holder,
            open_since: self.open_since.map(|moment| moment.0),
            last_error: last_error.map(|(code, at)| (Code::new(&code), at.0)),
            at: self.at.0,
        })
    }
}
