//! The outbox operations that change something.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Batch, Connection, Db, SqlStore, Tx, audit, contacts, gateway_list, permits, queue, reminder, replans};
use crate::domain::{
    Attempt, Channel, Event, EventKind, GatewayName, KeyRing, ManualChange, NewReminder, Origin, ReminderId, RouteKey,
    SkipReason,
};
use crate::plan::{Account, Decision, DeferReason, GatewayLists, PlanItem, Progress, RecentContacts, SendPlan};
use crate::store::audit_entries;
use crate::store::sql::event::read_attempt;
use crate::store::sql::gateway_list::own_lists;
use crate::store::sql::queue::{AWAITED, ClaimRow, FREE, Move, PLANNED, REHOME, RESCUE};
use crate::store::sql::reminder::OriginColumns;
use crate::store::sql::value::{Blob, Moment, stored_attempt, stored_gateway_index};
use crate::store::{ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, NextLook, PlanResult, StoreError};

/// How much a claim with a rate puts aside before it gives others a turn at the gateway's permits.
const PUT_ASIDE_AT_ONCE: usize = 1_000;

/// How many reminders a claim with a rate looks at in one statement, if it has fewer permits.
const LOOKED_AT_ONCE: u32 = 200;

pub(super) async fn plan(
    tx: &mut Tx,
    reminders: &[NewReminder],
    at: DateTime<Utc>,
) -> Result<Vec<ReminderId>, StoreError> {
    let is_manual = |one: &NewReminder| matches!(one.origin, Origin::Manual { .. });
    if tx.origin().is_none() || !reminders.iter().any(is_manual) {
        return reminder::insert(tx, columns(reminders, |new| (new, false), at)?).await;
    }
    let (mut planned, mut entries) = (Vec::new(), Vec::new());
    for one in reminders {
        let put_in = reminder::insert(tx, columns(std::slice::from_ref(one), |new| (new, false), at)?).await?;
        entries.extend(put_in.iter().filter_map(|id| audit_entries::resend(one, *id, at)));
        planned.extend(put_in);
    }
    audit::note(tx, &entries).await?;
    Ok(planned)
}

/// Each with whether its rule wants one channel at first.
pub(super) fn columns<'r, R>(
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

pub(super) fn read_planned<'r>(one: &'r &PlanItem) -> (&'r NewReminder, bool) {
    (&one.reminder, one.is_sole)
}

/// Puts in what a scan found. What is there already costs a second look: it may have to change.
pub(super) async fn put_in(tx: &mut Tx, found: &[PlanItem], at: DateTime<Utc>) -> Result<PlanResult, StoreError> {
    let (mut missed, to_plan): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.skip.is_some());
    missed.sort_by_key(|one| one.skip.map(SkipReason::as_str));
    let mut put = PlanResult::default();
    if !to_plan.is_empty() {
        put.planned = reminder::insert(tx, columns(&to_plan, read_planned, at)?).await?;
    }
    if put.planned.len() < to_plan.len() {
        replans::replan(tx, &to_plan, at, &mut put).await?;
    }
    for missed in missed.chunk_by(|a, b| a.skip == b.skip) {
        let Some(reason) = missed.first().and_then(|one| one.skip) else { continue };
        put.skipped.extend(reminder::insert_skipped(tx, columns(missed, read_planned, at)?, reason, Moment(at)).await?);
    }
    Ok(put)
}

/// A due reminder under a lease, with the facts about it, before anything is decided.
pub(in crate::store) struct LeasedReminder {
    pub(in crate::store) id: ReminderId,
    /// The number of the attempt that the lease is for.
    attempt: u32,
    /// Whether an earlier copy may have arrived.
    in_doubt: bool,
    /// The time at which it last became due, which may be that of a retry.
    due_since: Moment,
    pub(in crate::store) reminder: NewReminder,
    pub(in crate::store) account: Account,
}

/// Records outcomes and claims, in one transaction.
pub(in crate::store) async fn settle_and_claim(
    store: &SqlStore,
    moves: &[Move],
    request: &ClaimRequest,
    decide: DecideFn<'_>,
) -> Result<(usize, ClaimResult), StoreError> {
    let mut tx = store.write().await?;
    let settled = record(&mut tx, moves).await?;
    let claimed = claim(store, &mut tx, request, decide).await?;
    // Before it is handed out: what is not recorded as claimed must not be sent (I9).
    tx.commit().await?;
    Ok((settled.len(), claimed))
}

async fn claim(
    store: &SqlStore,
    tx: &mut Tx,
    request: &ClaimRequest,
    decide: DecideFn<'_>,
) -> Result<ClaimResult, StoreError> {
    let given = store.given_now();
    let rate = permits::lock(tx, given, request).await?;
    let allowed = rate.as_ref().map_or(request.limit, permits::LockedRate::allowed);
    let most = allowed as usize;
    let mut given = rate.as_ref().map(|rate| rate.now).or(given);
    let (mut sending, mut not_sent) = (Vec::new(), Vec::new());
    let mut wanted = allowed;
    while sending.len() < most && not_sent.len() < PUT_ASIDE_AT_ONCE {
        let rows = queue::claim(store, tx, given, request, wanted).await?;
        // The time comes with the first row.
        let Some(now) = given.or(rows.first().map(|row| row.now)) else { break };
        given = Some(now);
        let mut leased = leased(rows, tx.ring().as_deref())?;
        let found = u32::try_from(leased.len()).unwrap_or(u32::MAX);
        if let Some(recent_contacts) = request.recent_contacts.filter(|_| found > 0) {
            look_beside(tx, recent_contacts, request.channel, &mut leased, now).await?;
        }
        let sorted = sort_out(leased, request, decide, now, most - sending.len());
        sending.extend(sorted.sending);
        not_sent.extend(unclaim(tx, sorted.not_sent, now).await?);
        if !sorted.undecided.is_empty() {
            let undecided = Batch::of(&sorted.undecided)
                .column(|leased| leased.id.0)?
                .column(|leased| stored_attempt(leased.attempt))?;
            queue::unclaim(store, tx, request, undecided).await?;
        }
        // Without a rate nothing is lost by claiming again.
        if rate.is_none() || found < wanted {
            break;
        }
        // Permits are for what is sent: behind what is put aside there may be more, and who looks one by one does not
        // get there.
        wanted = wanted.saturating_mul(2).min(LOOKED_AT_ONCE.max(allowed));
    }
    let now = match given {
        Some(now) => now,
        None => store.now(tx).await?,
    };
    if let Some(rate) = &rate {
        sending.iter_mut().enumerate().for_each(|(number, claimed)| claimed.pause = rate.pause(number));
        rate.used(tx, sending.len()).await?;
    }
    Ok(ClaimResult { now: now.0, allowed, sending, not_sent })
}

/// Adds to due reminders what is beside them, while nobody else decides about the same people.
async fn look_beside(
    tx: &mut Tx,
    recent_contacts: RecentContacts,
    channel: Channel,
    leased: &mut [LeasedReminder],
    now: Moment,
) -> Result<(), StoreError> {
    let waiting = |one: &LeasedReminder| Progress::waiting(&one.reminder, &one.account, one.due_since.0);
    let undecided = leased.iter().map(|one| (one.id, waiting(one))).collect();
    let mut asked: Vec<_> = leased.iter_mut().map(LeasedReminder::asked).collect();
    let people = contacts::people(tx, recent_contacts, &asked).await?;
    contacts::take_turns(tx, &people, &asked).await?;
    contacts::read(tx, now, recent_contacts, (channel, &people), &mut asked, &undecided).await
}

/// Due reminders once it was decided about them.
pub(in crate::store) struct Decisions {
    pub(in crate::store) sending: Vec<ClaimedReminder>,
    pub(in crate::store) not_sent: Vec<(LeasedReminder, Decision)>,
    /// More than may be sent now.
    undecided: Vec<LeasedReminder>,
}

/// Decides about due reminders in their order, until `most` are to be sent.
pub(in crate::store) fn sort_out(
    leased: Vec<LeasedReminder>,
    request: &ClaimRequest,
    decide: DecideFn<'_>,
    now: Moment,
    most: usize,
) -> Decisions {
    let (mut sending, mut not_sent) = (Vec::with_capacity(leased.len()), Vec::new());
    let mut rest = leased.into_iter();
    while sending.len() < most
        && let Some(leased) = rest.next()
    {
        let decision = decide.decide(&leased.reminder, &leased.account, now.0);
        if request.recent_contacts.is_some() {
            contacts::tell(rest.as_mut_slice(), leased.id, &decision);
        }
        match decision {
            Decision::Send(to_send) => sending.push(leased.claimed(request, to_send)),
            decision => not_sent.push((leased, decision)),
        }
    }
    Decisions { sending, not_sent, undecided: rest.collect() }
}

/// Puts the rows of each reminder together.
pub(in crate::store) fn leased(rows: Vec<ClaimRow>, ring: Option<&KeyRing>) -> Result<Vec<LeasedReminder>, StoreError> {
    let mut taken: Vec<LeasedReminder> = Vec::with_capacity(rows.len());
    for mut row in rows {
        let notice = row.notice()?;
        match taken.last_mut().filter(|last| last.id == row.reminder.id()) {
            Some(LeasedReminder { reminder: NewReminder { key, .. }, account, .. }) => {
                row.account.add_to(account, &key.borrower, key.due_date)?;
            }
            None => {
                let (id, attempt, reminder) = (row.reminder.id(), row.attempt()?, row.reminder.reminder()?.plan);
                let (in_doubt, due_since) = (row.in_doubt, row.due_since);
                let account = row.account.open(&reminder.key.borrower, reminder.key.due_date, ring)?;
                let account = Account { notice, ..account };
                taken.push(LeasedReminder { id, attempt, in_doubt, due_since, reminder, account });
            }
        }
    }
    Ok(taken)
}

impl LeasedReminder {
    fn asked(&mut self) -> contacts::ContactQuery<'_> {
        let key = &self.reminder.key;
        contacts::ContactQuery { borrower: &key.borrower, due_date: key.due_date, account: &mut self.account }
    }

    fn claimed(self, request: &ClaimRequest, to_send: SendPlan) -> ClaimedReminder {
        ClaimedReminder {
            attempt: Attempt::claimed(self.id, self.attempt, request.gateway.clone()),
            reminder: self.reminder,
            account: self.account,
            to_send,
            pause: TimeDelta::zero(),
            in_doubt: self.in_doubt,
        }
    }
}

/// Undoes the leases of reminders that are not to be sent now, as if not attempted, and skips, defers or holds them.
pub(in crate::store) async fn unclaim(
    tx: &mut Tx,
    not_sent: Vec<(LeasedReminder, Decision)>,
    now: Moment,
) -> Result<Vec<(ReminderId, Decision)>, StoreError> {
    if not_sent.is_empty() {
        return Ok(Vec::new());
    }
    let leased =
        Batch::of(&not_sent).column(|(leased, _)| leased.id.0)?.column(|(leased, _)| stored_attempt(leased.attempt))?;
    leased.query(queue::UNCLAIM)?.execute(&mut **tx).await?;
    let moves: Vec<_> = not_sent.iter().filter_map(|(leased, decision)| move_of(leased, decision, now.0)).collect();
    let moved = record(tx, &moves).await?;
    let to_others = not_sent.iter().filter_map(|(leased, decision)| {
        let switched = decision.switched(&leased.reminder, now.0)?;
        moved.contains(&leased.id).then_some((leased.id, switched))
    });
    replans::switch(tx, &Vec::from_iter(to_others), now.0).await?;
    Ok(not_sent.into_iter().map(|(leased, decision)| (leased.id, decision)).collect())
}

/// The move of a due reminder that is not to be sent now; `None` if it is sent.
fn move_of(leased: &LeasedReminder, decision: &Decision, now: DateTime<Utc>) -> Option<Move> {
    let before = leased.attempt - 1;
    match decision {
        Decision::Send(_) => None,
        Decision::Skip(reason) | Decision::Switch { reason, .. } => Some(Move {
            event: Event::skipped(leased.id, before, *reason, now),
            not_before: None,
            gateway_index: None,
            route: None,
            message: None,
        }),
        Decision::Defer { until, reason } => {
            let event = deferred(leased.id, before, *reason, now);
            Some(Move { event, not_before: Some(*until), gateway_index: None, route: None, message: None })
        }
        Decision::PassOn { gateway_index } => {
            let event = deferred(leased.id, before, DeferReason::OtherGateway, now);
            Some(Move { event, not_before: None, gateway_index: Some(*gateway_index), route: None, message: None })
        }
        Decision::Hold(cause) => {
            let event = Event::held(leased.id, before, cause, now);
            // Until then at the latest: what has expired is decided once more, so that it comes to an end (I10).
            Some(Move {
                event,
                not_before: Some(leased.reminder.expires_at),
                gateway_index: None,
                route: None,
                message: None,
            })
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

pub(super) async fn reap(tx: &mut Tx, now: Moment, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
    let overdue = queue::overdue(tx, now, limit).await?;
    let moves = overdue.into_iter().map(|row| row.doubt(now.0)).collect::<Result<Vec<_>, _>>()?;
    record(tx, &moves).await
}

/// Moves queue rows by events and records the events. Gives the reminders that were moved; a move that another attempt
/// or another state forbids is passed over.
pub(super) async fn record(connection: &mut Connection, moves: &[Move]) -> Result<Vec<ReminderId>, StoreError> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let moves = in_order(moves);
    let all_end = moves.iter().all(|step| step.ends());
    Ok(queue::record(connection, said(&moves)?, all_end).await?.into_iter().map(ReminderId).collect())
}

/// Cancels a reminder that is planned or held. `false` if it does not wait, or not any more.
pub(super) async fn cancel(tx: &mut Tx, reminder: ReminderId, by: &ManualChange) -> Result<bool, StoreError> {
    sqlx::query::<Db>(FREE).bind(reminder.0).execute(&mut **tx).await?;
    let row: Option<(i32,)> = sqlx::query_as::<Db, _>(PLANNED).bind(reminder.0).fetch_optional(&mut **tx).await?;
    let Some((attempt,)) = row else { return Ok(false) };
    let event = Event::withdrawn(reminder, read_attempt(attempt, "queue.attempt")?, by);
    let end = Move { event, not_before: None, gateway_index: None, route: None, message: None };
    Ok(!record(tx, &[end]).await?.is_empty())
}

/// In one order everywhere, so that two transactions cannot lock each other out. Of two words on one attempt the first
/// counts.
pub(in crate::store) fn in_order(moves: &[Move]) -> Vec<&Move> {
    let mut moves = Vec::from_iter(moves);
    moves.sort_by_key(|step| step.event.reminder);
    moves.dedup_by_key(|step| (step.event.reminder, step.event.attempt));
    moves
}

/// The columns of moves.
pub(in crate::store) fn said<'m>(moves: &'m [&'m Move]) -> Result<Batch<'m, &'m Move>, StoreError> {
    Batch::of(moves)
        .column(|step| step.event.reminder.0)?
        .column(|step| stored_attempt(step.event.attempt))?
        .column(|step| Moment(step.event.at))?
        .column(|step| step.event.kind.as_str())?
        .column(|step| step.event.gateway.as_ref().map(GatewayName::as_str))?
        .column(|step| step.event.provider_id.as_deref())?
        .column(|step| step.event.detail.as_deref())?
        .column(|step| step.not_before.map(Moment))?
        .column(|step| step.gateway_index.map(stored_gateway_index))?
        .column(|step| step.route.as_ref().map(RouteKey::as_str))?
        .column(|step| step.message.as_deref().map(Blob))
}

/// Sets the times at which unknown reminders are checked next.
pub(super) async fn look_again(connection: &mut Connection, looks: &[NextLook]) -> Result<(), StoreError> {
    let looks = Batch::of(looks)
        .column(|look| look.reminder.0)?
        .column(|look| stored_attempt(look.attempt))?
        .column(|look| Moment(look.at.unwrap_or(NextLook::NEVER)))?;
    looks.query(queue::LOOK_AGAIN)?.execute(connection).await?;
    Ok(())
}

pub(super) async fn rehome(tx: &mut Tx, channel: Channel, lists: &GatewayLists) -> Result<usize, StoreError> {
    let own = own_lists(lists, channel);
    let shared = u16::try_from(lists.shared(channel).len()).unwrap_or(GatewayLists::WIDTH);
    let (channel, shared) = (channel.as_str(), stored_gateway_index(shared));
    let moved = if own.is_empty() {
        sqlx::query::<Db>(REHOME).bind(channel).bind(shared).execute(&mut **tx).await?
    } else {
        let own = Batch::of(&own)
            .column(|list| list.merchant.as_str())?
            .column(|list| list.first_index)?
            .column(|list| list.end_index)?;
        own.query(gateway_list::REHOME_OWN)?.bind(channel).bind(shared).execute(&mut **tx).await?
    };
    Ok(usize::try_from(moved.rows_affected()).unwrap_or(usize::MAX))
}

/// Moves what was due and waits for a gateway that no list has.
pub(super) async fn rescue(
    tx: &mut Tx,
    channel: Channel,
    lists: &GatewayLists,
    due_before: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let awaited: Vec<(i16,)> = sqlx::query_as::<Db, _>(AWAITED).bind(channel.as_str()).fetch_all(&mut **tx).await?;
    let mut moved = 0;
    for (stored,) in awaited {
        let next = u16::try_from(stored).ok().and_then(|index| lists.rescue(channel, index));
        let Some(next) = next else { continue };
        let rescued = sqlx::query::<Db>(RESCUE)
            .bind(channel.as_str())
            .bind(stored)
            .bind(stored_gateway_index(next))
            .bind(Moment(due_before))
            .execute(&mut **tx)
            .await?;
        moved += usize::try_from(rescued.rows_affected()).unwrap_or(usize::MAX);
    }
    Ok(moved)
}
