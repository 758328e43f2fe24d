//! Counts of events, over the tables `event` and `reminder`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use crate::domain::ActivityCount;
use crate::store::StoreError;

/// The events by which attempts and reminders ended within a span. Binds: begin, end.
pub(in crate::store) const ACTIVITY: &str = "
    select r.merchant, r.channel, e.kind, e.gateway, case when e.kind = 'skipped' then e.detail end as reason,
           count(*) as number
    from event e
    join reminder r on r.id = e.reminder_id
    where e.at >= $1 and e.at < $2
      and e.kind in ('accepted', 'delivered', 'undelivered', 'failed', 'unknown', 'skipped')
    group by r.merchant, r.channel, e.kind, e.gateway, case when e.kind = 'skipped' then e.detail end";

#[derive(FromRow)]
pub(in crate::store) struct ActivityRow {
    merchant: String,
    channel: String,
    kind: String,
    gateway: Option<String>,
    reason: Option<String>,
    number: i64,
}

impl ActivityRow {
    pub(in crate::store) fn count(self) -> Result<ActivityCount, StoreError> {
        Ok(ActivityCount {
            merchant: read(&self.merchant, "reminder.merchant", str::parse)?,
            channel: read(&self.channel, "reminder.channel", str::parse)?,
            kind: read(&self.kind, "event.kind", str::parse)?,
            gateway: read_if_known(self.gateway, "event.gateway", str::parse)?,
            reason: self.reason,
            // A count is never negative.
            count: u64::try_from(self.number).unwrap_or_default(),
        })
    }
}
