//! Recent contacts: the messages that a claim reads beside the facts about its reminders.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};

use super::outbox::LeasedReminder;
use super::{Batch, Tx, contact};
use crate::domain::{AddressKey, BorrowerKey, Channel, KeyRing, ReminderId};
use crate::plan::{Account, Decision, MOST_OF_ONE_PERSON, Progress, RecentContacts};
use crate::store::StoreError;
use crate::store::sql::contact::{ContactRow, FollowingRow, UndecidedProgress};
use crate::store::sql::sealing::compared;
use crate::store::sql::value::Moment;

/// About whom and which due date it is asked, and the facts to which is added what is beside.
pub(super) struct ContactQuery<'a> {
    pub(super) borrower: &'a BorrowerKey,
    pub(super) due_date: NaiveDate,
    pub(super) account: &'a mut Account,
}

impl ContactQuery<'_> {
    /// The address on a channel, in the form in which addresses are compared in the database.
    fn address(&self, channel: Channel, ring: Option<&KeyRing>) -> Option<String> {
        let known = self.account.borrower.as_ref()?;
        Some(compared(ring, AddressKey::from(known.address(channel)?).reveal()))
    }
}

/// The addresses of the persons in a query: for each, the phone number and the e-mail address by which other
/// merchants know that person too, if any.
pub(super) struct People {
    phones: Vec<Option<String>>,
    emails: Vec<Option<String>>,
}

/// Finds the addresses by which other merchants may know the same people: none unless the claim counts across
/// merchants, and none that more borrowers share than one person would.
pub(super) async fn people(
    tx: &mut Tx,
    recent_contacts: RecentContacts,
    asked: &[ContactQuery<'_>],
) -> Result<People, StoreError> {
    if !recent_contacts.across_merchants {
        return Ok(People { phones: vec![None; asked.len()], emails: vec![None; asked.len()] });
    }
    let ring = tx.ring();
    let of = |channel| asked.iter().map(|one| one.address(channel, ring.as_deref())).collect();
    Ok(People {
        phones: nobody_elses(tx, of(Channel::Sms), contact::SHARED_PHONES).await?,
        emails: nobody_elses(tx, of(Channel::Email), contact::SHARED_EMAILS).await?,
    })
}

/// Leaves out the addresses that more have than one person would.
async fn nobody_elses(
    tx: &mut Tx,
    mut addresses: Vec<Option<String>>,
    shared: &'static str,
) -> Result<Vec<Option<String>>, StoreError> {
    let each = Vec::from_iter(addresses.iter().flatten().cloned().collect::<BTreeSet<_>>());
    if each.is_empty() {
        return Ok(addresses);
    }
    let shared: Vec<(String,)> = Batch::of(&each)
        .column(|address| address.as_str())?
        .query_as(shared)?
        .bind(i64::from(MOST_OF_ONE_PERSON))
        .fetch_all(&mut **tx)
        .await?;
    let shared: BTreeSet<_> = shared.into_iter().map(|(address,)| address).collect();
    addresses.iter_mut().for_each(|address| drop(address.take_if(|known| shared.contains(known))));
    Ok(addresses)
}

/// From here on nobody else claims for the same people, on whatever channel: who is known by an address here may be
/// claimed for there by another.
pub(super) async fn take_turns(tx: &mut Tx, people: &People, asked: &[ContactQuery<'_>]) -> Result<(), StoreError> {
    let borrowers = asked.iter().map(|one| format!("dueherald borrower {}/{}", one.borrower.merchant, one.borrower.id));
    let addresses = people.phones.iter().chain(&people.emails).flatten();
    let known = addresses.map(|address| format!("dueherald address {address}"));
    let names: BTreeSet<_> = borrowers.chain(known).collect();
    contact::take_turns(tx, &Vec::from_iter(names)).await
}

/// Adds to each what it was asked for beside it.
pub(super) async fn read(
    tx: &mut Tx,
    now: Moment,
    recent_contacts: RecentContacts,
    (channel, people): (Channel, &People),
    asked: &mut [ContactQuery<'_>],
    undecided: &UndecidedProgress,
) -> Result<(), StoreError> {
    let mut batch = Vec::with_capacity(asked.len());
    // A message is to an address, and whose that is decides whose messages count.
    let addresses = match channel {
        Channel::Sms => &people.phones,
        Channel::Email => &people.emails,
    };
    for (place, (one, address)) in (0_i64..).zip(asked.iter().zip(addresses)) {
        let last = one.due_date + TimeDelta::days(i64::from(recent_contacts.days_ahead));
        batch.push((place, one.borrower, address.as_deref(), one.due_date, last));
    }
    let on = |other| other == channel;
    let contacts: Vec<ContactRow> = Batch::of(&batch)
        .column(|(place, ..)| *place)?
        .column(|(_, borrower, ..)| borrower.merchant.as_str())?
        .column(|(_, borrower, ..)| borrower.id.as_str())?
        .column(|(_, _, address, ..)| address.filter(|_| on(Channel::Sms)))?
        .column(|(_, _, address, ..)| address.filter(|_| on(Channel::Email)))?
        .query_as(contact::CONTACTS)?
        .bind(Moment(now.0 - recent_contacts.contacts_within))
        .bind(now)
        .fetch_all(&mut **tx)
        .await?;
    for row in contacts {
        if let Some(one) = usize::try_from(row.place).ok().and_then(|place| asked.get_mut(place)) {
            one.account.contacts.extend(row.contact(undecided)?);
        }
    }
    if recent_contacts.days_ahead == 0 {
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
            one.account.pending.extend(installment.iter().filter(|_| row.pending).map(|one| one.id.clone()));
            one.account.following.extend(installment);
        }
    }
    Ok(())
}

/// Tells the reminders of the batch that are still to be decided about what was decided about one.
pub(super) fn tell(rest: &mut [LeasedReminder], decided: ReminderId, decision: &Decision) {
    for contacts in rest.iter_mut().map(|one| &mut one.account.contacts) {
        let Some(place) = contacts.iter().position(|contact| contact.id == decided) else { continue };
        match (decision, contacts[place].progress) {
            (Decision::Send(_), _) => contacts[place].progress = Progress::Sending,
            // It waits as before.
            (Decision::PassOn { .. }, _) => {}
            // It was in doubt before, so it may have gone.
            (_, Progress::Sent(_)) => {}
            (Decision::Defer { until, .. }, _) => contacts[place].progress = Progress::Planned(*until),
            // A held reminder is no contact: nobody knows when it will go, if at all.
            (Decision::Skip(_) | Decision::Switch { .. } | Decision::Hold(_), _) => drop(contacts.swap_remove(place)),
        }
    }
}
