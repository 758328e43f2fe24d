//! What a claim reads beside the facts about its reminders.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};

use super::outbox::Leased;
use super::{Batch, Tx, contact};
use crate::domain::{BorrowerKey, ReminderId};
use crate::plan::{Account, Beside, Decision, Progress};
use crate::store::StoreError;
use crate::store::sql::contact::{ContactRow, FollowingRow};
use crate::store::sql::value::Moment;

/// About whom and which due date it is asked, and the facts to which is added what is beside.
pub(super) struct Asked<'a> {
    pub(super) borrower: &'a BorrowerKey,
    pub(super) due_date: NaiveDate,
    pub(super) account: &'a mut Account,
}

impl Asked<'_> {
    /// Who else's contacts count: whoever has the same addresses as this one.
    fn person(&self, beside: Beside) -> (Option<String>, Option<String>) {
        let known = self.account.borrower.as_ref().filter(|_| beside.across_merchants);
        let phone = known.and_then(|known| Some(known.phone.as_ref()?.as_e164().to_owned()));
        let email = known.and_then(|known| Some(known.email.as_ref()?.normalized().as_str().to_owned()));
        (phone, email)
    }
}

/// From here on nobody else claims for the same people.
pub(super) async fn take_turns(tx: &mut Tx, beside: Beside, asked: &[Asked<'_>]) -> Result<(), StoreError> {
    let people: BTreeSet<_> = asked
        .iter()
        .flat_map(|one| {
            let itself = format!("dueherald borrower {}/{}", one.borrower.merchant, one.borrower.id);
            let (phone, email) = one.person(beside);
            let known = [phone, email].into_iter().flatten();
            std::iter::once(itself).chain(known.map(|address| format!("dueherald address {address}")))
        })
        .collect();
    contact::take_turns(tx, &Vec::from_iter(people)).await
}

/// Adds to each what it was asked for beside it. What is `undecided` is under a lease already, and yet still waits.
pub(super) async fn read(
    tx: &mut Tx,
    now: Moment,
    beside: Beside,
    asked: &mut [Asked<'_>],
    undecided: &BTreeSet<ReminderId>,
) -> Result<(), StoreError> {
    let mut batch = Vec::with_capacity(asked.len());
    for (place, one) in (0_i64..).zip(asked.iter()) {
        let last = one.due_date + TimeDelta::days(i64::from(beside.days_ahead));
        batch.push((place, one.borrower, one.person(beside), one.due_date, last));
    }
    let contacts: Vec<ContactRow> = Batch::of(&batch)
        .column(|(place, ..)| *place)?
        .column(|(_, borrower, ..)| borrower.merchant.as_str())?
        .column(|(_, borrower, ..)| borrower.id.as_str())?
        .column(|(_, _, (phone, _), ..)| phone.clone())?
        .column(|(_, _, (_, email), ..)| email.clone())?
        .query_as(contact::CONTACTS)?
        .bind(Moment(now.0 - beside.contacts_within))
        .fetch_all(&mut **tx)
        .await?;
    for row in contacts {
        if let Some(one) = usize::try_from(row.place).ok().and_then(|place| asked.get_mut(place)) {
            one.account.contacts.extend(row.contact(undecided)?);
        }
    }
    if beside.days_ahead == 0 {
        return Ok(());
    }
    let following: Vec<FollowingRow> = Batch::of(&batch)
        .column(|(place, ..)| *place)?
        .column(|(_, borrower, ..)| borrower.merchant.as_str())?
        .column(|(_, borrower, ..)| borrower.id.as_str())?
        .column(|(.., due_date, _)| *due_date)?
        .column(|(.., last)| *last)?
        .query_as(contact::FOLLOWING)?
        .fetch_all(&mut **tx)
        .await?;
    for row in following {
        if let Some(one) = usize::try_from(row.place).ok().and_then(|place| asked.get_mut(place)) {
            let installment = row.installment.installment()?;
            one.account.rejected.extend(installment.iter().filter(|_| row.rejected).map(|one| one.id.clone()));
            one.account.following.extend(installment);
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
            // What is held keeps no place: nobody knows when it will go, if at all.
            (Decision::Skip(_) | Decision::Hold(_), _) => drop(contacts.swap_remove(place)),
        }
    }
}
