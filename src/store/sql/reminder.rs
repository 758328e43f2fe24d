//! The table `reminder`, and the listing over it, `queue` and `event`.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{read, read_key};
use super::clauses::Clause;
use super::event::{EventRow, event_columns, read_attempt};
use super::value::Moment;
use crate::domain::{Channel, EventKind, NewReminder, Origin, Reminder, ReminderId, ReminderKey, State};
use crate::plan::{KnownProgress, KnownReminder};
use crate::store::{ReminderFilter, ReminderView, StoreError};

/// The columns of a reminder `r`, without merchant, borrower and due date.
macro_rules! reminder_columns {
    () => {
        r#"r.id as reminder_id, r.step, r.channel, r.origin, r.actor, r.reason, r.resend_of,
        r.planned_at, r.not_before, r.expires_at"#
    };
}
pub(in crate::store) use reminder_columns;

/// The reminders that match a filter, each with its queue row or else its last event; the clauses come after it.
/// Binds: id, state, merchant, borrower, due date, channel, before, limit.
macro_rules! matching {
    ($from:expr) => {
        concat!(
            "select r.merchant, r.borrower_id, r.due_date, ",
            reminder_columns!(),
            ", ",
            event_columns!(),
            ", nullif(q.state, 'falling_back') as state, q.attempt, q.not_before as next_try ",
            $from,
            r#"
            left join event e
              on e.reminder_id = r.id and e.id = (select max(l.id) from event l where l.reminder_id = r.id)
            where true"#
        )
    };
}

/// From the newest reminder on.
const BY_REMINDER: &str = matching!("from reminder r left join queue q on q.reminder_id = r.id");

/// From the newest in the queue on: few of all reminders are.
const BY_QUEUE: &str = matching!("from queue q join reminder r on r.id = q.reminder_id");

/// From the newest on that ever came to this end, of a merchant, a due date or a channel: such events have all three,
/// and an index for each, which the clause `$first` names. The other two are compared in the event, before its reminder
/// is read.
macro_rules! by_end {
    ($first:literal) => {
        matching!(concat!(
            "from (
                select x.reminder_id from event x
                where x.kind = $2 and x.kind in ('failed', 'skipped', 'delivered', 'undelivered')
                  and x.reminder_id < coalesce($7, 9223372036854775807)",
            $first,
            " and ($3 is null or x.merchant = $3) and ($5 is null or x.due_date = $5) and ($6 is null or x.channel = $6)
                group by x.reminder_id order by x.reminder_id desc
            ) x
            join reminder r on r.id = x.reminder_id
            left join queue q on q.reminder_id = r.id"
        ))
    };
}

const BY_END: &str = by_end!("");
const BY_END_OF_MERCHANT: &str = by_end!(" and x.merchant = $3");
const BY_END_OF_DUE_DATE: &str = by_end!(" and x.due_date = $5");
const BY_END_OF_CHANNEL: &str = by_end!(" and x.channel = $6");

/// From the newest on that was ever taken over. Nearly all of those with an event are, and what waits has none: it is
/// passed over.
const BY_ACCEPTED: &str = matching!(
    r#"from (
        select x.reminder_id from event x
        where x.kind = $2 and x.reminder_id < coalesce($7, 9223372036854775807)
        group by x.reminder_id order by x.reminder_id desc
    ) x
    join reminder r on r.id = x.reminder_id
    left join queue q on q.reminder_id = r.id"#
);

/// Skips the reminders after the newest accepted one: they wait in the queue, and there may be many.
const SENT_BY_NOW: &str =
    "r.id <= (select x.reminder_id from event x where x.kind = 'accepted' order by x.reminder_id desc limit 1)";

const NEWEST_FIRST: &str = " order by r.id desc limit $8";

/// The statement for a filter, without its clauses: it begins with what is few.
pub(in crate::store) fn matching(filter: &ReminderFilter) -> [&'static str; 2] {
    let is_narrow = filter.id.is_some() || filter.borrower.is_some();
    let from = match filter.state {
        _ if is_narrow => BY_REMINDER,
        Some(State::Planned | State::Held | State::Sending | State::Unknown) => BY_QUEUE,
        Some(State::Failed | State::Skipped | State::Delivered | State::Undelivered) => {
            match (filter.due_date, &filter.merchant, filter.channel) {
                (Some(_), _, _) => BY_END_OF_DUE_DATE,
                (None, Some(_), _) => BY_END_OF_MERCHANT,
                (None, None, Some(_)) => BY_END_OF_CHANNEL,
                (None, None, None) => BY_END,
            }
        }
        Some(State::Accepted) if filter.merchant.is_none() && filter.due_date.is_none() && filter.channel.is_none() => {
            BY_ACCEPTED
        }
        Some(State::Accepted) | None => BY_REMINDER,
    };
    [from, NEWEST_FIRST]
}

/// The clauses of a filter. An end state is the word of the last event. It is compared after both joins: the planner
/// then walks the reminders from the newest and stops at the limit, where `q.state is null` makes it expect one row and
/// sort all. Merchant, due date and channel are compared as the expressions of the listings' own indexes, which no
/// other statement may use.
pub(in crate::store) fn narrow(filter: &ReminderFilter) -> [Clause; 10] {
    let queued = |state: &State| matches!(state, State::Planned | State::Held | State::Sending | State::Unknown);
    [
        (filter.id.is_some(), "r.id = $1"),
        (filter.state.as_ref().is_some_and(queued), "q.state = $2"),
        (filter.state == Some(State::Unknown), "q.idle_state = 'unknown'"),
        (filter.state.is_some_and(|state| !queued(&state)), "coalesce(nullif(q.state, 'falling_back'), e.kind) = $2"),
        (filter.merchant.is_some(), "coalesce(r.merchant, r.merchant) = $3"),
        (filter.borrower.is_some(), "r.borrower_id = $4"),
        (filter.due_date.is_some(), "coalesce(r.due_date, r.due_date) = $5"),
        (filter.channel.is_some(), "coalesce(r.channel, r.channel) = $6"),
        (filter.before.is_some(), "r.id < $7"),
        (filter.state == Some(State::Accepted), SENT_BY_NOW),
    ]
}

#[derive(FromRow)]
pub(in crate::store) struct ReminderRow {
    reminder_id: i64,
    merchant: String,
    borrower_id: String,
    due_date: NaiveDate,
    step: String,
    channel: String,
    origin: String,
    actor: Option<String>,
    reason: Option<String>,
    resend_of: Option<i64>,
    planned_at: Moment,
    not_before: Moment,
    expires_at: Moment,
}

impl ReminderRow {
    pub(in crate::store) fn id(&self) -> ReminderId {
        ReminderId(self.reminder_id)
    }

    pub(in crate::store) fn reminder(self) -> Result<Reminder, StoreError> {
        Ok(Reminder {
            id: self.id(),
            planned_at: self.planned_at.0,
            plan: NewReminder {
                key: ReminderKey {
                    borrower: read_key(&self.merchant, &self.borrower_id)?,
                    due_date: self.due_date,
                    step: read(&self.step, "reminder.step", str::parse)?,
                    channel: read(&self.channel, "reminder.channel", str::parse)?,
                },
                not_before: self.not_before.0,
                expires_at: self.expires_at.0,
                origin: self.origin()?,
            },
        })
    }

    fn origin(self) -> Result<Origin, StoreError> {
        let origin = OriginColumns {
            origin: &self.origin,
            actor: self.actor.as_deref(),
            reason: self.reason.as_deref(),
            resend_of: self.resend_of,
        };
        origin.read()
    }
}

/// A known reminder of a step on one channel.
#[derive(FromRow)]
pub(in crate::store) struct KnownRow {
    /// Of the step in its batch.
    pub(in crate::store) place: i64,
    reminder_id: i64,
    channel: String,
    not_before: Moment,
    expires_at: Moment,
    state: Option<String>,
    attempt: Option<i32>,
    kind: Option<String>,
    detail: Option<String>,
    last_attempt: Option<i32>,
}

impl KnownRow {
    /// The number of the reminder.
    pub(in crate::store) fn id(&self) -> ReminderId {
        ReminderId(self.reminder_id)
    }

    /// Whether it is the reminder of that channel.
    pub(in crate::store) fn is_on(&self, channel: Channel) -> bool {
        self.channel == channel.as_str()
    }

    /// How many attempts the outbox knows of.
    pub(in crate::store) fn attempts(&self) -> i32 {
        self.attempt.or(self.last_attempt).unwrap_or_default()
    }

    /// Whether a report has said that it arrived: that settles more than any attempt.
    pub(in crate::store) fn has_arrived(&self) -> bool {
        self.attempt.is_none() && self.kind.as_deref() == Some(EventKind::Delivered.as_str())
    }

    pub(in crate::store) fn known(self) -> Result<KnownReminder, StoreError> {
        let progress = match (self.state.as_deref(), self.attempt, &self.kind) {
            (Some("planned"), Some(0), _) => KnownProgress::Untouched,
            (None, _, Some(kind)) => {
                let attempts = read_attempt(self.last_attempt.unwrap_or_default(), "event.attempt")?;
                KnownProgress::ended(read(kind, "event.kind", str::parse)?, self.detail.as_deref(), attempts)
            }
            _ => KnownProgress::Other,
        };
        Ok(KnownReminder {
            id: ReminderId(self.reminder_id),
            channel: read(&self.channel, "reminder.channel", str::parse)?,
            not_before: self.not_before.0,
            expires_at: self.expires_at.0,
            progress,
        })
    }
}

/// An [`Origin`] as its four columns.
pub(in crate::store) struct OriginColumns<'a> {
    pub(in crate::store) origin: &'a str,
    pub(in crate::store) actor: Option<&'a str>,
    pub(in crate::store) reason: Option<&'a str>,
    pub(in crate::store) resend_of: Option<i64>,
}

impl<'a> OriginColumns<'a> {
    const SCHEDULE: &'static str = "schedule";
    const MANUAL: &'static str = "manual";
    const NOTICE: &'static str = "notice";
    const REPLY: &'static str = "reply";

    pub(in crate::store) fn of(origin: &'a Origin) -> Self {
        match origin {
            Origin::Schedule => Self { origin: Self::SCHEDULE, actor: None, reason: None, resend_of: None },
            Origin::Notice => Self { origin: Self::NOTICE, actor: None, reason: None, resend_of: None },
            Origin::Reply => Self { origin: Self::REPLY, actor: None, reason: None, resend_of: None },
            Origin::Manual { actor, reason, of } => Self {
                origin: Self::MANUAL,
                actor: Some(actor),
                reason: Some(reason),
                resend_of: of.map(|reminder| reminder.0),
            },
        }
    }

    fn read(self) -> Result<Origin, StoreError> {
        match (self.origin, self.actor, self.reason) {
            (Self::SCHEDULE, None, None) => Ok(Origin::Schedule),
            (Self::NOTICE, None, None) => Ok(Origin::Notice),
            (Self::REPLY, None, None) => Ok(Origin::Reply),
            (Self::MANUAL, Some(actor), Some(reason)) => Ok(Origin::Manual {
                actor: actor.to_owned(),
                reason: reason.to_owned(),
                of: self.resend_of.map(ReminderId),
            }),
            _ => Err(StoreError::Corrupt { column: "reminder.origin" }),
        }
    }
}

/// A row of [`matching`].
#[derive(FromRow)]
pub(in crate::store) struct ViewRow {
    state: Option<String>,
    attempt: Option<i32>,
    next_try: Option<Moment>,
    #[sqlx(flatten)]
    reminder: ReminderRow,
    #[sqlx(flatten)]
    last: EventRow,
}

impl ViewRow {
    pub(in crate::store) fn view(self) -> Result<ReminderView, StoreError> {
        let last = self.last.event()?;
        let (state, attempts) = match (self.state, self.attempt, &last) {
            (Some(state), Some(attempt), _) => {
                (read(&state, "queue.state", str::parse)?, read_attempt(attempt, "queue.attempt")?)
            }
            (_, _, Some(event)) => (event.kind.state(), event.attempt),
            // Nothing to do and nothing done: what no transaction leaves behind.
            _ => return Err(StoreError::Corrupt { column: "queue.state" }),
        };
        let next_try = self.next_try.filter(|_| state == State::Planned).map(|next| next.0);
        Ok(ReminderView { reminder: self.reminder.reminder()?, state, attempts, next_try, last })
    }
}
