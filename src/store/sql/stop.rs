//! The table `stop`.

use sqlx::FromRow;

use super::borrower::read_if_known;
use super::value::Moment;
use crate::store::{Stop, StoreError};

/// Adds a stop, or gives the one of the same scope its new words. Binds: the columns.
pub(in crate::store) const UPSERT: &str = r#"
    insert into stop (merchant, channel, actor, reason, since) values ($1, $2, $3, $4, $5)
    on conflict (coalesce(merchant, ''), coalesce(channel, '')) do update set
        actor = excluded.actor, reason = excluded.reason, since = excluded.since"#;

/// Lifts the stop of a scope. Binds: merchant, channel.
pub(in crate::store) const LIFT: &str = r#"
    delete from stop
    where coalesce(merchant, '') = coalesce($1, '') and coalesce(channel, '') = coalesce($2, '')"#;

/// All stops, the oldest first.
pub(in crate::store) const ALL: &str = r#"
    select merchant, channel, actor, reason, since from stop
    order by since, coalesce(merchant, ''), coalesce(channel, '')"#;

#[derive(FromRow)]
pub(in crate::store) struct StopRow {
    merchant: Option<String>,
    channel: Option<String>,
    actor: String,
    reason: String,
    since: Moment,
}

impl StopRow {
    pub(in crate::store) fn stop(self) -> Result<Stop, StoreError> {
        Ok(Stop {
            merchant: read_if_known(self.merchant, "stop.merchant", str::parse)?,
            channel: read_if_known(self.channel, "stop.channel", str::parse)?,
            actor: self.actor,
            reason: self.reason,
            since: self.since.0,
        })
    }
}
