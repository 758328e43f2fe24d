use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{
    Address, Borrower, BorrowerKey, Channel, Installment, InstallmentId, MerchantId, Suppression, SuppressionReason,
};
use crate::plan::{Account, Due};
use crate::store::{Change, Changes, DueCursor, InstallmentFilter, LedgerRow, Stop, merge};

use super::scans::Scans;

/// Who owes what, and who must not be contacted.
#[derive(Debug, Default, Clone)]
pub(super) struct Ledger {
    borrowers: BTreeMap<BorrowerKey, Borrower>,
    installments: BTreeMap<(MerchantId, InstallmentId), Installment>,
    /// Which instalments a borrower has, by number.
    owed: BTreeMap<BorrowerKey, BTreeSet<InstallmentId>>,
    pub(super) suppressions: Vec<Suppression>,
    pub(super) stops: Vec<Stop>,
    pub(super) scans: Scans,
}

impl Ledger {
    pub(super) fn import(&mut self, row: LedgerRow, now: DateTime<Utc>) -> Change {
        let place = (row.borrower.merchant.clone(), row.installment.clone());
        let (was_borrower, was) = (self.borrowers.get(&row.borrower).cloned(), self.installments.get(&place).cloned());
        let (borrower, installment) = merge(row, was_borrower.clone(), was.clone());
        let change = match &was {
            None => Change::New,
            Some(known) if *known == installment && was_borrower.as_ref() == Some(&borrower) => Change::Same,
            Some(_) => Change::Changed,
        };
        if let Some(before) = was.clone().filter(|was| was.borrower != installment.borrower) {
            let former = BorrowerKey { merchant: before.merchant, id: before.borrower };
            self.owed.entry(former).or_default().remove(&before.id);
        }
        if was.as_ref() != Some(&installment) && installment.is_due() {
            self.scans.write_down((borrower.key.clone(), installment.due_date), now);
        }
        if was_borrower.is_some_and(|known| known != borrower) {
            let owed = self.owed.get(&borrower.key).into_iter().flatten();
            let owed = owed.filter_map(|id| self.installments.get(&(borrower.key.merchant.clone(), id.clone())));
            for date in owed.filter(|one| one.is_due()).map(|one| one.due_date).collect::<BTreeSet<_>>() {
                self.scans.write_down((borrower.key.clone(), date), now);
            }
        }
        self.owed.entry(borrower.key.clone()).or_default().insert(installment.id.clone());
        self.borrowers.insert(borrower.key.clone(), borrower);
        self.installments.insert(place, installment);
        change
    }

    pub(super) fn account(
        &self,
        key: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        now: DateTime<Utc>,
    ) -> Account {
        let borrower = self.borrowers.get(key).cloned();
        let stops = |one: &Stop| {
            one.merchant.as_ref().is_none_or(|merchant| *merchant == key.merchant)
                && one.channel.is_none_or(|stopped| stopped == channel)
        };
        Account {
            suppressed: borrower.as_ref().and_then(|borrower| self.suppressed(borrower, channel, now)),
            stopped: self.stops.iter().any(stops),
            installments: self.due_on(key, due_date),
            borrower,
        }
    }

    fn suppressed(&self, borrower: &Borrower, channel: Channel, now: DateTime<Utc>) -> Option<SuppressionReason> {
        let to = address(borrower, channel)?;
        let standing = |one: &&Suppression| {
            one.address == to
                && one.merchant.as_ref().is_none_or(|merchant| *merchant == borrower.key.merchant)
                && one.until.is_none_or(|until| now < until)
        };
        // The merchant's own goes before the one for all.
        self.suppressions.iter().filter(standing).max_by_key(|one| one.merchant.is_some()).map(|one| one.reason)
    }

    fn due_on(&self, borrower: &BorrowerKey, due_date: NaiveDate) -> Vec<Installment> {
        let owed = self.owed.get(borrower).into_iter().flatten();
        let known = owed.filter_map(|id| self.installments.get(&(borrower.merchant.clone(), id.clone())));
        known.filter(|one| one.due_date == due_date).cloned().collect()
    }

    pub(super) fn due_page(
        &self,
        dates: &std::ops::RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Vec<Due> {
        let due = self.installments.values().filter(|one| one.is_due() && dates.contains(&one.due_date));
        let mut cursors: Vec<_> = due
            .map(|one| DueCursor {
                due_date: one.due_date,
                borrower: BorrowerKey { merchant: one.merchant.clone(), id: one.borrower.clone() },
            })
            .filter(|cursor| after.is_none_or(|after| cursor > after))
            .collect();
        cursors.sort_unstable();
        cursors.dedup();
        cursors.into_iter().filter_map(|cursor| self.due_borrower(cursor, now)).take(limit as usize).collect()
    }

    pub(super) fn changes(&self, after: Option<i64>, limit: u32, now: DateTime<Utc>) -> Changes {
        let later = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let read: Vec<_> = self.scans.changed.range(later).take(limit as usize).collect();
        let mut since = BTreeMap::new();
        for (_, (cursor, at)) in &read {
            since.entry(cursor).and_modify(|first: &mut DateTime<Utc>| *first = (*at).min(*first)).or_insert(*at);
        }
        let due = since.into_iter().filter_map(|(cursor, at)| Some((at, self.due_borrower(cursor.clone(), now)?)));
        Changes {
            ids: read.iter().map(|(id, _)| **id).collect(),
            due: due.filter(|(_, due)| !due.installments.is_empty()).collect(),
        }
    }

    fn due_borrower(&self, cursor: DueCursor, now: DateTime<Utc>) -> Option<Due> {
        let mut installments = self.due_on(&cursor.borrower, cursor.due_date);
        installments.retain(Installment::is_due);
        let borrower = self.borrowers.get(&cursor.borrower)?;
        let is_suppressed = |channel: &Channel| self.suppressed(borrower, *channel, now).is_some();
        Some(Due {
            borrower: borrower.clone(),
            due_date: cursor.due_date,
            suppressed: Channel::ALL.iter().copied().filter(is_suppressed).collect(),
            installments,
        })
    }

    pub(super) fn installments(&self, filter: &InstallmentFilter) -> Vec<Installment> {
        let matching = |one: &&Installment| {
            filter.merchant.as_ref().is_none_or(|merchant| *merchant == one.merchant)
                && filter.borrower.as_ref().is_none_or(|borrower| *borrower == one.borrower)
                && filter.installment.as_ref().is_none_or(|id| *id == one.id)
        };
        let mut found: Vec<_> = self.installments.values().filter(matching).cloned().collect();
        found.sort_by(|a, b| (a.due_date, &a.id).cmp(&(b.due_date, &b.id)));
        found.truncate(filter.limit as usize);
        found
    }

    pub(super) fn suppress(&mut self, suppressions: &[Suppression]) {
        for one in suppressions {
            self.suppressions.retain(|known| known.merchant != one.merchant || known.address != one.address);
            self.suppressions.push(one.clone());
        }
    }
}

fn address(borrower: &Borrower, channel: Channel) -> Option<Address> {
    match channel {
        Channel::Sms => borrower.phone.clone().map(Address::Phone),
        Channel::Email => borrower.email.clone().map(Address::Email),
    }
}
