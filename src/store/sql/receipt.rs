//! The effects of receipts, computed in memory from the standing of their reminders while these are locked.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::event::read_attempt;
use super::queue::FALLING_BACK;
use crate::domain::{Event, EventKind, Receipt, ReminderId, State};
use crate::store::StoreError;

/// The standing of reminders: the queue row, the last event, and the receipts recorded before. `$batch` is a table
/// `k` of numbers, joined to `r`. Receipts are counted, because the planner may answer an `exists` by reading that
/// kind of event for all reminders.
macro_rules! standing {
    ($batch:literal) => {
        concat!(
            r#"
            select r.id as reminder_id, q.state, q.attempt, e.kind as last_kind, e.attempt as last_attempt,
                (select count(*) from event d where d.reminder_id = r.id and d.kind = 'delivered') > 0 as delivered,
                (select count(*) from event d where d.reminder_id = r.id and d.kind = 'undelivered') > 0
                    as undelivered, "#,
            $crate::store::sql::event::sent_once_more!("r.id"),
            " as in_doubt from ",
            $batch,
            r#"
            left join queue q on q.reminder_id = r.id
            left join event e
              on e.reminder_id = r.id and e.id = (select max(l.id) from event l where l.reminder_id = r.id)"#
        )
    };
}
pub(in crate::store) use standing;

/// A row of [`standing`].
#[derive(FromRow)]
pub(in crate::store) struct StandingRow {
    reminder_id: i64,
    state: Option<String>,
    attempt: Option<i32>,
    last_kind: Option<String>,
    last_attempt: Option<i32>,
    delivered: bool,
    undelivered: bool,
    in_doubt: bool,
}

/// The reminders of a batch of receipts.
#[derive(Debug, Default)]
pub(in crate::store) struct Standings(BTreeMap<ReminderId, ReceiptStanding>);

#[derive(Debug)]
struct ReceiptStanding {
    /// As people see it.
    state: State,
    is_queued: bool,
    is_falling_back: bool,
    attempt: u32,
    delivered: bool,
    undelivered: bool,
    /// Whether two copies may exist: what is said of one then says nothing of the other.
    in_doubt: bool,
    change: Option<Change>,
}

/// A change of a queue row after a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Change {
    /// Nothing more is to be done.
    Gone,
    /// It did not arrive: another channel is to be tried at once, if the rule has one.
    FallBack(DateTime<Utc>),
    /// The attempt is still to be settled; settling will find that the message did not arrive.
    Early(DateTime<Utc>),
}

impl Standings {
    pub(in crate::store) fn read(rows: Vec<StandingRow>) -> Result<Self, StoreError> {
        rows.into_iter()
            .map(|row| Ok((ReminderId(row.reminder_id), row.standing()?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Lays a receipt over what is known by now, earlier receipts of the batch included. Gives the event that records
    /// it; `None` if it counts for nothing.
    pub(in crate::store) fn apply(&mut self, receipt: &Receipt, now: DateTime<Utc>) -> Option<Event> {
        let standing = self.0.get_mut(&receipt.reminder)?;
        let repeated = if receipt.arrived { standing.delivered } else { standing.undelivered };
        if repeated || !standing.state.may_become(receipt.kind().state()) {
            return None;
        }
        if receipt.arrived {
            standing.arrive()
        } else {
            standing.miss(receipt.at, now)
        }
        Some(Event {
            reminder: receipt.reminder,
            attempt: standing.attempt,
            at: receipt.at,
            kind: receipt.kind(),
            gateway: Some(receipt.gateway.clone()),
            provider_id: None,
            detail: receipt.code.as_ref().map(ToString::to_string),
        })
    }

    /// The changes of the queue rows.
    pub(in crate::store) fn changes(&self) -> Vec<(ReminderId, Change)> {
        self.0.iter().filter_map(|(id, standing)| Some((*id, standing.change?))).collect()
    }
}

impl ReceiptStanding {
    fn arrive(&mut self) {
        self.delivered = true;
        self.state = State::Delivered;
        self.leave();
    }

    fn miss(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) {
        self.undelivered = true;
        match self.state {
            // Under way: the settlement that follows sees the receipt.
            State::Sending => {
                self.change = Some(Change::Early(at)).filter(|_| !self.in_doubt);
                return;
            }
            // The other copy may have arrived: no other channel follows.
            _ if self.in_doubt => self.leave(),
            // Proof that nothing arrived, whether the hand-over was known to have succeeded or not.
            State::Unknown => self.change = Some(Change::FallBack(now)),
            _ if self.is_falling_back => self.change = Some(Change::FallBack(now)),
            _ => self.leave(),
        }
        self.state = State::Undelivered;
    }

    fn leave(&mut self) {
        if self.is_queued {
            self.change = Some(Change::Gone);
        }
    }
}

impl StandingRow {
    fn standing(self) -> Result<ReceiptStanding, StoreError> {
        let is_falling_back = self.state.as_deref() == Some(FALLING_BACK);
        let queued = self.state.as_deref().filter(|_| !is_falling_back);
        let queued: Option<State> = queued.map(|state| read(state, "queue.state", str::parse)).transpose()?;
        let last: Option<EventKind> = read_if_known(self.last_kind, "event.kind", str::parse)?;
        let attempt = self.attempt.or(self.last_attempt).unwrap_or_default();
        Ok(ReceiptStanding {
            state: queued.or(last.map(EventKind::state)).ok_or(StoreError::Corrupt { column: "queue.state" })?,
            is_queued: self.state.is_some(),
            is_falling_back,
            attempt: read_attempt(attempt, "queue.attempt")?,
            delivered: self.delivered,
            undelivered: self.undelivered,
            in_doubt: self.in_doubt,
            change: None,
        })
    }
}
