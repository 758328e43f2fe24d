//! The tables `kept_report` and `reply`, and what is asked of others when a gateway tells something.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::FromRow;

use super::borrower::{read, read_if_known, read_key};
use super::channel::of_personal;
use super::clauses::Clause;
use super::sealing::{open_address, open_personal};
use super::value::Moment;
use crate::domain::{
    Address, Channel, Code, KeyRing, LiftRequest, MerchantId, ReminderId, ReminderKey, ReportedState, Step,
    Suppression, SuppressionReason, SuppressionRecord,
};
use crate::store::{KeptReport, ReplyFilter, ReplyRecord, Sender, StoreError, SuppressionFilter};

/// Reminders whose message a gateway took over under a number of its own. Columns of the table `k`: number.
macro_rules! by_provider_id {
    ($batch:literal, $gateway:literal) => {
        concat!(
            "select e.provider_id, max(e.reminder_id) as reminder_id from ",
            $batch,
            " join event e on e.provider_id = k.provider_id and e.provider_id is not null and e.kind = 'accepted' \
             where e.gateway = ",
            $gateway,
            " group by e.provider_id"
        )
    };
}
pub(in crate::store) use by_provider_id;

/// Reminders whose messages were handed to other gateways only. An attempt that is under way, or that names no gateway,
/// may be the gateway's. Columns of the table `k`: number. Counted as in `standing`, so that no plan reads the events
/// of all reminders.
macro_rules! foreign {
    ($batch:literal, $gateway:literal) => {
        concat!(
            "select k.id from ",
            $batch,
            " where (select coalesce(max(case when e.gateway <> ",
            $gateway,
            " then 1 else 2 end), 0) from event e where e.reminder_id = k.id and e.kind in ('accepted', 'unknown')) = \
             1 \
             and (select count(*) from queue q where q.reminder_id = k.id and q.state = 'sending') = 0"
        )
    };
}
pub(in crate::store) use foreign;

/// Where the messages of reminders go to. `$batch` is a table `k` of numbers, joined to `r`.
macro_rules! addresses {
    ($batch:literal) => {
        concat!(
            r#"select r.merchant, r.borrower_id, r.id as reminder_id, r.channel,
                "#,
            $crate::store::sql::channel::address!(),
            r#" as address, b.sealed
            from "#,
            $batch,
            " join borrower b on b.borrower_id = r.borrower_id and b.merchant = r.merchant"
        )
    };
}
pub(in crate::store) use addresses;

/// Kept reports that are due, each with its reminder if it is known by now. Binds: now, limit.
pub(in crate::store) const KEPT: &str = r#"
    select k.id, k.gateway, k.reported_state, k.code, k.is_hint, k.at, k.received_at,
        coalesce(k.reminder_id, (
            select max(e.reminder_id) from event e
            where e.provider_id = k.provider_id and e.provider_id is not null and e.kind = 'accepted'
              and e.gateway = k.gateway
        )) as reminder_id
    from kept_report k
    where k.look_at <= $1
    order by k.look_at, k.id
    limit $2"#;

/// Keeps an answer, unless it is there. Binds: the columns.
pub(in crate::store) const KEEP_REPLY: &str = r#"
    insert into reply (gateway, provider_id, merchant, reminder_id, channel, address, sealed, intent, text, at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (gateway, provider_id) where provider_id is not null do nothing
    returning id"#;

/// Has an answer wait for a person. Binds: number, channel, address if there is one.
pub(in crate::store) const KEEP_TO_READ: &str =
    "insert into reply_to_read (reply_id, channel, address) values ($1, $2, $3)";

/// Ends that. Binds: number.
pub(in crate::store) const HAVE_READ: &str = "delete from reply_to_read where reply_id = $1";

/// Records who has read an answer. Binds: number, at, actor, intent.
pub(in crate::store) const RECORD_READING: &str =
    "insert into reply_reading (reply_id, at, actor, intent) values ($1, $2, $3, $4)";

/// One answer. Binds: number.
pub(in crate::store) const REPLY: &str = "select id, gateway, merchant, reminder_id, channel, address, sealed, \
    intent, text, at, false as unread from reply where id = $1";

/// Whether something later is known of what an address wants. Binds: channel, address, merchant, at.
pub(in crate::store) const IS_OVERTAKEN: &str = r#"
    select exists (
        select 1 from reply
        where channel = $1 and address = $2 and merchant is not distinct from $3 and at > $4
          and intent in ('stop', 'start')
    )"#;

/// The merchant of a reminder. Binds: reminder.
pub(in crate::store) const OF_REMINDER: &str =
    "select id as reminder_id, merchant, borrower_id, due_date from reminder where id = $1";

/// The latest reminder that went to an address through a gateway: by when it left, not by when its receipt came, unless
/// that was quicker than the answer and is all there is. `$column` is the one of `borrower` that holds it. Binds:
/// address, channel, gateway.
macro_rules! last_sent {
    ($column:literal) => {
        concat!(
            r#"select r.id as reminder_id, r.merchant, r.borrower_id, r.due_date from borrower b
            join reminder r on r.borrower_id = b.borrower_id and r.merchant = b.merchant and r.channel = $2
            join event e on e.reminder_id = r.id and e.gateway = $3
              and e.kind in ('accepted', 'unknown', 'delivered')
            where "#,
            $column,
            " = $1 group by r.id, r.merchant, r.borrower_id, r.due_date order by min(e.at) desc, min(e.id) desc limit 1"
        )
    };
}

pub(in crate::store) use last_sent;

/// Lifts what an answer suppressed for the merchant that was answered; nothing, if it is not known who that is. Binds:
/// channel, address, merchant.
pub(in crate::store) const OPT_IN: &str = r#"
    delete from suppression
    where channel = $1 and address = $2 and reason = 'opted_out' and source like 'reply:%'
      and merchant = $3"#;

/// Locks one suppression until the transaction ends, and gives it. Binds: channel, address, merchant.
pub(in crate::store) const HOLD_SUPPRESSION: &str = r#"
    update suppression set lift_at = lift_at
    where channel = $1 and address = $2 and coalesce(merchant, '') = coalesce($3, '')
    returning reason, since, covers_opt_out, lift_actor, lift_at"#;

/// Records that a person asks for the end of one. Binds: channel, address, merchant, actor, at.
pub(in crate::store) const ASK_LIFT: &str = r#"
    update suppression set lift_actor = $4, lift_at = $5
    where channel = $1 and address = $2 and coalesce(merchant, '') = coalesce($3, '')"#;

/// A row of [`HOLD_SUPPRESSION`].
#[derive(FromRow)]
pub(in crate::store) struct LiftRow {
    reason: String,
    pub(in crate::store) since: Moment,
    covers_opt_out: bool,
    lift_actor: Option<String>,
    lift_at: Option<Moment>,
}

impl LiftRow {
    /// Whether it is an opt-out, or took the place of one.
    pub(in crate::store) fn is_opt_out(&self) -> Result<bool, StoreError> {
        let reason: SuppressionReason = read(&self.reason, "suppression.reason", str::parse)?;
        Ok(reason.is_opt_out() || self.covers_opt_out)
    }

    /// The person who asked for its end, and when.
    pub(in crate::store) fn asked(&self) -> Option<(&str, DateTime<Utc>)> {
        Some((self.lift_actor.as_deref()?, self.lift_at.as_ref()?.0))
    }
}

/// The suppressions of an address. Binds: channel, address.
pub(in crate::store) const SUPPRESSIONS_OF: &str = r#"
    select merchant, channel, address, sealed, reason, source, since, until, covers_opt_out, lift_actor, lift_at
    from suppression where channel = $1 and address = $2
    order by coalesce(merchant, '')"#;

/// A row of [`SUPPRESSIONS_OF`].
#[derive(FromRow)]
pub(in crate::store) struct SuppressionRecordRow {
    #[sqlx(flatten)]
    suppression: SuppressionRow,
    #[sqlx(flatten)]
    lift: LiftRow,
}

impl SuppressionRecordRow {
    pub(in crate::store) fn record(self, ring: Option<&KeyRing>) -> Result<SuppressionRecord, StoreError> {
        let is_opt_out = self.lift.is_opt_out()?;
        let asked = self.lift.asked().map(|(actor, at)| LiftRequest { actor: actor.to_owned(), at });
        Ok(SuppressionRecord { suppression: self.suppression.suppression(ring)?, is_opt_out, asked })
    }
}

/// Lifts one suppression. Binds: channel, address, merchant.
pub(in crate::store) const LIFT_SUPPRESSION: &str = r#"
    delete from suppression where channel = $1 and address = $2 and coalesce(merchant, '') = coalesce($3, '')"#;

/// Suppressions that match; the clauses come in between. Binds: merchant, channel, address, and what the page before
/// ended with: channel, address, merchant; limit.
pub(in crate::store) const SUPPRESSIONS: [&str; 2] = [
    "select merchant, channel, address, sealed, reason, source, since, until from suppression where true",
    " order by channel, address, coalesce(merchant, '') limit $7",
];

/// The clauses of a filter.
pub(in crate::store) fn narrow_suppressions(filter: &SuppressionFilter) -> [Clause; 4] {
    [
        (filter.merchant.is_some(), "merchant = $1"),
        (filter.channel.is_some(), "channel = $2"),
        (filter.address.is_some(), "address = $3"),
        (filter.after.is_some(), "(channel, address, coalesce(merchant, '')) > ($4, $5, $6)"),
    ]
}

/// Answers that match; the clauses come in between. Binds: merchant, intent, before, limit,
/// channel, address.
pub(in crate::store) const REPLIES: [&str; 2] = [
    "select id, gateway, merchant, reminder_id, channel, address, sealed, intent, text, at, \
     exists (select 1 from reply_to_read u where u.reply_id = reply.id) as unread from reply where true",
    " order by id desc limit $4",
];

/// The clauses of a filter.
pub(in crate::store) fn narrow_replies(filter: &ReplyFilter) -> [Clause; 6] {
    let unread = "exists (select 1 from reply_to_read u where u.reply_id = reply.id)";
    let read = "not exists (select 1 from reply_to_read u where u.reply_id = reply.id)";
    [
        (filter.unread == Some(true), unread),
        (filter.unread == Some(false), read),
        (filter.merchant.is_some(), "merchant = $1"),
        (filter.intent.is_some(), "intent = $2"),
        (filter.before.is_some(), "id < $3"),
        (filter.from.is_some(), "channel = $5 and address = $6"),
    ]
}

/// A row of [`by_provider_id`].
#[derive(FromRow)]
pub(in crate::store) struct FoundRow {
    pub(in crate::store) provider_id: String,
    pub(in crate::store) reminder_id: i64,
}

/// A row of [`OF_REMINDER`] and [`last_sent`].
#[derive(FromRow)]
pub(in crate::store) struct AnsweredRow {
    pub(in crate::store) reminder_id: i64,
    pub(in crate::store) merchant: String,
    pub(in crate::store) borrower_id: String,
    pub(in crate::store) due_date: NaiveDate,
}

impl AnsweredRow {
    /// Of the message that confirms the answer of that number.
    pub(in crate::store) fn confirmation(&self, reply: i64, channel: Channel) -> Result<ReminderKey, StoreError> {
        let borrower = read_key(&self.merchant, &self.borrower_id)?;
        Ok(ReminderKey { borrower, due_date: self.due_date, step: Step::Confirmation { reply }, channel })
    }
}

/// A row of [`addresses`].
#[derive(FromRow)]
pub(in crate::store) struct AddressRow {
    merchant: String,
    borrower_id: String,
    reminder_id: i64,
    channel: String,
    address: Option<String>,
    sealed: Option<String>,
}

impl AddressRow {
    /// The reminder, its merchant, and where its messages go to, if that is known.
    pub(in crate::store) fn read(
        self,
        ring: Option<&KeyRing>,
    ) -> Result<(ReminderId, MerchantId, Option<Address>), StoreError> {
        let merchant = read(&self.merchant, "reminder.merchant", str::parse)?;
        let address = match self.sealed {
            None => self.address,
            Some(sealed) => {
                let [_, phone, email, _] = open_personal(ring, &read_key(&self.merchant, &self.borrower_id)?, &sealed)?;
                of_personal(read(&self.channel, "reminder.channel", str::parse)?, phone, email)
            }
        };
        let address = address.map(|address| read_address(&self.channel, &address, "borrower.phone"));
        Ok((ReminderId(self.reminder_id), merchant, address.transpose()?))
    }
}

pub(in crate::store) fn read_address(
    channel: &str,
    address: &str,
    column: &'static str,
) -> Result<Address, StoreError> {
    let channel = read(channel, column, str::parse)?;
    read(address, column, |address| Address::stored(channel, address))
}

/// A value that is not a valid address is a number that was valid in no country, or in several.
fn read_sender(channel: &str, address: String) -> Sender {
    match read_address(channel, &address, "reply.address") {
        Ok(known) => Sender::Known(known.into()),
        Err(_) => Sender::Unreadable(address),
    }
}

/// A fate as its two columns.
pub(in crate::store) fn fate_columns(fate: &ReportedState) -> (&'static str, Option<&str>) {
    match fate {
        ReportedState::Delivered => ("delivered", None),
        ReportedState::Undelivered { code, for_good } => {
            (if *for_good { "gone" } else { "undelivered" }, code.as_ref().map(Code::as_str))
        }
        ReportedState::Complained => ("complained", None),
    }
}

fn read_fate(word: &str, code: Option<&str>) -> Result<ReportedState, StoreError> {
    let code = code.map(Code::new);
    Ok(match word {
        "delivered" => ReportedState::Delivered,
        "undelivered" => ReportedState::Undelivered { code, for_good: false },
        "gone" => ReportedState::Undelivered { code, for_good: true },
        "complained" => ReportedState::Complained,
        _ => return Err(StoreError::Corrupt { column: "kept_report.reported_state" }),
    })
}

/// A row of [`KEPT`].
#[derive(FromRow)]
pub(in crate::store) struct KeptRow {
    id: i64,
    gateway: String,
    reminder_id: Option<i64>,
    reported_state: String,
    code: Option<String>,
    is_hint: bool,
    at: Moment,
    received_at: Moment,
}

impl KeptRow {
    pub(in crate::store) fn kept(self) -> Result<KeptReport, StoreError> {
        Ok(KeptReport {
            id: self.id,
            gateway: read(&self.gateway, "kept_report.gateway", str::parse)?,
            reminder: self.reminder_id.map(ReminderId),
            fate: read_fate(&self.reported_state, self.code.as_deref())?,
            at: self.at.0,
            is_hint: self.is_hint,
            received_at: self.received_at.0,
        })
    }
}

/// A row of [`SUPPRESSIONS`].
#[derive(FromRow)]
pub(in crate::store) struct SuppressionRow {
    merchant: Option<String>,
    channel: String,
    pub(in crate::store) address: String,
    sealed: Option<String>,
    reason: String,
    source: String,
    since: Moment,
    until: Option<Moment>,
}

impl SuppressionRow {
    pub(in crate::store) fn suppression(self, ring: Option<&KeyRing>) -> Result<Suppression, StoreError> {
        const ADDRESS: &str = "suppression.address";
        let address = open_address(ring, self.address, self.sealed, ADDRESS)?;
        Ok(Suppression {
            merchant: read_if_known(self.merchant, "suppression.merchant", str::parse)?,
            address: read_address(&self.channel, &address, ADDRESS)?.into(),
            reason: read(&self.reason, "suppression.reason", str::parse::<SuppressionReason>)?,
            source: self.source,
            since: self.since.0,
            until: self.until.map(|until| until.0),
        })
    }
}

/// A row of [`REPLIES`].
#[derive(FromRow)]
pub(in crate::store) struct ReplyRow {
    id: i64,
    gateway: String,
    merchant: Option<String>,
    reminder_id: Option<i64>,
    channel: String,
    address: String,
    sealed: Option<String>,
    intent: String,
    text: String,
    at: Moment,
    unread: bool,
}

impl ReplyRow {
    pub(in crate::store) fn reply(self, ring: Option<&KeyRing>) -> Result<ReplyRecord, StoreError> {
        let address = open_address(ring, self.address, self.sealed, "reply.address")?;
        Ok(ReplyRecord {
            id: self.id,
            gateway: read(&self.gateway, "reply.gateway", str::parse)?,
            merchant: read_if_known(self.merchant, "reply.merchant", str::parse)?,
            reminder: self.reminder_id.map(ReminderId),
            from: read_sender(&self.channel, address),
            intent: read(&self.intent, "reply.intent", str::parse)?,
            said: self.text,
            at: self.at.0,
            unread: self.unread,
        })
    }
}
