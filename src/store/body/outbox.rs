//! The outbox operations that change something.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Batch, Connection, Db, End, Tx, permits, queue, reminder};
use crate::domain::{Attempt, Channel, Event, EventKind, GatewayName, NewReminder, ReminderId, SkipReason};
use crate::plan::{Account, Decision, DeferReason, Planned, ToSend};
use crate::store::sql::queue::{ClaimRow, Move, OVERDUE, OverdueRow, REHOME};
use crate::store::sql::reminder::OriginColumns;
use crate::store::sql::value::{Moment, stored_attempt, stored_place};
use crate::store::{ClaimRequest, Claimed, ClaimedReminder, Decide, PutIn, StoreError};

pub(super) async fn plan(
    tx: &mut Tx,
    reminders: &[NewReminder],
    at: DateTime<Utc>,
) -> Result<Vec<ReminderId>, StoreError> {
    reminder::insert(tx, columns(reminders, |new| (new, false), at)?).await
}

/// Each with whether its rule wants one channel at first.
fn columns<'r, R>(
    rows: &'r [R],
    read: impl Fn(&'r R) -> (&'r NewReminder, bool) + Copy,
    at: DateTime<Utc>,
) -> Result<Batch<'r, R>, StoreError> {
    let new = move |row| read(row).0;
    Batch::of(rows)
        .column(|row| new(row).key.borrower.merchant.as_str())?
        .column(|row| new(row).key.borrower.id.as_str())?
        .column(|row| new(row).key.due_date)?
        .column(|row| new(row).key.step.to_string())?
        .column(|row| new(row).key.channel.as_str())?
        .column(|row| OriginColumns::of(&new(row).origin).origin)?
        .column(|row| OriginColumns::of(&new(row).origin).actor)?
        .column(|row| OriginColumns::of(&new(row).origin).reason)?
        .column(|row| OriginColumns::of(&new(row).origin).resend_of)?
        .column(|_| Moment(at))?
        .column(|row| Moment(new(row).not_before))?
        .column(|row| Moment(new(row).expires_at))?
        .column(|row| read(row).1)
}

fn read_planned<'r>(one: &'r &Planned) -> (&'r NewReminder, bool) {
    (&one.reminder, one.is_sole)
}

/// Puts in what a scan found. What is there already costs a second look: it may be planned again.
pub(super) async fn put_in(tx: &mut Tx, found: &[Planned], at: DateTime<Utc>) -> Result<PutIn, StoreError> {
    let (mut missed, to_plan): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.skip.is_some());
    missed.sort_by_key(|one| one.skip.map(SkipReason::as_str));
    let mut put = PutIn::default();
    if !to_plan.is_empty() {
        put.planned = reminder::insert(tx, columns(&to_plan, read_planned, at)?).await?;
    }
    if put.planned.len() < to_plan.len() {
        put.revived = reminder::revive(tx, columns(&to_plan, read_planned, at)?, Moment(at)).await?;
    }
    for missed in missed.chunk_by(|a, b| a.skip == b.skip) {
        let Some(reason) = missed.first().and_then(|one| one.skip) else { continue };
        put.skipped.extend(reminder::insert_skipped(tx, columns(missed, read_planned, at)?, reason, Moment(at)).await?);
    }
    Ok(put)
}

/// A due reminder with the facts about it, before anything is decided.
struct Due {
    id: ReminderId,
    /// The number of the latest attempt.
    attempt: u32,
    reminder: NewReminder,
    account: Account,
}

pub(super) async fn claim(
    end: &End,
    tx: &mut Tx,
    request: &ClaimRequest,
    decide: Decide<'_>,
) -> Result<Claimed, StoreError> {
    let given = end.given_now();
    let rate = permits::lock(tx, given, request).await?;
    let allowed = rate.as_ref().map_or(request.limit, permits::Locked::allowed);
    let (due, now) = match &rate {
        Some(rate) if allowed == 0 => (Vec::new(), Some(rate.now)),
        Some(rate) => take_due(tx, Some(rate.now), request, allowed).await?,
        None => take_due(tx, given, request, allowed).await?,
    };
    let now = match now {
        Some(now) => now,
        None => end.now(tx).await?,
    };
    let (mut to_send, mut put_aside, mut moves) = (Vec::new(), Vec::new(), Vec::new());
    for due in due {
        match decide(&due.reminder, &due.account, now.0) {
            Decision::Send(message) => to_send.push((due, message)),
            decision => {
                moves.extend(set_aside(&due, &decision, now.0));
                put_aside.push((due.id, decision));
            }
        }
    }
    let moved = BTreeSet::from_iter(record(tx, &moves).await?);
    put_aside.retain(|(id, _)| moved.contains(id));
    let mut sending = lease(tx, now, request, to_send).await?;
    if let Some(rate) = &rate {
        sending.iter_mut().enumerate().for_each(|(number, claimed)| claimed.pause = rate.pause(number));
        rate.used(tx, sending.len()).await?;
    }
    Ok(Claimed { now: now.0, allowed, sending, put_aside })
}

/// Due reminders, and the time as of which they are: the one that is given, or the database's, which comes with the first row.
async fn take_due(
    tx: &mut Tx,
    now: Option<Moment>,
    request: &ClaimRequest,
    limit: u32,
) -> Result<(Vec<Due>, Option<Moment>), StoreError> {
    let rows: Vec<ClaimRow> = sqlx::query_as::<Db, _>(queue::CLAIMABLE)
        .bind(now)
        .bind(request.channel.as_str())
        .bind(i64::from(limit))
        .bind(stored_place(request.place))
        .fetch_all(&mut **tx)
        .await?;
    let now = now.or(rows.first().map(|row| row.now));
    let mut taken: Vec<Due> = Vec::with_capacity(rows.len());
    for row in rows {
        match taken.last_mut().filter(|last| last.id == row.reminder.id()) {
            Some(last) => row.account.add_to(&mut last.account)?,
            None => taken.push(Due {
                id: row.reminder.id(),
                attempt: row.attempt()?,
                reminder: row.reminder.reminder()?.plan,
                account: row.account.open()?,
            }),
        }
    }
    Ok((taken, now))
}

/// What becomes of a due reminder that is not to be sent now.
fn set_aside(due: &Due, decision: &Decision, now: DateTime<Utc>) -> Option<Move> {
    match decision {
        Decision::Send(_) => None,
        Decision::Skip(reason) => {
            Some(Move { event: Event::skipped(due.id, due.attempt, *reason, now), not_before: None, place: None })
        }
        Decision::Defer { until, reason } => {
            let event = deferred(due.id, due.attempt, *reason, now);
            Some(Move { event, not_before: Some(*until), place: None })
        }
    }
}

fn deferred(reminder: ReminderId, attempt: u32, reason: DeferReason, at: DateTime<Utc>) -> Event {
    Event {
        reminder,
        attempt,
        at,
        kind: EventKind::Deferred,
        gateway: None,
        provider_id: None,
        detail: Some(reason.as_str().to_owned()),
    }
}

/// Puts what is to be sent under a lease. Only what the database says it has put under one is handed out (I9).
async fn lease(
    tx: &mut Tx,
    now: Moment,
    request: &ClaimRequest,
    to_send: Vec<(Due, ToSend)>,
) -> Result<Vec<ClaimedReminder>, StoreError> {
    if to_send.is_empty() {
        return Ok(Vec::new());
    }
    let leased: Vec<(i64,)> = Batch::of(&to_send)
        .column(|(due, _)| due.id.0)?
        .column(|(due, _)| stored_attempt(due.attempt))?
        .query_as(queue::LEASE)?
        .bind(Moment(now.0 + request.lease))
        .bind(request.gateway.as_str())
        .fetch_all(&mut **tx)
        .await?;
    let leased: BTreeSet<i64> = leased.into_iter().map(|(id,)| id).collect();
    let claimed = |(due, message): (Due, ToSend)| ClaimedReminder {
        attempt: Attempt::claimed(due.id, due.attempt + 1, request.gateway.clone()),
        reminder: due.reminder,
        account: due.account,
        to_send: message,
        pause: chrono::TimeDelta::zero(),
    };
    Ok(to_send.into_iter().filter(|(due, _)| leased.contains(&due.id.0)).map(claimed).collect())
}

pub(super) async fn reap(tx: &mut Tx, now: Moment, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
    let overdue: Vec<OverdueRow> =
        sqlx::query_as::<Db, _>(OVERDUE).bind(now).bind(i64::from(limit)).fetch_all(&mut **tx).await?;
    let moves = overdue.into_iter().map(|row| row.doubt(now.0)).collect::<Result<Vec<_>, _>>()?;
    record(tx, &moves).await
}

/// Moves queue rows by events and records the events. Gives the reminders that were moved; a move that another attempt or
/// another state forbids is passed over.
pub(super) async fn record(connection: &mut Connection, moves: &[Move]) -> Result<Vec<ReminderId>, StoreError> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    // In one order everywhere, so that two transactions cannot lock each other out.
    let mut moves = Vec::from_iter(moves);
    moves.sort_by_key(|step| step.event.reminder);
    // Two words on one attempt: the first counts.
    moves.dedup_by_key(|step| (step.event.reminder, step.event.attempt));
    let columns = Batch::of(&moves)
        .column(|step| step.event.reminder.0)?
        .column(|step| stored_attempt(step.event.attempt))?
        .column(|step| Moment(step.event.at))?
        .column(|step| step.event.kind.as_str())?
        .column(|step| step.event.gateway.as_ref().map(GatewayName::as_str))?
        .column(|step| step.event.provider_id.as_deref())?
        .column(|step| step.event.detail.as_deref())?
        .column(|step| step.not_before.map(Moment))?
        .column(|step| step.place.map(stored_place))?;
    Ok(queue::record(connection, columns).await?.into_iter().map(ReminderId).collect())
}

pub(super) async fn rehome(tx: &mut Tx, channel: Channel, places: u16) -> Result<usize, StoreError> {
    let moved = sqlx::query::<Db>(REHOME).bind(channel.as_str()).bind(stored_place(places)).execute(&mut **tx).await?;
    Ok(usize::try_from(moved.rows_affected()).unwrap_or(usize::MAX))
}
