//! The table `queue`: reads, and what each event does to a row of it.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::account::AccountRow;
use super::borrower::read;
use super::event::read_attempt;
use super::reminder::ReminderRow;
use super::value::Moment;
use crate::domain::{Channel, Event, EventKind, GatewayName, Next, ReminderId, Settlement};
use crate::store::{QueueCounts, StoreError};

/// Due reminders of one channel, the longest waiting first, with all facts about each in one row for each instalment. `$open`
/// and `$close` make a table of the chosen rows. Binds: now, channel, limit.
macro_rules! claimable {
    ($open:literal, $close:literal) => {
        concat!(
            "select q.attempt, ",
            $crate::store::sql::reminder::reminder_columns!(),
            ", ",
            $crate::store::sql::account::account_columns!(),
            " from ",
            $open,
            r#"
                from queue q where q.channel = $2 and q.state = 'planned' and q.not_before <= $1
                order by q.channel, q.not_before, q.reminder_id limit $3"#,
            $close,
            " q join reminder r on r.id = q.reminder_id",
            $crate::store::sql::account::account_joins!(),
            " order by q.not_before, q.reminder_id, i.installment_id"
        )
    };
}
pub(in crate::store) use claimable;

/// The time of the head of a lane. Binds: channel.
pub(in crate::store) const NEXT_DUE: &str =
    "select not_before from queue where channel = $1 and state = 'planned' order by not_before limit 1";

/// Figures of each lane that has rows. Binds: now.
pub(in crate::store) const COUNTS: &str = r#"
    select channel,
        count(*) filter (where state = 'planned') as planned,
        count(*) filter (where state = 'planned' and not_before <= $1) as due,
        count(*) filter (where state = 'sending') as sending,
        count(*) filter (where state = 'unknown') as unknown,
        min(case when state = 'planned' and not_before <= $1 then not_before end) as oldest_due
    from queue group by channel"#;

/// Leases that ran out. Not locked: the attempt's number fences what is written then. Binds: now, limit.
pub(in crate::store) const OVERDUE: &str = r#"
    select reminder_id, attempt, gateway from queue
    where state = 'sending' and lease_until <= $1 order by lease_until limit $2"#;

/// A row of [`claimable`].
#[derive(FromRow)]
pub(in crate::store) struct ClaimRow {
    attempt: i32,
    #[sqlx(flatten)]
    pub(in crate::store) reminder: ReminderRow,
    #[sqlx(flatten)]
    pub(in crate::store) account: AccountRow,
}

impl ClaimRow {
    /// The number of the latest attempt, 0 if there was none.
    pub(in crate::store) fn attempt(&self) -> Result<u32, StoreError> {
        read_attempt(self.attempt, "queue.attempt")
    }
}

/// A row of [`OVERDUE`].
#[derive(FromRow)]
pub(in crate::store) struct OverdueRow {
    reminder_id: i64,
    attempt: i32,
    gateway: Option<String>,
}

impl OverdueRow {
    /// The end of the lease as an event.
    pub(in crate::store) fn doubt(self, at: DateTime<Utc>) -> Result<Move, StoreError> {
        let gateway = self.gateway.map(|name| read(&name, "queue.gateway", str::parse::<GatewayName>)).transpose()?;
        let event = Event {
            reminder: ReminderId(self.reminder_id),
            attempt: read_attempt(self.attempt, "queue.attempt")?,
            at,
            kind: EventKind::Unknown,
            gateway,
            provider_id: None,
            detail: Some("lease_expired".into()),
        };
        Ok(Move { event, not_before: None })
    }
}

/// A row of [`COUNTS`].
#[derive(FromRow)]
pub(in crate::store) struct CountRow {
    channel: String,
    planned: i64,
    due: i64,
    sending: i64,
    unknown: i64,
    oldest_due: Option<Moment>,
}

/// Figures of every channel; zeros for one that has no rows, so that a gauge falls back to zero.
pub(in crate::store) fn counts(rows: &[CountRow]) -> Vec<QueueCounts> {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let of = |channel: &Channel| {
        let row = rows.iter().find(|row| row.channel == channel.as_str());
        QueueCounts {
            channel: *channel,
            planned: row.map_or(0, |row| count(row.planned)),
            due: row.map_or(0, |row| count(row.due)),
            sending: row.map_or(0, |row| count(row.sending)),
            unknown: row.map_or(0, |row| count(row.unknown)),
            oldest_due: row.and_then(|row| row.oldest_due).map(|oldest| oldest.0),
        }
    };
    Channel::ALL.iter().map(of).collect()
}

/// An event, and what it does to the reminder's queue row. Which rows it may move follows from its kind alone:
///
/// | kind | from | to |
/// |---|---|---|
/// | skipped | planned | gone |
/// | deferred | planned | planned, at `not_before` |
/// | accepted, failed | sending, unknown | gone |
/// | retry | sending, unknown | planned, at `not_before` |
/// | unknown | sending | unknown |
///
/// A row with another attempt number is never moved, and an event that moves no row is not recorded.
#[derive(Debug)]
pub(in crate::store) struct Move {
    pub(in crate::store) event: Event,
    pub(in crate::store) not_before: Option<DateTime<Utc>>,
}

impl From<&Settlement> for Move {
    fn from(settlement: &Settlement) -> Self {
        let not_before = match settlement.next() {
            Next::Retry { not_before } => Some(*not_before),
            Next::Accepted | Next::Failed | Next::Unknown => None,
        };
        Self { event: settlement.event(), not_before }
    }
}
