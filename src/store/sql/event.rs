//! The table `event`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::value::Moment;
use crate::domain::{Event, ReminderId};
use crate::store::StoreError;

/// The columns of an event `e`.
macro_rules! event_columns {
    () => {
        "e.at, e.attempt as event_attempt, e.kind, e.gateway, e.provider_id, e.detail"
    };
}
pub(in crate::store) use event_columns;

/// Whether an e-mail was sent a second time after an unknown outcome
/// ([`SENT_ONCE_MORE`](crate::domain::SENT_ONCE_MORE)).
macro_rules! sent_once_more {
    ($reminder:literal) => {
        concat!(
            "exists (select 1 from event d where d.reminder_id = ",
            $reminder,
            " and d.kind = 'retry' and d.detail = 'sent_once_more')"
        )
    };
}
pub(in crate::store) use sent_once_more;

/// The history of one reminder. Binds: reminder.
pub(in crate::store) const HISTORY: &str =
    concat!("select e.reminder_id, ", event_columns!(), " from event e where e.reminder_id = $1 order by e.id");

/// An event, or in an outer join the lack of one.
#[derive(FromRow)]
pub(in crate::store) struct EventRow {
    reminder_id: i64,
    at: Option<Moment>,
    event_attempt: Option<i32>,
    kind: Option<String>,
    gateway: Option<String>,
    provider_id: Option<String>,
    detail: Option<String>,
}

impl EventRow {
    pub(in crate::store) fn event(self) -> Result<Option<Event>, StoreError> {
        let (Some(at), Some(attempt), Some(kind)) = (self.at, self.event_attempt, self.kind) else { return Ok(None) };
        Ok(Some(Event {
            reminder: ReminderId(self.reminder_id),
            attempt: read_attempt(attempt, "event.attempt")?,
            at: at.0,
            kind: read(&kind, "event.kind", str::parse)?,
            gateway: read_if_known(self.gateway, "event.gateway", str::parse)?,
            provider_id: self.provider_id,
            detail: self.detail,
        }))
    }
}

pub(in crate::store) fn read_attempt(number: i32, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt { column })
}
