//! Replies of people: the store keeps them, applies their intent, lists them, and records that a person has read
//! them.

use async_trait::async_trait;

use super::reports::suppressed;
use super::{Db, SqlStore, Tx, audit, ledger, outbox, queue, suppression};
use crate::domain::{BY_REPLY, HoldCause, HoldReason, Intent, MerchantId, NewReminder, ReminderId, SuppressionReason};
use crate::store::audit_entries;
use crate::store::sql::borrower::read as read_column;
use crate::store::sql::channel::last_sent;
use crate::store::sql::clauses::narrowed;
use crate::store::sql::report::{
    AnsweredRow, HAVE_READ, IS_OVERTAKEN, KEEP_REPLY, KEEP_TO_READ, OF_REMINDER, OPT_IN, RECORD_READING, REPLIES,
    REPLY, ReplyRow, narrow_replies,
};
use crate::store::sql::sealing::{compared, sealed_address};
use crate::store::sql::value::Moment;
use crate::store::{
    IncomingReply, RELEASED_AT_ONCE, ReplyFilter, ReplyReading, ReplyRecord, ReplyStore, ReportBatch, StoreError,
};

#[async_trait]
impl ReplyStore for SqlStore {
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        let mut tx = self.read().await?;
        let read = listed(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let mut tx = self.write().await?;
        let read = read(&mut tx, reading).await?;
        if let Some(reply) = &read {
            let (cause, now) = (HoldCause::new(HoldReason::UnreadReply, reply.id), self.now(&mut tx).await?);
            queue::release(&mut tx, now, &cause.to_string(), reply.from.channel().as_str(), RELEASED_AT_ONCE).await?;
            audit::note(&mut tx, &[audit_entries::read_reply(reply, reading)]).await?;
        }
        tx.commit().await?;
        Ok(read)
    }
}

/// Keeps an answer and does what is wanted by it. `false`, and nothing is done, if it came before.
pub(super) async fn answer(
    tx: &mut Tx,
    now: Moment,
    told: &ReportBatch,
    reply: &IncomingReply,
    about: Option<ReminderId>,
) -> Result<bool, StoreError> {
    let (gateway, channel) = (&told.gateway, reply.from.channel());
    let ring = tx.ring();
    let address = compared(ring.as_deref(), reply.from.reveal());
    let sealed = sealed_address(ring.as_deref(), reply.from.reveal());
    let answered: Option<AnsweredRow> = match about {
        Some(reminder) => sqlx::query_as::<Db, _>(OF_REMINDER).bind(reminder.0).fetch_optional(&mut **tx).await?,
        None if reply.from.address().is_none() => None,
        None => {
            sqlx::query_as::<Db, _>(last_sent(channel))
                .bind(&address)
                .bind(channel.as_str())
                .bind(gateway.as_str())
                .fetch_optional(&mut **tx)
                .await?
        }
    };
    let merchant = answered.as_ref().map(|row| row.merchant.as_str());
    let (overtaken,): (bool,) = sqlx::query_as::<Db, _>(IS_OVERTAKEN)
        .bind(channel.as_str())
        .bind(&address)
        .bind(merchant)
        .bind(Moment(reply.at))
        .fetch_one(&mut **tx)
        .await?;
    let kept: Option<(i64,)> = sqlx::query_as::<Db, _>(KEEP_REPLY)
        .bind(gateway.as_str())
        .bind(reply.provider_id.as_deref())
        .bind(merchant)
        .bind(answered.as_ref().map(|row| row.reminder_id))
        .bind(channel.as_str())
        .bind(&address)
        .bind(sealed)
        .bind(reply.intent.as_str())
        .bind(reply.said.as_str())
        .bind(Moment(reply.at))
        .fetch_optional(&mut **tx)
        .await?;
    let Some((number,)) = kept else { return Ok(false) };
    if reply.is_to_be_read() {
        sqlx::query::<Db>(KEEP_TO_READ)
            .bind(number)
            .bind(channel.as_str())
            .bind(reply.from.address().map(|_| &address))
            .execute(&mut **tx)
            .await?;
    }
    // An unknown sender can be suppressed only by a person.
    let Some(from) = reply.from.address() else { return Ok(true) };
    match reply.intent {
        Intent::Stop if !overtaken => {
            let merchant: Option<MerchantId> =
                merchant.map(|merchant| read_column(merchant, "reminder.merchant", str::parse)).transpose()?;
            if let Some(confirmation) = confirmation(tx, now, told, reply, answered.as_ref().zip(Some(number))).await? {
                outbox::plan(tx, &[confirmation], now.0).await?;
            }
            let source = format!("{BY_REPLY}{gateway}");
            let opted_out = suppressed(merchant, from.clone(), SuppressionReason::OptedOut, source, now);
            ledger::suppress(tx, &[opted_out], suppression::ADD).await?;
        }
        Intent::Start if !overtaken => {
            sqlx::query::<Db>(OPT_IN).bind(channel.as_str()).bind(&address).bind(merchant).execute(&mut **tx).await?;
        }
        _ => {}
    }
    Ok(true)
}

/// The message that confirms an opt-out which is about to be written down, with the number of the answer.
async fn confirmation(
    tx: &mut Tx,
    now: Moment,
    told: &ReportBatch,
    reply: &IncomingReply,
    answered: Option<(&AnsweredRow, i64)>,
) -> Result<Option<NewReminder>, StoreError> {
    let Some((answered, number)) = answered.filter(|_| !told.confirm.is_empty()) else { return Ok(None) };
    let key = answered.confirmation(number, reply.from.channel())?;
    let account = ledger::account(tx, now, &key.borrower, key.due_date, key.channel).await?;
    Ok(told.confirmation(key, reply.at, account.suppressed))
}

pub(super) async fn listed(tx: &mut Tx, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
    let (ring, from) = (tx.ring(), filter.from.as_ref());
    let rows: Vec<ReplyRow> = sqlx::query_as::<Db, _>(narrowed(REPLIES, &narrow_replies(filter)))
        .bind(filter.merchant.as_ref().map(MerchantId::as_str))
        .bind(filter.intent.map(Intent::as_str))
        .bind(filter.before)
        .bind(i64::from(filter.limit))
        .bind(from.map(|address| address.channel().as_str()))
        .bind(from.map(|address| compared(ring.as_deref(), address.reveal())))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(|row| row.reply(ring.as_deref())).collect()
}

/// Records that a person has read an answer, and suppresses its address if it is an opt-out.
pub(super) async fn read(tx: &mut Tx, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
    let waited = sqlx::query::<Db>(HAVE_READ).bind(reading.reply).execute(&mut **tx).await?;
    let row: Option<ReplyRow> = sqlx::query_as::<Db, _>(REPLY).bind(reading.reply).fetch_optional(&mut **tx).await?;
    let Some(row) = row.filter(|_| waited.rows_affected() > 0) else { return Ok(None) };
    let reply = row.reply(tx.ring().as_deref())?;
    let intent = if reading.is_stop { Intent::Stop } else { Intent::Other };
    sqlx::query::<Db>(RECORD_READING)
        .bind(reading.reply)
        .bind(Moment(reading.at))
        .bind(reading.actor.as_str())
        .bind(intent.as_str())
        .execute(&mut **tx)
        .await?;
    if let Some(address) = reply.from.address().filter(|_| reading.is_stop) {
        let (merchant, reason) = (reply.merchant.clone(), SuppressionReason::OptedOut);
        let opted_out = suppressed(merchant, address.clone(), reason, reading.actor.clone(), Moment(reading.at));
        ledger::suppress(tx, &[opted_out], suppression::ADD).await?;
    }
    Ok(Some(reply))
}
