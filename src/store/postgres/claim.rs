//! A round of dispatch: outcomes recorded, and due rows claimed.

use super::operations::outbox::{self, LeasedReminder};
use super::{Batch, SqlStore, queue};
use crate::domain::ReminderId;
use crate::plan::Decision;
use crate::store::sql::queue::Move;
use crate::store::sql::value::Moment;
use crate::store::{ClaimRequest, ClaimResult, DecideFn, StoreError};

/// Records outcomes and claims. If nothing but the rows themselves has to be locked, and no outcome leaves its row in
/// the queue, as with nearly all, one statement does both and is a transaction by itself: one round trip to the
/// database instead of four.
pub(super) async fn settle_and_claim(
    store: &SqlStore,
    moves: &[Move],
    request: &ClaimRequest,
    decide: DecideFn<'_>,
) -> Result<(usize, ClaimResult), StoreError> {
    let locks_more = request.rate.is_some() || request.recent_contacts.is_some();
    // Behind a pooler a statement needs a transaction around it anyway.
    if locks_more || store.pool.is_pooled() || !moves.iter().all(Move::ends) {
        return outbox::settle_and_claim(store, moves, request, decide).await;
    }
    let moves = outbox::in_order(moves);
    let claim = queue::record_and_claim(store, store.given_now(), outbox::said(&moves)?, request);
    let queue::SettledAndClaimed { settled, now, rows } = claim.await?;
    // From here on it is on record. What is to be sent has to be handed out, whatever becomes of the rest; and nothing
    // of it is left under a lease that nobody heeds.
    let claimed = Vec::from_iter(rows.iter().map(|row| (row.reminder.id(), row.attempt)));
    let leased = match outbox::leased(rows, store.ring().as_deref()) {
        Ok(leased) => leased,
        Err(unreadable) => {
            unclaim_all(store, &claimed).await?;
            return Err(unreadable);
        }
    };
    let outbox::Decisions { sending, not_sent, .. } = outbox::sort_out(leased, request, decide, now, usize::MAX);
    let not_sent = match unclaim(store, not_sent, now).await {
        Ok(not_sent) => not_sent,
        Err(error) => {
            tracing::error!(%error, "failed to unclaim reminders that are not sent; they will be unknown when their \
                lease runs out");
            Vec::new()
        }
    };
    Ok((settled, ClaimResult { now: now.0, allowed: request.limit, sending, not_sent }))
}

async fn unclaim(
    store: &SqlStore,
    not_sent: Vec<(LeasedReminder, Decision)>,
    now: Moment,
) -> Result<Vec<(ReminderId, Decision)>, StoreError> {
    if not_sent.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = store.write().await?;
    let not_sent = outbox::unclaim(&mut tx, not_sent, now).await?;
    tx.commit().await?;
    Ok(not_sent)
}

/// Undoes a claim as a whole.
async fn unclaim_all(store: &SqlStore, claimed: &[(ReminderId, i32)]) -> Result<(), StoreError> {
    let mut alone = store.write_alone().await?;
    let rows = Batch::of(claimed).column(|(id, _)| id.0)?.column(|(_, attempt)| *attempt)?;
    rows.query(queue::UNCLAIM)?.execute(&mut *alone).await?;
    store.commit_alone(alone).await
}
