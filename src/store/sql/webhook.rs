//! The tables `occurrence`, `webhook_endpoint` and `webhook_waiting`, and the records that are posted as events.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::event::read_attempt;
use super::value::Moment;
use crate::domain::{
    BorrowerId, EndpointKey, EndpointState, RecordPosition, RecordTable, ReminderId, WaitingBorrower, WebhookEvent,
    WebhookType,
};
use crate::store::StoreError;

/// The records of one kind: `$columns` and `$from` it, of merchants or a borrower as `$of` has it, with numbers from
/// behind `$2` to `$3`.
macro_rules! records {
    (event, $of:literal, $from:literal) => {
        concat!(
            "select e.id as number, e.at, 'reminder.' || e.kind as kind, r.merchant, r.borrower_id, r.id as reminder_id, \
             r.due_date, r.step, r.channel, e.attempt, e.detail, null as route_key, null as installment_id from ",
            $from,
            " where e.id > $2 and e.id <= $3 and e.kind in ('accepted', 'delivered', 'undelivered', 'failed', \
             'skipped') and ",
            $of,
            " order by e.id"
        )
    };
    (click, $of:literal, $from:literal) => {
        concat!(
            "select c.id as number, c.at, 'borrower.clicked' as kind, r.merchant, r.borrower_id, r.id as reminder_id, \
             r.due_date, r.step, r.channel, null as attempt, null as detail, c.route_key, null as installment_id from ",
            $from,
            " where c.id > $2 and c.id <= $3 and ",
            $of,
            " order by c.id"
        )
    };
    (reply, $of:literal, $from:literal) => {
        concat!(
            "select p.id as number, p.at, 'borrower.replied' as kind, r.merchant, r.borrower_id, r.id as reminder_id, \
             r.due_date, r.step, p.channel, null as attempt, p.intent as detail, null as route_key, \
             null as installment_id from ",
            $from,
            " where p.id > $2 and p.id <= $3 and p.merchant is not null and ",
            $of,
            " order by p.id"
        )
    };
    (occurrence, $of:literal) => {
        concat!(
            "select o.id as number, o.at, o.kind, o.merchant, o.borrower_id, o.reminder_id, r.due_date, r.step, \
             o.channel, null as attempt, null as detail, o.route_key, o.installment_id \
             from occurrence o left join reminder r on r.id = o.reminder_id where o.id > $2 and o.id <= $3 and ",
            $of,
            " order by o.id"
        )
    };
}
pub(in crate::store) use records;

/// The records of merchants, in the order of [`RecordTable::ALL`]: `$of` compares `r.merchant`, `$own` the merchant of
/// an occurrence. Binds: the merchants; first and last number.
macro_rules! records_of_merchants {
    ($of:literal, $own:literal) => {
        [
            records!(event, $of, "event e join reminder r on r.id = e.reminder_id"),
            records!(click, $of, "click c join reminder r on r.id = c.reminder_id"),
            records!(reply, $of, "reply p join reminder r on r.id = p.reminder_id"),
            records!(occurrence, $own),
        ]
    };
}
pub(in crate::store) use records_of_merchants;

/// The records of one borrower. Binds: borrower; first and last number; merchant.
pub(in crate::store) const OF_BORROWER: [&str; 4] = [
    records!(event, "r.borrower_id = $1 and r.merchant = $4", "reminder r join event e on e.reminder_id = r.id"),
    records!(click, "r.borrower_id = $1 and r.merchant = $4", "reminder r join click c on c.reminder_id = r.id"),
    records!(reply, "r.borrower_id = $1 and r.merchant = $4", "reminder r join reply p on p.reminder_id = r.id"),
    records!(occurrence, "o.borrower_id = $1 and o.merchant = $4"),
];

/// The records of the routes of a merchant. Binds: merchant; first and last number.
pub(in crate::store) const OF_ROUTES: &str = records!(occurrence, "o.merchant = $1 and o.borrower_id is null");

/// The latest time of a record, in the order of [`RecordTable::ALL`]; the times of receipts are a provider's, and count
/// only where there is nothing else. Binds: first and last number.
pub(in crate::store) const LATEST: [&str; 4] = [
    "select coalesce(max(at) filter (where kind not in ('delivered', 'undelivered')), max(at)) from event \
     where id > $1 and id <= $2",
    "select max(at) from click where id > $1 and id <= $2",
    "select max(at) from reply where id > $1 and id <= $2",
    "select max(at) from occurrence where id > $1 and id <= $2",
];

/// The position of the first record since a time, in the order of [`RecordTable::ALL`]; null if there is none. Binds:
/// the time.
pub(in crate::store) const SINCE: [&str; 4] = [
    "select min(id) - 1 from event where at >= $1",
    "select min(id) - 1 from click where at >= $1",
    "select min(id) - 1 from reply where at >= $1",
    "select min(id) - 1 from occurrence where at >= $1",
];

/// A route is degraded, unless it was already. Binds: time, merchant, route, address.
pub(in crate::store) const ROUTE_DEGRADED: &str = r#"
    insert into occurrence (at, kind, merchant, route_key)
    select $1, 'route.degraded', $2, $3
    where not exists (select 1 from route_health where route_key = $3 and url = $4 and degraded)"#;

/// The borrowers with an address are opted out on its channel, unless they were already: `$key` is the column of the
/// address. Binds: time, merchant or null for all, channel, address.
macro_rules! opted_out {
    ($key:literal) => {
        concat!(
            "insert into occurrence (at, kind, merchant, borrower_id, channel) \
             select $1, 'borrower.opted_out', b.merchant, b.borrower_id, $3 from borrower b \
             where b.merchant = coalesce($2, b.merchant) and ",
            $key,
            " = $4 and not exists (select 1 from suppression s where s.channel = $3 and s.address = $4 \
             and s.reason = 'opted_out' and coalesce(s.merchant, b.merchant) = b.merchant)"
        )
    };
}
pub(in crate::store) use opted_out;

/// Instalments that were paid after their borrower followed a link about them, each once: `$paid` has them from
/// `installment i`.
macro_rules! paid_after_click {
    ($paid:literal) => {
        concat!(
            "insert into occurrence (at, kind, merchant, borrower_id, reminder_id, installment_id) \
             select p.settled_at, 'installment.paid_after_click', p.merchant, p.borrower_id, p.reminder_id, \
                p.installment_id \
             from ( \
                select i.merchant, i.borrower_id, i.installment_id, i.settled_at, ( \
                    select c.reminder_id from reminder r join click c on c.reminder_id = r.id \
                    where r.borrower_id = i.borrower_id and r.merchant = i.merchant and r.due_date = i.due_date \
                      and c.at <= i.settled_at \
                    order by c.id desc limit 1 \
                ) as reminder_id from ",
            $paid,
            " where i.status = 'paid' and i.settled_at is not null \
             ) p \
             where p.reminder_id is not null \
             on conflict (installment_id, merchant) where installment_id is not null do nothing"
        )
    };
}
pub(in crate::store) use paid_after_click;

macro_rules! position_columns {
    () => {
        "event_id, click_id, reply_id, occurrence_id"
    };
}

/// All endpoints with which a daemon has begun.
pub(in crate::store) const ENDPOINTS: &str = concat!(
    "select merchant, name, ",
    position_columns!(),
    ", version, failures, failing_since, not_before, last_fault, disabled_at \
     from webhook_endpoint order by merchant, name"
);

/// Adds an endpoint that is not there. Binds: merchant, name, position.
pub(in crate::store) const ADD_ENDPOINT: &str = concat!(
    "insert into webhook_endpoint (merchant, name, ",
    position_columns!(),
    ") values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
);

/// Writes the progress of an endpoint that nobody else moved. Binds: merchant, name, version, position before, position
/// after, failures, failing since, not before, last fault, disabled.
pub(in crate::store) const SAVE: &str = r#"
    update webhook_endpoint set event_id = $8, click_id = $9, reply_id = $10, occurrence_id = $11, failures = $12,
        failing_since = $13, not_before = $14, last_fault = $15, disabled_at = $16
    where merchant = $1 and name = $2 and version = $3
      and event_id = $4 and click_id = $5 and reply_id = $6 and occurrence_id = $7"#;

/// Begins afresh from a position. Binds: merchant, name, position.
pub(in crate::store) const REPLAY: &str = r#"
    update webhook_endpoint set event_id = $3, click_id = $4, reply_id = $5, occurrence_id = $6, failures = 0,
        failing_since = null, not_before = null, last_fault = null, version = version + 1
    where merchant = $1 and name = $2"#;

/// Goes on where it was disabled. Binds: merchant, name.
pub(in crate::store) const ENABLE: &str = r#"
    update webhook_endpoint set failures = 0, failing_since = null, not_before = null, last_fault = null,
        disabled_at = null, version = version + 1
    where merchant = $1 and name = $2"#;

/// The borrowers that wait. Binds: merchant, name.
pub(in crate::store) const WAITING: &str = concat!(
    "select borrower_id, ",
    position_columns!(),
    ", failures, not_before, since, last_fault from webhook_waiting where merchant = $1 and name = $2 \
     order by borrower_id"
);

/// Binds: merchant, name, borrower, position, failures, not before, since, last fault.
pub(in crate::store) const WAIT: &str = concat!(
    "insert into webhook_waiting (merchant, name, borrower_id, ",
    position_columns!(),
    ", failures, not_before, since, last_fault) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     on conflict (merchant, name, borrower_id) do update set event_id = excluded.event_id, \
     click_id = excluded.click_id, reply_id = excluded.reply_id, occurrence_id = excluded.occurrence_id, \
     failures = excluded.failures, not_before = excluded.not_before, last_fault = excluded.last_fault"
);

/// Binds: merchant, name, borrower.
pub(in crate::store) const WAIT_NO_MORE: &str =
    "delete from webhook_waiting where merchant = $1 and name = $2 and borrower_id = $3";

/// Binds: merchant, name.
pub(in crate::store) const NOBODY_WAITS: &str = "delete from webhook_waiting where merchant = $1 and name = $2";

#[derive(FromRow)]
pub(in crate::store) struct RecordRow {
    number: i64,
    at: Moment,
    kind: String,
    merchant: String,
    borrower_id: Option<String>,
    reminder_id: Option<i64>,
    due_date: Option<NaiveDate>,
    step: Option<String>,
    channel: Option<String>,
    attempt: Option<i32>,
    detail: Option<String>,
    route_key: Option<String>,
    installment_id: Option<String>,
}

impl RecordRow {
    pub(in crate::store) fn event(self, table: RecordTable) -> Result<WebhookEvent, StoreError> {
        let kind = read(&self.kind, "event.kind", str::parse)?;
        let intent_or_reason = match kind {
            WebhookType::Accepted => None,
            _ => self.detail.as_deref().map(WebhookEvent::reason_word),
        };
        Ok(WebhookEvent {
            table,
            number: self.number,
            at: self.at.0,
            kind,
            merchant: read(&self.merchant, "reminder.merchant", str::parse)?,
            borrower: read_if_known(self.borrower_id, "reminder.borrower_id", str::parse)?,
            reminder: self.reminder_id.map(ReminderId),
            due_date: self.due_date,
            step: self.step,
            channel: read_if_known(self.channel, "reminder.channel", str::parse)?,
            attempt: self.attempt.map(|attempt| read_attempt(attempt, "event.attempt")).transpose()?,
            reason: intent_or_reason,
            route: read_if_known(self.route_key, "click.route_key", str::parse)?,
            installments: Vec::from_iter(read_if_known(self.installment_id, "occurrence.installment_id", str::parse)?),
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct PositionRow {
    event_id: i64,
    click_id: i64,
    reply_id: i64,
    occurrence_id: i64,
}

impl PositionRow {
    pub(in crate::store) fn position(&self) -> RecordPosition {
        RecordPosition([self.event_id, self.click_id, self.reply_id, self.occurrence_id])
    }
}

#[derive(FromRow)]
pub(in crate::store) struct EndpointRow {
    merchant: String,
    name: String,
    #[sqlx(flatten)]
    position: PositionRow,
    version: i64,
    failures: i32,
    failing_since: Option<Moment>,
    not_before: Option<Moment>,
    last_fault: Option<String>,
    disabled_at: Option<Moment>,
}

impl EndpointRow {
    pub(in crate::store) fn state(self) -> Result<EndpointState, StoreError> {
        Ok(EndpointState {
            key: EndpointKey {
                merchant: read(&self.merchant, "webhook_endpoint.merchant", str::parse)?,
                name: read(&self.name, "webhook_endpoint.name", str::parse)?,
            },
            position: self.position.position(),
            version: self.version,
            failures: read_attempt(self.failures, "webhook_endpoint.failures")?,
            failing_since: self.failing_since.map(|moment| moment.0),
            not_before: self.not_before.map(|moment| moment.0),
            last_fault: self.last_fault,
            disabled_at: self.disabled_at.map(|moment| moment.0),
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct WaitingRow {
    borrower_id: String,
    #[sqlx(flatten)]
    position: PositionRow,
    failures: i32,
    not_before: Moment,
    since: Moment,
    last_fault: String,
}

impl WaitingRow {
    pub(in crate::store) fn waiting(self) -> Result<WaitingBorrower, StoreError> {
        let borrower = Some(self.borrower_id).filter(|borrower| !borrower.is_empty());
        Ok(WaitingBorrower {
            borrower: read_if_known(borrower, "webhook_waiting.borrower_id", str::parse)?,
            position: self.position.position(),
            failures: read_attempt(self.failures, "webhook_waiting.failures")?,
            not_before: self.not_before.0,
            since: self.since.0,
            last_fault: self.last_fault,
        })
    }
}

/// A borrower, or the routes of a merchant, as `webhook_waiting` has them.
pub(in crate::store) fn borrower_column(borrower: Option<&BorrowerId>) -> &str {
    borrower.map_or("", BorrowerId::as_str)
}
