//! What a claim reads beside the facts about its reminders.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::outbox::Leased;
use super::{Batch, Tx, contact};
use crate::domain::{Borrower, ReminderId};
use crate::plan::{Beside, Decision, Progress};
use crate::store::StoreError;
use crate::store::sql::contact::{ContactRow, FollowingRow};
use crate::store::sql::value::Moment;

/// Adds to each reminder what it was asked for beside it. From here on nobody else claims for the same people.
pub(super) async fn read(tx: &mut Tx, now: Moment, beside: Beside, due: &mut [Leased]) -> Result<(), StoreError> {
    let mut batch = Vec::with_capacity(due.len());
    for (place, one) in (0_i64..).zip(due.iter()) {
        let key = &one.reminder.key;
        let last = key.due_date + TimeDelta::days(i64::from(beside.days_ahead));
        batch.push((place, key.clone(), one.account.borrower.clone().filter(|_| beside.across_merchants), last));
    }
    let phone = |borrower: &Option<Borrower>| Some(borrower.as_ref()?.phone.as_ref()?.as_e164().to_owned());
    let email = |borrower: &Option<Borrower>| Some(borrower.as_ref()?.email.as_ref()?.as_str().to_owned());
    let people: BTreeSet<_> = batch
        .iter()
        .flat_map(|(_, key, borrower, _)| {
            let itself = format!("dueherald borrower {}/{}", key.borrower.merchant, key.borrower.id);
            let known = [phone(borrower), email(borrower)].into_iter().flatten();
            std::iter::once(itself).chain(known.map(|address| format!("dueherald address {address}")))
        })
        .collect();
    contact::take_turns(tx, &Vec::from_iter(people)).await?;
    let contacts: Vec<ContactRow> = Batch::of(&batch)
        .column(|(place, ..)| *place)?
        .column(|(_, key, ..)| key.borrower.merchant.as_str())?
        .column(|(_, key, ..)| key.borrower.id.as_str())?
        .column(|(_, _, borrower, _)| phone(borrower))?
        .column(|(_, _, borrower, _)| email(borrower))?
        .query_as(contact::CONTACTS)?
        .bind(Moment(now.0 - beside.contacts_within))
        .fetch_all(&mut **tx)
        .await?;
    for row in contacts {
        if let Some(one) = usize::try_from(row.place).ok().and_then(|place| due.get_mut(place)) {
            one.account.contacts.extend(row.contact()?);
        }
    }
    if beside.days_ahead == 0 {
        return Ok(());
    }
    let following: Vec<FollowingRow> = Batch::of(&batch)
        .column(|(place, ..)| *place)?
        .column(|(_, key, ..)| key.borrower.merchant.as_str())?
        .column(|(_, key, ..)| key.borrower.id.as_str())?
        .column(|(_, key, ..)| key.due_date)?
        .column(|(.., last)| *last)?
        .query_as(contact::FOLLOWING)?
        .fetch_all(&mut **tx)
        .await?;
    for row in following {
        if let Some(one) = usize::try_from(row.place).ok().and_then(|place| due.get_mut(place)) {
            one.account.following.extend(row.installment.installment()?);
        }
    }
    Ok(())
}

/// Tells the reminders of the batch that are still to be decided about what was decided about one.
pub(super) fn tell(rest: &mut [Leased], decided: ReminderId, decision: &Decision) {
    for contacts in rest.iter_mut().map(|one| &mut one.account.contacts) {
        let Some(place) = contacts.iter().position(|contact| contact.id == decided) else { continue };
        match (decision, contacts[place].progress) {
            (Decision::Send(_), _) => contacts[place].progress = Progress::Sending,
            // It was in doubt before, so it may have gone.
            (_, Progress::Sent(_)) => {}
            (Decision::Defer { until, .. }, _) => contacts[place].progress = Progress::Planned(*until),
            (Decision::Skip(_), _) => drop(contacts.swap_remove(place)),
        }
    }
}
