//! Whether anything may be sent from the database, and what daemons remember of it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::incarnation::{ARM, CONTINUE_BEHIND, PUT_BACK, PUT_IN_ANEW, STATE};
use super::{Batch, Connection, Db, SqlStore, Tx, audit, reminder};
use crate::domain::{
    Arming, Beat, DATABASE_REWOUND, DatabaseState, DisarmReason, HandoverRecord, ManualChange, Marks, ReminderId,
};
use crate::store::audit_entries;
use crate::store::sql::incarnation::{
    ASKED, BEAT, DAEMONS, DISARM, DOUBT, DaemonRow, NOTE, NUMBER, PAST, PUT_IN_DOUBT, StateRow,
};
use crate::store::sql::reminder::{KnownRow, OriginColumns};
use crate::store::sql::value::{Moment, stored_attempt};
use crate::store::{IncarnationStore, NextLook, StoreError};

#[async_trait]
impl IncarnationStore for SqlStore {
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        let Some(beat) = beat else {
            let mut tx = self.read().await?;
            let now = self.now(&mut tx).await?;
            let read = state(&mut tx, now).await?;
            return Ok(tx.finish(read).await);
        };
        // Lasting: a database with fewer beats than the daemon remembers is an older one.
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let said = sqlx::query::<Db>(BEAT).bind(beat.daemon).bind(now).bind(beat.handed_in);
        said.execute(&mut *tx).await?;
        let read = state(&mut tx, now).await?;
        tx.commit().await?;
        Ok(read)
    }

    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        sqlx::query::<Db>(DISARM).bind(reason.as_str()).bind(daemon).bind(now).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn hand_in(&self, handed_over: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        sqlx::query::<Db>(CONTINUE_BEHIND).bind(marks.reminders).execute(&mut *tx).await?;
        let lost = lost(&mut tx, handed_over).await?;
        for (one, number) in &lost {
            put_in_doubt(&mut tx, one, *number, now).await?;
        }
        tx.commit().await?;
        Ok(lost.len())
    }

    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError> {
        let mut tx = self.write().await?;
        let asked: Vec<(String,)> = sqlx::query_as::<Db, _>(ASKED).fetch_all(&mut *tx).await?;
        let is_done = persons < 2 || asked.iter().any(|(actor,)| *actor != by.actor);
        note(&mut tx, by, is_done).await?;
        if is_done {
            sqlx::query::<Db>(ARM).execute(&mut *tx).await?;
        }
        let arming = if is_done { Arming::Armed } else { Arming::OnePersonMore };
        audit::note(&mut tx, &[audit_entries::arm(by, &arming)]).await?;
        tx.commit().await?;
        Ok(arming)
    }
}

async fn state(connection: &mut Connection, now: Moment) -> Result<DatabaseState, StoreError> {
    let row: StateRow = sqlx::query_as::<Db, _>(STATE).fetch_one(&mut *connection).await?;
    let daemons: Vec<DaemonRow> = sqlx::query_as::<Db, _>(DAEMONS).fetch_all(&mut *connection).await?;
    let past = sqlx::query_as::<Db, _>(PAST).fetch_all(connection).await?;
    row.state(daemons, past, now)
}

async fn note(tx: &mut Tx, by: &ManualChange, is_done: bool) -> Result<(), StoreError> {
    let noted = sqlx::query::<Db>(NOTE).bind(Moment(by.at)).bind(by.actor.as_str()).bind(by.reason.as_str());
    noted.bind(is_done).execute(&mut **tx).await?;
    Ok(())
}

/// The hand-overs that the database does not know, each with the number that its reminder has there; one attempt for
/// each, the last.
async fn lost<'h>(
    tx: &mut Tx,
    handed_over: &'h [HandoverRecord],
) -> Result<Vec<(&'h HandoverRecord, Option<ReminderId>)>, StoreError> {
    let mut last = BTreeMap::new();
    for one in handed_over {
        let kept = last.entry(&one.reminder.key).or_insert(one);
        if one.attempt > kept.attempt {
            *kept = one;
        }
    }
    let last: Vec<_> = (0_i64..).zip(last.into_values()).collect();
    let rows: Vec<KnownRow> = Batch::of(&last)
        .column(|(place, _)| *place)?
        .column(|(_, one)| one.reminder.key.borrower.merchant.as_str())?
        .column(|(_, one)| one.reminder.key.borrower.id.as_str())?
        .column(|(_, one)| one.reminder.key.due_date)?
        .column(|(_, one)| one.reminder.key.step.to_string())?
        .query_as(reminder::KNOWN)?
        .fetch_all(&mut **tx)
        .await?;
    let lost = last.into_iter().filter_map(|(place, one)| {
        let known = rows.iter().find(|row| row.place == place && row.is_on(one.reminder.key.channel));
        match known {
            Some(row) if row.has_arrived() || row.attempts() >= stored_attempt(one.attempt) => None,
            Some(row) => Some((one, Some(row.id()))),
            None => Some((one, None)),
        }
    });
    Ok(lost.collect())
}

async fn put_in_doubt(
    tx: &mut Tx,
    one: &HandoverRecord,
    number: Option<ReminderId>,
    now: Moment,
) -> Result<(), StoreError> {
    let number = match number {
        Some(number) => number,
        None => put_back(tx, one).await?,
    };
    let attempt = stored_attempt(one.attempt);
    let look_at = if one.can_be_looked_up(number) { now } else { Moment(NextLook::NEVER) };
    sqlx::query::<Db>(PUT_IN_DOUBT)
        .bind(look_at)
        .bind(number.0)
        .bind(attempt)
        .bind(one.reminder.key.channel.as_str())
        .bind(one.gateway.as_str())
        .execute(&mut **tx)
        .await?;
    let doubt = sqlx::query::<Db>(DOUBT).bind(now).bind(number.0).bind(attempt).bind(one.gateway.as_str());
    doubt.bind(DATABASE_REWOUND).execute(&mut **tx).await?;
    Ok(())
}

/// Puts a reminder in that is lost: under its number, which its reference was made from, unless another one has that
/// now.
async fn put_back(tx: &mut Tx, one: &HandoverRecord) -> Result<ReminderId, StoreError> {
    let key = &one.reminder.key;
    let (merchant, borrower, step) = (key.borrower.merchant.as_str(), key.borrower.id.as_str(), key.step.to_string());
    let origin = OriginColumns::of(&one.reminder.origin);
    let (planned_at, not_before) = (Moment(one.at), Moment(one.reminder.not_before));
    let expires_at = Moment(one.reminder.expires_at);
    sqlx::query::<Db>(PUT_BACK)
        .bind(one.id.0)
        .bind(merchant)
        .bind(borrower)
        .bind(key.due_date)
        .bind(step.clone())
        .bind(key.channel.as_str())
        .bind(origin.origin)
        .bind(origin.actor)
        .bind(origin.reason)
        .bind(planned_at)
        .bind(not_before)
        .bind(expires_at)
        .execute(&mut **tx)
        .await?;
    sqlx::query::<Db>(PUT_IN_ANEW)
        .bind(merchant)
        .bind(borrower)
        .bind(key.due_date)
        .bind(step.clone())
        .bind(key.channel.as_str())
        .bind(origin.origin)
        .bind(origin.actor)
        .bind(origin.reason)
        .bind(planned_at)
        .bind(not_before)
        .bind(expires_at)
        .execute(&mut **tx)
        .await?;
    let number = sqlx::query_as::<Db, (i64,)>(NUMBER).bind(merchant).bind(borrower).bind(key.due_date);
    let (number,) = number.bind(step).bind(key.channel.as_str()).fetch_one(&mut **tx).await?;
    Ok(ReminderId(number))
}
