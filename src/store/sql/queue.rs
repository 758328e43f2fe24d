//! The table `queue`: reads, and what each event does to a row of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::account::AccountRow;
use super::borrower::{read, read_if_known};
use super::event::read_attempt;
use super::reminder::ReminderRow;
use super::sealing::kept_message;
use super::value::Moment;
use crate::domain::{
    Attempt, Channel, Event, EventKind, GatewayName, HoldCause, KeyRing, Next, NoticeFacts, ReminderId, RouteKey,
    Settlement,
};
use crate::store::{QueueCounts, StoreError, UnknownReminder};

/// The state of a row that is done but for another channel, which may be tried; people see the last event's.
pub(in crate::store) const FALLING_BACK: &str = "falling_back";

/// The head of one lane's due rows of `queue q` at `$now`, the longest waiting first, as far as a condition goes.
macro_rules! head_of_lane {
    ($now:literal, $channel:literal, $limit:literal, $gateway_index:literal, $and:expr) => {
        concat!(
            r#"
                from queue q
                where q.channel = "#,
            $channel,
            " and q.gateway_index = ",
            $gateway_index,
            " and q.state = 'planned' and q.idle_state is null and q.not_before <= ",
            $now,
            $and,
            r#"
                order by q.channel, q.gateway_index, q.not_before, q.reminder_id limit "#,
            $limit
        )
    };
}
pub(in crate::store) use head_of_lane;

/// All facts at `$now` about each reminder of the rows `q`, in one row for each instalment.
///
/// `$first` is the number of the first attempt in `q`: 1 if it was claimed already, else 0.
macro_rules! select_facts {
    ($now:literal, $first:literal, $($rows:tt)+) => {
        concat!(
            "select q.attempt, q.not_before as due_since, q.attempt > ",
            $first,
            " and ",
            $crate::store::sql::event::sent_once_more!("q.reminder_id"),
            " as in_doubt, ",
            $now,
            " as now, ",
            $crate::store::sql::notice::facts_of_notice!(),
            ", ",
            $crate::store::sql::reminder::reminder_columns!(),
            ", r.merchant, r.borrower_id, r.due_date, ",
            $crate::store::sql::account::account_columns!($now),
            " from ",
            $($rows)+,
            " q join reminder r on r.id = q.reminder_id",
            $crate::store::sql::account::account_joins!()
        )
    };
}
pub(in crate::store) use select_facts;

/// The gateway indexes `lane` that planned reminders of channel `$1` wait for, each found behind the one before it.
macro_rules! lanes {
    () => {
        r#"
    with recursive lane (gateway_index) as (
        select min(gateway_index) from queue where channel = $1 and state = 'planned' and idle_state is null
        union all
        select (
            select min(q.gateway_index) from queue q
            where q.channel = $1 and q.state = 'planned' and q.idle_state is null
                and q.gateway_index > lane.gateway_index
        )
        from lane where lane.gateway_index is not null
    )"#
    };
}

/// The time of the head of a channel: the earliest head of its lanes, each found at its end of the index. Binds:
/// channel.
pub(in crate::store) const NEXT_DUE: &str = concat!(
    lanes!(),
    r#"
    select min((
        select min(q.not_before) from queue q
        where q.channel = $1 and q.state = 'planned' and q.idle_state is null and q.gateway_index = lane.gateway_index
    )) as next_due
    from lane where lane.gateway_index is not null"#
);

/// The gateway indexes that planned reminders of a channel wait for. Binds: channel.
pub(in crate::store) const AWAITED: &str =
    concat!(lanes!(), " select lane.gateway_index from lane where lane.gateway_index is not null");

/// Moves what was due from one gateway index to another. Binds: channel, the two, an instant.
pub(in crate::store) const RESCUE: &str = "\
    update queue set gateway_index = $3
    where channel = $1 and gateway_index = $2 and state = 'planned' and idle_state is null and not_before <= $4";

/// Puts a held reminder back among the planned ones, for whoever ends it in the same transaction. Binds: number.
pub(in crate::store) const FREE: &str =
    "update queue set state = 'planned', hold_cause = null where reminder_id = $1 and state = 'held'";

/// The attempts of a planned reminder. Binds: number.
pub(in crate::store) const PLANNED: &str = "select attempt from queue where reminder_id = $1 and state = 'planned'";

/// Moves waiting and held reminders of lanes that are no more to the first. Binds: channel, places.
pub(in crate::store) const REHOME: &str = "\
    update queue set gateway_index = 0
    where channel = $1 and gateway_index >= $2
        and (state = 'planned' and idle_state is null or idle_state = 'held' and state = 'held')";

/// Reminders whose outcome nobody knows, with their story, as far as a condition goes.
macro_rules! unknown {
    ($and_in_order:literal) => {
        concat!(
            "select r.merchant, r.borrower_id, r.due_date, ",
            $crate::store::sql::reminder::reminder_columns!(),
            r#", q.attempt, q.gateway,
            (
                select e.at from event e where e.reminder_id = q.reminder_id and e.kind = 'unknown'
                order by e.id desc limit 1
            ) as since,
            (select count(*) from event e where e.reminder_id = q.reminder_id and e.kind = 'unknown') as times
            from queue q join reminder r on r.id = q.reminder_id
            where q.channel = $1 and q.idle_state = 'unknown' and q.state = 'unknown'"#,
            $and_in_order
        )
    };
}

/// After a number. Binds: channel, number, limit.
pub(in crate::store) const UNKNOWN: &str = unknown!(" and q.reminder_id > $2 order by q.reminder_id limit $3");

/// Unknown reminders that are due for a check; `not_before` is the time of the check. Binds: channel, now, limit.
pub(in crate::store) const UNKNOWN_DUE: &str =
    unknown!(" and q.not_before <= $2 order by q.channel, q.not_before, q.reminder_id limit $3");

/// Figures of each channel that has rows, for each cause of a hold apart. Binds: now.
pub(in crate::store) const COUNTS: &str = r#"
    select channel, hold_cause,
        count(*) filter (where state = 'planned') as planned,
        count(*) filter (where state = 'planned' and not_before <= $1) as due,
        count(*) filter (where state = 'sending') as sending,
        count(*) filter (where state = 'unknown') as unknown,
        count(*) filter (where state = 'held') as held,
        min(case when state = 'planned' and not_before <= $1 then not_before end) as oldest_due
    from queue group by channel, hold_cause"#;

/// A row of [`select_facts`].
#[derive(FromRow)]
pub(in crate::store) struct ClaimRow {
    pub(in crate::store) attempt: i32,
    pub(in crate::store) now: Moment,
    /// The time at which it last became due, which may be that of a retry.
    pub(in crate::store) due_since: Moment,
    /// Whether an earlier copy of the message may have arrived.
    pub(in crate::store) in_doubt: bool,
    notice_state: Option<String>,
    notice_template: Option<String>,
    #[sqlx(flatten)]
    pub(in crate::store) reminder: ReminderRow,
    #[sqlx(flatten)]
    pub(in crate::store) account: AccountRow,
}

impl ClaimRow {
    /// The position of the reminder in its lane.
    pub(in crate::store) fn head(&self) -> (Moment, i64) {
        (self.due_since, self.reminder.id().0)
    }

    /// The order of a claim: the longest waiting first, the rows of one reminder together.
    pub(in crate::store) fn claim_order(&self) -> impl Ord {
        (self.head(), self.account.installment())
    }

    /// The number of the attempt that was claimed, from 1.
    pub(in crate::store) fn attempt(&self) -> Result<u32, StoreError> {
        read_attempt(self.attempt, "queue.attempt")
    }

    /// The notice that the reminder is of.
    pub(in crate::store) fn notice(&mut self) -> Result<Option<NoticeFacts>, StoreError> {
        let state = read_if_known(self.notice_state.take(), "notice.state", str::parse)?;
        let template = read_if_known(self.notice_template.take(), "notice.template", str::parse)?;
        Ok(state.zip(template).map(|(state, template)| NoticeFacts { state, template }))
    }
}

/// A row of [`UNKNOWN`] or [`UNKNOWN_DUE`].
#[derive(FromRow)]
pub(in crate::store) struct UnknownRow {
    attempt: i32,
    gateway: String,
    since: Moment,
    times: i64,
    #[sqlx(flatten)]
    reminder: ReminderRow,
}

impl UnknownRow {
    pub(in crate::store) fn unknown(self) -> Result<UnknownReminder, StoreError> {
        let number = read_attempt(self.attempt, "queue.attempt")?;
        let gateway = read(&self.gateway, "queue.gateway", str::parse)?;
        Ok(UnknownReminder {
            attempt: Attempt::claimed(self.reminder.id(), number, gateway),
            since: self.since.0,
            times: u32::try_from(self.times).unwrap_or(u32::MAX),
            reminder: self.reminder.reminder()?.plan,
        })
    }
}

/// A reminder whose lease ran out.
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
        let attempt = read_attempt(self.attempt, "queue.attempt")?;
        let event = Event::lease_expired(ReminderId(self.reminder_id), attempt, gateway, at);
        Ok(Move { event, not_before: None, gateway_index: None, route: None, message: None })
    }
}

/// A cause that holds reminders, and on which channel.
#[derive(FromRow)]
pub(in crate::store) struct HoldRow {
    hold_cause: String,
    channel: String,
}

impl HoldRow {
    pub(in crate::store) fn hold(self) -> Result<(HoldCause, Channel), StoreError> {
        Ok((read(&self.hold_cause, "queue.hold_cause", str::parse)?, read(&self.channel, "queue.channel", str::parse)?))
    }
}

/// A row of [`COUNTS`].
#[derive(FromRow)]
pub(in crate::store) struct CountRow {
    channel: String,
    hold_cause: Option<String>,
    planned: i64,
    due: i64,
    sending: i64,
    unknown: i64,
    held: i64,
    oldest_due: Option<Moment>,
}

/// Figures of every channel; zeros for one that has no rows, so that a gauge falls back to zero.
pub(in crate::store) fn counts(rows: &[CountRow]) -> Result<Vec<QueueCounts>, StoreError> {
    let mut all: Vec<_> = Channel::ALL.iter().map(|channel| QueueCounts::none(*channel)).collect();
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    for row in rows {
        let Some(counts) = all.iter_mut().find(|counts| counts.channel.as_str() == row.channel) else { continue };
        counts.planned += count(row.planned);
        counts.due += count(row.due);
        counts.sending += count(row.sending);
        counts.unknown += count(row.unknown);
        counts.oldest_due = [counts.oldest_due, row.oldest_due.map(|oldest| oldest.0)].into_iter().flatten().min();
        if let Some(cause) = &row.hold_cause {
            let cause: HoldCause = read(cause, "queue.hold_cause", str::parse)?;
            *counts.held.entry(cause.reason).or_default() += count(row.held);
        }
    }
    Ok(all)
}

/// An event, and what it does to the reminder's queue row. Which rows it may move follows from its kind alone:
///
/// | kind | from | to |
/// |---|---|---|
/// | skipped | planned | gone |
/// | deferred, moved | planned | planned, at `not_before` |
/// | held | planned, sending | held for the cause in its detail, until `not_before` |
/// | accepted, failed | sending, unknown | gone; with `not_before` falling back, then |
/// | retry | sending, unknown | planned, at `not_before`, in `gateway_index` |
/// | unknown | sending | unknown; with an early receipt falling back at once |
///
/// A row with another attempt number is never moved, and an event that moves no row is not recorded. Where a receipt
/// was quicker and said that the message did not arrive, it stands: then neither accepted nor unknown, which is
/// disproved, is recorded, and the row falls back at once.
#[derive(Debug)]
pub(in crate::store) struct Move {
    pub(in crate::store) event: Event,
    pub(in crate::store) not_before: Option<DateTime<Utc>>,
    pub(in crate::store) gateway_index: Option<u16>,
    /// Kept with the event: where a link led that is the same for everybody.
    pub(in crate::store) route: Option<RouteKey>,
    /// Kept with the event: what was handed over, as `sealing` writes it.
    pub(in crate::store) message: Option<Arc<[u8]>>,
}

impl Move {
    /// Whether it takes the row out, if it does anything.
    pub(in crate::store) fn ends(&self) -> bool {
        match self.event.kind {
            EventKind::Skipped => true,
            EventKind::Accepted | EventKind::Failed => self.not_before.is_none(),
            _ => false,
        }
    }

    /// The move that ends an attempt.
    pub(in crate::store) fn of(settlement: &Settlement, ring: Option<&KeyRing>) -> Self {
        let (not_before, gateway_index) = match settlement.next() {
            Next::Retry { not_before, gateway_index } => (Some(*not_before), Some(*gateway_index)),
            Next::Accepted | Next::Failed => (settlement.fall_back_at(), None),
            Next::Hold { until, .. } => (Some(*until), None),
            Next::Unknown => (None, None),
        };
        let (event, route) = (settlement.event(), settlement.route().cloned());
        let message = settlement.message().map(|message| kept_message(ring, event.reminder, event.attempt, message));
        Self { event, not_before, gateway_index, route, message }
    }
}
