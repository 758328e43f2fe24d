//! Changes to planned steps that are already in the outbox, after a scan or a claim.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::outbox::{columns, plan, record};
use super::{Batch, Tx, reminder};
use crate::domain::{Event, EventKind, NewReminder, ReminderId, SkipReason};
use crate::plan::{KnownReminder, PlanItem, Replan, ReplanAction, replan as changes_of};
use crate::store::sql::queue::Move;
use crate::store::sql::reminder::KnownRow;
use crate::store::sql::value::{Moment, stored_attempt};
use crate::store::{PlanResult, StoreError};

/// Changes the outbox to match the planned steps, and adds the changes to `put`.
pub(super) async fn replan(
    tx: &mut Tx,
    called: &[&PlanItem],
    at: DateTime<Utc>,
    put: &mut PlanResult,
) -> Result<(), StoreError> {
    let known = known(tx, called).await?;
    let changes = called.iter().zip(&known).filter_map(|(one, known)| Some((&one.reminder, changes_of(one, known)?)));
    let mut changes: Vec<(&NewReminder, Replan)> = changes.collect();
    let ends = changes.iter().flat_map(|(_, change)| change.end.iter().copied());
    let ends: Vec<_> = ends.map(|id| ended(id, at)).collect();
    let ended: BTreeSet<_> = record(tx, &ends).await?.into_iter().collect();
    // A claim was quicker: then it is decided there.
    changes.retain(|(_, change)| change.end.iter().all(|id| ended.contains(id)));
    let put_in = changes.iter().filter(|(_, change)| change.then == ReplanAction::PutIn).map(|(one, _)| *one);
    let put_in: Vec<_> = put_in.collect();
    if !put_in.is_empty() {
        put.switched = reminder::insert(tx, columns(&put_in, |one| (*one, false), at)?).await?;
    }
    let revived = revive(tx, &changes, at).await?;
    let moved = shift(tx, &changes, at).await?;
    let timed: Vec<_> = changes.iter().filter_map(|(one, change)| Some((change.then.id()?, *one))).collect();
    let timed: Vec<_> = timed.into_iter().filter(|(id, _)| revived.contains(id) || moved.contains(id)).collect();
    reminder::set_times(tx, &timed).await?;
    for id in revived {
        let instead = changes.iter().any(|(_, change)| change.then.id() == Some(id) && !change.end.is_empty());
        if instead { put.switched.push(id) } else { put.revived.push(id) }
    }
    put.moved = moved;
    Ok(())
}

/// The known reminders of each planned step.
async fn known(tx: &mut Tx, called: &[&PlanItem]) -> Result<Vec<Vec<KnownReminder>>, StoreError> {
    let places: Vec<_> = (0_i64..).zip(called.iter().map(|one| &one.reminder.key)).collect();
    let rows: Vec<KnownRow> = Batch::of(&places)
        .column(|(place, _)| *place)?
        .column(|(_, key)| key.borrower.merchant.as_str())?
        .column(|(_, key)| key.borrower.id.as_str())?
        .column(|(_, key)| key.due_date)?
        .column(|(_, key)| key.step.to_string())?
        .query_as(reminder::KNOWN)?
        .fetch_all(&mut **tx)
        .await?;
    let mut known = vec![Vec::new(); called.len()];
    for row in rows {
        if let Some(step) = usize::try_from(row.place).ok().and_then(|place| known.get_mut(place)) {
            step.push(row.known()?);
        }
    }
    Ok(known)
}

fn ended(id: ReminderId, at: DateTime<Utc>) -> Move {
    let event = Event::skipped(id, 0, SkipReason::Superseded, at);
    Move { event, not_before: None, gateway_index: None, route: None, message: None }
}

/// Plans again what is to be.
async fn revive(
    tx: &mut Tx,
    changes: &[(&NewReminder, Replan)],
    at: DateTime<Utc>,
) -> Result<Vec<ReminderId>, StoreError> {
    let again: Vec<_> = changes
        .iter()
        .filter_map(|(one, change)| match change.then {
            ReplanAction::Revive { id, attempts } => Some((id, attempts, *one)),
            _ => None,
        })
        .collect();
    if again.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Batch::of(&again)
        .column(|(id, ..)| id.0)?
        .column(|(_, attempts, _)| stored_attempt(*attempts))?
        .column(|(.., one)| Moment(one.not_before))?
        .column(|(.., one)| one.key.channel.as_str())?
        .column(|(.., one)| one.key.borrower.merchant.as_str())?;
    reminder::revive(tx, rows, Moment(at)).await
}

/// Moves what waits to its new time.
async fn shift(
    tx: &mut Tx,
    changes: &[(&NewReminder, Replan)],
    at: DateTime<Utc>,
) -> Result<Vec<ReminderId>, StoreError> {
    let moves = changes.iter().filter_map(|(one, change)| {
        let ReplanAction::Move(id) = change.then else { return None };
        let (gateway, provider_id, detail) = (None, None, None);
        let event = Event { reminder: id, attempt: 0, at, kind: EventKind::Moved, gateway, provider_id, detail };
        Some(Move { event, not_before: Some(one.not_before), gateway_index: None, route: None, message: None })
    });
    record(tx, &Vec::from_iter(moves)).await
}

/// Puts in what takes the place of skipped reminders on another channel; but nothing takes the place of what may have
/// arrived.
pub(super) async fn switch(
    tx: &mut Tx,
    switched: &[(ReminderId, NewReminder)],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if switched.is_empty() {
        return Ok(());
    }
    let in_doubt: Vec<(i64,)> =
        Batch::of(switched).column(|(id, _)| id.0)?.query_as(reminder::IN_DOUBT)?.fetch_all(&mut **tx).await?;
    let by_id = BTreeMap::from_iter(switched.iter().map(|(id, one)| (id.0, one)));
    let sound = by_id.into_iter().filter(|(id, _)| !in_doubt.contains(&(*id,)));
    plan(tx, &Vec::from_iter(sound.map(|(_, one)| one.clone())), at).await?;
    Ok(())
}
