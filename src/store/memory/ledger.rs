//! The ledger of the memory store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{
    AddressKey, Amendment, AmendmentResult, Borrower, BorrowerKey, BorrowerUpdate, Channel, Installment, InstallmentId,
    InstallmentStatus, KeyRing, ManualPreferences, MerchantId, PaidClaim, Payment, PaymentId, SourceName, Suppression,
    SuppressionReason, merge_borrower,
};
use crate::plan::{Account, Due, MOST_OF_ONE_PERSON, RecentContacts};
use crate::store::audit_entries;
use crate::store::{
    Change, Changes, DueCursor, InstallmentFilter, LedgerRow, LedgerStore, RejectStore, SettledInstallment, Stop,
    StoreError, WriteMode, merge,
};

use super::rejects::Rejects;
use super::scans::Scans;

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        self.import_batch(rows, &[], mode).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let amended = tables.ledger.amend(amendments, source, mode, now);
        tables.release_not_rejected(now);
        if mode == WriteMode::Commit {
            tables.note(self.origin.as_ref(), audit_entries::amend(amendments, &amended, now).as_slice());
        }
        Ok(amended)
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        Ok(self.tables().ledger.due_page(&dates, after, limit, self.clock.now()))
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        Ok(self.tables().ledger.installments(filter))
    }

    async fn settled_installments(&self, borrower: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        Ok(self.tables().ledger.settled_installments(borrower))
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        Ok(self.tables().ledger.account(borrower, due_date, channel, self.clock.now()))
    }

    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        let Tables { ledger, outbox, .. } = &*tables;
        let mut account = ledger.account(borrower, due_date, channel, now);
        account.contacts =
            outbox.contacts(ledger, &ledger.same_person(borrower, channel, recent_contacts), recent_contacts, now);
        ledger.add_following(&mut account, borrower, due_date, recent_contacts);
        Ok(account)
    }
}

/// The ledger, with the suppressions and the unread replies.
#[derive(Debug, Default, Clone)]
pub(super) struct Ledger {
    borrowers: BTreeMap<BorrowerKey, Borrower>,
    pub(super) installments: BTreeMap<(MerchantId, InstallmentId), Installment>,
    /// Since when nothing of an instalment is owed.
    settled: BTreeMap<(MerchantId, InstallmentId), DateTime<Utc>>,
    /// Which instalments a borrower has, by number.
    owed: BTreeMap<BorrowerKey, BTreeSet<InstallmentId>>,
    /// Instalments that were paid, each with the time, since webhooks last looked.
    pub(super) paid: Vec<(Installment, DateTime<Utc>)>,
    pub(super) suppressions: Vec<Suppression>,
    /// The suppressions that took the place of an opt-out.
    pub(super) covered_opt_outs: HashSet<(Option<MerchantId>, AddressKey)>,
    /// The requests to end a suppression: actor and time.
    pub(super) lifts: HashMap<(Option<MerchantId>, AddressKey), (String, DateTime<Utc>)>,
    /// Answers that wait to be read, with their addresses.
    pub(super) unread: BTreeMap<i64, AddressKey>,
    pub(super) stops: Vec<Stop>,
    pub(super) preferences: Vec<ManualPreferences>,
    pub(super) scans: Scans,
    pub(super) rejects: Rejects,
    pub(super) payments: BTreeMap<(MerchantId, PaymentId), Payment>,
    /// Hashes verifiers.
    pub(super) ring: Option<Arc<KeyRing>>,
}

impl Ledger {
    pub(super) fn import(&mut self, row: LedgerRow, now: DateTime<Utc>) -> Change {
        let place = (row.borrower.merchant.clone(), row.installment.clone());
        let (was_borrower, was) = (self.borrowers.get(&row.borrower).cloned(), self.installments.get(&place).cloned());
        let (borrower, mut installment) = merge(row.clone(), was_borrower.clone(), was.clone(), self.ring.as_deref());
        let claim = PaidClaim { paid_amount: &row.paid_amount, status: &row.status };
        self.settle_by_row(was.as_ref(), claim, &mut installment, now);
        let change = match &was {
            None => Change::New,
            Some(known) if *known == installment && was_borrower.as_ref() == Some(&borrower) => Change::Same,
            Some(_) => Change::Changed,
        };
        self.rejects.answer(&row, &mut installment, now);
        if let Some(before) = was.clone().filter(|was| was.borrower != installment.borrower) {
            let former = BorrowerKey { merchant: before.merchant, id: before.borrower };
            self.owed.entry(former).or_default().remove(&before.id);
        }
        if was.as_ref() != Some(&installment) && installment.is_due() {
            self.scans.write_down((borrower.key.clone(), installment.due_date), now);
        }
        if was_borrower.is_some_and(|known| known != borrower) {
            self.write_down_borrower(&borrower.key, now);
        }
        self.owed.entry(borrower.key.clone()).or_default().insert(installment.id.clone());
        self.borrowers.insert(borrower.key.clone(), borrower);
        self.note_settled(&installment, now);
        self.installments.insert(place, installment);
        change
    }

    pub(super) fn import_borrower(&mut self, row: &BorrowerUpdate, now: DateTime<Utc>) -> Change {
        let was = self.borrowers.get(&row.borrower).cloned();
        let borrower = merge_borrower(row.clone(), was.clone(), self.ring.as_deref());
        let change = match was {
            None => Change::New,
            Some(known) if known == borrower => Change::Same,
            Some(_) => Change::Changed,
        };
        self.borrowers.insert(borrower.key.clone(), borrower);
        if change == Change::Changed {
            self.write_down_borrower(&row.borrower, now);
        }
        change
    }

    pub(super) fn installment(&self, merchant: &MerchantId, id: &InstallmentId) -> Option<&Installment> {
        self.installments.get(&(merchant.clone(), id.clone()))
    }

    /// Writes an instalment of which another amount is paid now.
    pub(super) fn put(&mut self, installment: Installment, now: DateTime<Utc>) {
        self.note_settled(&installment, now);
        self.installments.insert((installment.merchant.clone(), installment.id.clone()), installment);
    }

    pub(super) fn note_settled(&mut self, installment: &Installment, now: DateTime<Utc>) {
        let place = (installment.merchant.clone(), installment.id.clone());
        if installment.is_due() {
            self.settled.remove(&place);
        } else {
            let is_new = !self.settled.contains_key(&place);
            self.settled.entry(place).or_insert(now);
            if is_new && installment.status == InstallmentStatus::Paid {
                self.paid.push((installment.clone(), now));
            }
        }
    }

    /// Since when nothing of them is owed.
    fn settled_at(&self, installments: &[Installment]) -> Option<DateTime<Utc>> {
        let settled = |one: &Installment| self.settled.get(&(one.merchant.clone(), one.id.clone())).copied();
        installments.iter().map(settled).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn settled_installments(&self, borrower: &BorrowerKey) -> Vec<SettledInstallment> {
        let owed = self.owed.get(borrower).into_iter().flatten();
        let settled = owed.filter_map(|id| {
            let at = self.settled.get(&(borrower.merchant.clone(), id.clone()))?;
            Some(SettledInstallment { installment: id.clone(), at: *at })
        });
        let mut all: Vec<_> = settled.collect();
        all.sort_by(|a, b| (a.at, &a.installment).cmp(&(b.at, &b.installment)));
        all
    }

    /// How many borrowers there are, and how many of them without a verifier.
    pub(super) fn count_verifiers(&self) -> (u64, u64) {
        let without = self.borrowers.values().filter(|borrower| borrower.verifier.is_none()).count();
        (self.borrowers.len() as u64, without as u64)
    }

    fn write_down_borrower(&mut self, key: &BorrowerKey, now: DateTime<Utc>) {
        let owed = self.owed.get(key).into_iter().flatten();
        let owed = owed.filter_map(|id| self.installments.get(&(key.merchant.clone(), id.clone())));
        for date in owed.filter(|one| one.is_due()).map(|one| one.due_date).collect::<BTreeSet<_>>() {
            self.scans.write_down((key.clone(), date), now);
        }
    }

    pub(super) fn amend(
        &mut self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
        now: DateTime<Utc>,
    ) -> Vec<AmendmentResult> {
        let mut draft = self.installments.clone();
        let mut settling = Self { payments: self.payments.clone(), ..Self::default() };
        let amended = amendments.iter().map(|amendment| {
            let known = draft.get_mut(&(amendment.merchant.clone(), amendment.installment.clone()));
            let Some(known) = known else { return AmendmentResult::Unknown };
            let before = known.clone();
            let amended = amendment.lay_over(known);
            if amended == AmendmentResult::OtherCurrency {
                return amended;
            }
            settling.settle_by_row(Some(&before), amendment.claim(), known, now);
            if *known == before { AmendmentResult::Same } else { AmendmentResult::Changed }
        });
        let amended: Vec<_> = amended.collect();
        if mode == WriteMode::Commit {
            self.payments = settling.payments;
            self.rejects.after_amendments(amendments.iter().zip(amended.iter().copied()), source, now);
            for one in draft.values().filter(|one| one.is_due()) {
                if self.installments.get(&(one.merchant.clone(), one.id.clone())) != Some(one) {
                    let borrower = BorrowerKey { merchant: one.merchant.clone(), id: one.borrower.clone() };
                    self.scans.write_down((borrower, one.due_date), now);
                }
            }
            for one in draft.values() {
                if self.installments.get(&(one.merchant.clone(), one.id.clone())) != Some(one) {
                    self.note_settled(one, now);
                }
            }
            self.installments = draft;
        }
        amended
    }

    pub(super) fn set_preferences(&mut self, said: &ManualPreferences, now: DateTime<Utc>) -> Option<Borrower> {
        let known = self.borrowers.get_mut(&said.borrower)?;
        let before = known.clone();
        *known = said.preferences.clone().apply_to(before.clone());
        self.preferences.push(said.clone());
        self.write_down_borrower(&said.borrower, now);
        Some(before)
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
        let installments = self.due_on(key, due_date);
        Account {
            rejected: self.rejected(&installments),
            pending: self.pending(&installments),
            vanished: self.vanished(&installments),
            suppressed: borrower.as_ref().and_then(|borrower| self.suppressed(borrower, channel, now)),
            unread_reply: borrower.as_ref().and_then(|borrower| self.unread_reply(borrower, channel)),
            stopped: self.stops.iter().any(stops),
            settled_at: self.settled_at(&installments),
            installments,
            borrower,
            ..Account::default()
        }
    }

    /// Those of which a record could not be applied.
    fn rejected(&self, installments: &[Installment]) -> Vec<InstallmentId> {
        installments.iter().filter(|one| self.rejects.holds(one)).map(|one| one.id.clone()).collect()
    }

    /// Those that their source has no longer.
    fn vanished(&self, installments: &[Installment]) -> Vec<InstallmentId> {
        installments.iter().filter(|one| self.rejects.has_vanished(one)).map(|one| one.id.clone()).collect()
    }

    fn unread_reply(&self, borrower: &Borrower, channel: Channel) -> Option<i64> {
        let to = AddressKey::from(borrower.address(channel)?);
        self.unread.iter().find(|(_, from)| **from == to).map(|(number, _)| *number)
    }

    pub(super) fn borrowers(&self) -> &BTreeMap<BorrowerKey, Borrower> {
        &self.borrowers
    }

    fn suppressed(&self, borrower: &Borrower, channel: Channel, now: DateTime<Utc>) -> Option<SuppressionReason> {
        let to = AddressKey::from(borrower.address(channel)?);
        let standing = |one: &&Suppression| {
            one.address == to
                && one.merchant.as_ref().is_none_or(|merchant| *merchant == borrower.key.merchant)
                && one.until.is_none_or(|until| now < until)
        };
        // Every other reason takes precedence over an opt-out, because the confirmation of an opt-out ignores only
        // the opt-out.
        let is_opt_out = |reason: &SuppressionReason| *reason == SuppressionReason::OptedOut;
        self.suppressions.iter().filter(standing).map(|one| one.reason).min_by_key(is_opt_out)
    }

    pub(super) fn due_on(&self, borrower: &BorrowerKey, due_date: NaiveDate) -> Vec<Installment> {
        let owed = self.owed.get(borrower).into_iter().flatten();
        let known = owed.filter_map(|id| self.installments.get(&(borrower.merchant.clone(), id.clone())));
        known.filter(|one| one.due_date == due_date).cloned().collect()
    }

    /// The borrower, and whoever has the same phone or e-mail address if that is asked for.
    pub(super) fn same_person(
        &self,
        key: &BorrowerKey,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> BTreeSet<BorrowerKey> {
        let known = self.borrowers.get(key).filter(|_| recent_contacts.across_merchants);
        let own = known.and_then(|known| known.address(channel)).map(AddressKey::from);
        let same = |other: &&Borrower| own.is_some() && other.address(channel).map(AddressKey::from) == own;
        let mut all: BTreeSet<_> = self.borrowers.values().filter(same).map(|other| other.key.clone()).collect();
        if all.len() > MOST_OF_ONE_PERSON as usize {
            all.clear();
        }
        all.insert(key.clone());
        all
    }

    /// Adds what falls due on the days after.
    pub(super) fn add_following(
        &self,
        account: &mut Account,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        recent_contacts: RecentContacts,
    ) {
        let days = (1..=i64::from(recent_contacts.days_ahead)).map(|days| due_date + TimeDelta::days(days));
        account.following = days.flat_map(|day| self.due_on(borrower, day)).collect();
        let rejected = self.rejected(&account.following);
        account.rejected.extend(rejected);
        let pending = self.pending(&account.following);
        account.pending.extend(pending);
    }

    pub(super) fn due_page(
        &self,
        dates: &RangeInclusive<NaiveDate>,
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
                && filter.order_ref.as_ref().is_none_or(|order| one.order_ref.as_ref() == Some(order))
                && filter.after.as_ref().is_none_or(|(date, id)| (one.due_date, &one.id) > (*date, id))
        };
        let mut found: Vec<_> = self.installments.values().filter(matching).cloned().collect();
        found.sort_by(|a, b| (a.due_date, &a.id).cmp(&(b.due_date, &b.id)));
        found.truncate(filter.limit as usize);
        found
    }

    /// Takes out the suppressions that match, with what is known about their end.
    pub(super) fn lift_where(&mut self, is_it: impl Fn(&Suppression) -> bool) {
        for one in self.suppressions.extract_if(.., |one| is_it(one)) {
            let key = (one.merchant, one.address);
            self.lifts.remove(&key);
            self.covered_opt_outs.remove(&key);
        }
    }

    /// Whoever opts out again has not agreed to the end of the opt-out before.
    pub(super) fn cancel_lifts(&mut self, one: &Suppression) {
        if !one.reason.is_opt_out() {
            return;
        }
        self.lifts.retain(|(merchant, address), _| {
            *address != one.address || merchant.is_some() && one.merchant.is_some() && *merchant != one.merchant
        });
    }

    pub(super) fn suppress(&mut self, suppressions: &[Suppression]) {
        for one in suppressions {
            self.cancel_lifts(one);
            let is_same = |known: &&Suppression| known.merchant == one.merchant && known.address == one.address;
            if one.until.is_some() && self.suppressions.iter().find(is_same).is_some_and(|known| known.until.is_none())
            {
                continue;
            }
            if self.suppressions.iter().find(is_same).is_some_and(|known| known.reason.is_opt_out()) {
                self.covered_opt_outs.insert((one.merchant.clone(), one.address.clone()));
            }
            self.suppressions.retain(|known| known.merchant != one.merchant || known.address != one.address);
            self.suppressions.push(one.clone());
        }
    }
}
