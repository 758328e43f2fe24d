//! Records receipts, the later reports of gateways.

use std::collections::BTreeSet;

use super::{Batch, Tx, receipt};
use crate::domain::{GatewayName, Receipt};
use crate::store::StoreError;
use crate::store::sql::receipt::{Change, Standings};
use crate::store::sql::value::{Moment, stored_attempt};

pub(super) async fn record(tx: &mut Tx, now: Moment, receipts: &[Receipt]) -> Result<usize, StoreError> {
    let ids = Vec::from_iter(BTreeSet::from_iter(receipts.iter().map(|receipt| receipt.reminder.0)));
    let mut standings = Standings::read(receipt::lock(tx, &ids).await?)?;
    let events: Vec<_> = receipts.iter().filter_map(|receipt| standings.apply(receipt, now.0)).collect();
    if events.is_empty() {
        return Ok(0);
    }
    Batch::of(&events)
        .column(|event| event.reminder.0)?
        .column(|event| stored_attempt(event.attempt))?
        .column(|event| Moment(event.at))?
        .column(|event| event.kind.as_str())?
        .column(|event| event.gateway.as_ref().map(GatewayName::as_str))?
        .column(|event| event.provider_id.as_deref())?
        .column(|event| event.detail.as_deref())?
        .query(receipt::APPEND)?
        .execute(&mut **tx)
        .await?;
    change_queue(tx, &standings).await?;
    Ok(events.len())
}

async fn change_queue(tx: &mut Tx, standings: &Standings) -> Result<(), StoreError> {
    let (gone, marked): (Vec<_>, Vec<_>) =
        standings.changes().into_iter().partition(|(_, change)| *change == Change::Gone);
    if !gone.is_empty() {
        Batch::of(&gone).column(|(id, _)| id.0)?.query(receipt::REMOVE)?.execute(&mut **tx).await?;
    }
    if !marked.is_empty() {
        let fall_back = |change| if let Change::FallBack(at) = change { Some(Moment(at)) } else { None };
        let early = |change| if let Change::Early(at) = change { Some(Moment(at)) } else { None };
        Batch::of(&marked)
            .column(|(id, _)| id.0)?
            .column(|(_, change)| fall_back(*change))?
            .column(|(_, change)| early(*change))?
            .query(receipt::MARK)?
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
