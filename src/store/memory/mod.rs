//! The memory store, for tests and the simulation: gives the same answers as the databases in the simplest way.

mod digits;
mod encryption;
mod funnel;
mod holds;
mod incarnation;
mod ledger;
mod notices;
mod outbox;
mod rejects;
mod reports;
mod scans;
mod sources;
mod stops;
mod volumes;

use std::collections::{BTreeMap, HashMap};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use self::incarnation::Incarnations;
use self::ledger::Ledger;
use self::notices::Notices;
use self::outbox::Outbox;
use self::reports::Reports;
use self::stops::RecordedChange;
use self::volumes::Volumes;
use super::{
    Change, Changes, ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, DueCursor, GATEWAY_STATE_KEPT,
    InstallmentFilter, KeptReport, LedgerRow, NextLook, PlanResult, PreferencesRecord, QueueCounts, RELEASED_AT_ONCE,
    RejectStore, ReminderFilter, ReminderView, ReplyFilter, ReplyReading, ReplyRecord, ReportAction, ReportBatch,
    ReportCounts, ScanState, Stop, Store, StoreError, SuppressionChangeFilter, SuppressionFilter, UnknownReminder,
    WriteMode,
};
use crate::clock::Clock;
use crate::domain::{
    AddressKey, Amendment, AmendmentResult, BorrowerKey, Channel, Click, Event, GatewayName, GatewayState, HoldCause,
    HoldReason, Installment, ManualChange, ManualPreferences, MerchantId, NewReminder, Receipt, Reminder, ReminderId,
    RouteHealth, RouteKey, RouteVersion, SentCount, Settlement, SourceName, SourceState, Suppression,
    SuppressionChange,
};
use crate::plan::{Account, AnswerTry, Decision, Due, Mark, PlanItem, RecentContacts, TryDecision};

/// How much a claim with a rate puts aside at once.
const PUT_ASIDE_AT_ONCE: u32 = 1_000;

/// A ledger and an outbox that live as long as the value.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default, Clone)]
struct Tables {
    ledger: Ledger,
    outbox: Outbox,
    reports: Reports,
    turns: HashMap<String, (String, DateTime<Utc>)>,
    sources: BTreeMap<SourceName, SourceState>,
    /// By key, oldest first.
    routes: BTreeMap<RouteKey, Vec<RouteVersion>>,
    route_health: BTreeMap<RouteKey, RouteHealth>,
    gateways: BTreeMap<(GatewayName, String), GatewayState>,
    clicks: Vec<Click>,
    /// How many wrong digits, and when the last were.
    tries: HashMap<String, (u32, DateTime<Utc>)>,
    notices: Notices,
    volumes: Volumes,
    incarnations: Incarnations,
    /// What people have changed about stops and suppressions.
    changes: Vec<RecordedChange>,
}

impl MemoryStore {
    /// An empty store whose leases run on `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::default() }
    }

    /// A copy that goes its own way from here on, on a clock of its own: for planting faults in the simulation.
    #[doc(hidden)]
    #[must_use]
    pub fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::new(self.tables().clone()) }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock is held is a failed test already; the tables are whole or the test is over.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

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
        Ok(amended)
    }

    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        self.tables().note_source(state);
        Ok(())
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        Ok(self.tables().sources.values().cloned().collect())
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

    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        self.tables().suppress(suppressions, by);
        Ok(())
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        Ok(reports::suppressions(&self.tables().ledger, filter))
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        Ok(self.tables().lift_suppression(merchant, address, by))
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        Ok(self.tables().suppression_changes(filter))
    }

    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        Ok(self.tables().ledger.set_preferences(said, self.clock.now()))
    }

    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        self.tables().routes.entry(version.route.key.clone()).or_default().push(version.clone());
        Ok(())
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let tables = self.tables();
        Ok(match key {
            Some(key) => tables.routes.get(key).cloned().unwrap_or_default(),
            None => tables.routes.values().filter_map(|versions| versions.last().cloned()).collect(),
        })
    }

    async fn note_route_health(&self, health: &RouteHealth) -> Result<(), StoreError> {
        self.tables().route_health.insert(health.key.clone(), health.clone());
        Ok(())
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        Ok(self.tables().route_health.values().cloned().collect())
    }

    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        self.tables().clicks.push(click.clone());
        Ok(())
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        let mut clicks = self.tables().clicks.clone();
        clicks.retain(|click| click.at >= since);
        clicks.sort_by_key(|click| click.at);
        Ok(clicks)
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        Ok(funnel::sent(&self.tables(), span))
    }

    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        Ok(self.tables().try_digits(attempt, self.clock.now()))
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        self.tables().forget_tries(attempt, self.clock.now());
        Ok(())
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let tables = self.tables();
        let theirs = tables.ledger.preferences.iter().filter(|said| said.borrower == *borrower);
        Ok(theirs.map(PreferencesRecord::from).collect())
    }

    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let mut tables = self.tables();
        Ok(reminders.iter().filter_map(|plan| tables.outbox.plan(plan, at, mode)).collect())
    }

    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        Ok(self.tables().ledger.scans.state.clone())
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        Ok(self.tables().ledger.scans.announce(in_view, first_day))
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        self.tables().ledger.scans.passed(marks);
        Ok(())
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        Ok(self.tables().ledger.changes(after, limit, self.clock.now()))
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        Ok(self.tables().outbox.put_in_all(planned, at, mode))
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        Ok(self.tables().done_with(changes, rules, self.clock.now()))
    }

    async fn claim(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
        let (_, claimed) = self.settle_and_claim(&[], request, decide).await?;
        Ok(claimed)
    }

    async fn settle_and_claim(
        &self,
        settlements: &[Settlement],
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let settled = settlements.iter().filter(|settlement| tables.outbox.settle(settlement)).count();
        let passes = tables.passes(request);
        let Tables { ledger, outbox, notices, .. } = &mut *tables;
        let state = outbox.rates.get(&request.gateway).copied();
        let permits = request.rate.map(|rate| rate.permits(state, now, request.limit));
        let allowed = permits.map_or(request.limit, |permits| permits.count);
        let mut claimed = ClaimResult { now, sending: Vec::new(), put_aside: Vec::new(), allowed };
        // Permits are for what is sent: with a rate it is looked at more.
        let looked_at = if request.rate.is_some() { allowed.saturating_add(PUT_ASIDE_AT_ONCE) } else { allowed };
        for id in outbox.due(request.channel, request.place, now, if passes { looked_at } else { 0 }) {
            if claimed.sending.len() >= allowed as usize {
                break;
            }
            let reminder = outbox.reminders[&id].plan.clone();
            let mut account = ledger.account(&reminder.key.borrower, reminder.key.due_date, request.channel, now);
            account.notice = notices::facts(notices, &reminder.key.step);
            if let Some(recent_contacts) = request.recent_contacts {
                let person = ledger.same_person(&reminder.key.borrower, request.channel, recent_contacts);
                account.contacts = outbox.contacts(ledger, &person, recent_contacts, now);
                ledger.add_following(&mut account, &reminder.key.borrower, reminder.key.due_date, recent_contacts);
            }
            let decision = decide.decide(&reminder, &account, now);
            let switched = decision.switched(&reminder, now);
            match decision {
                Decision::Send(to_send) => {
                    let Some(attempt) = outbox.begin(id, &request.gateway, now + request.lease) else { continue };
                    let in_doubt = outbox.is_in_doubt(id);
                    let number = u32::try_from(claimed.sending.len()).unwrap_or(u32::MAX);
                    let pause = permits.map_or(TimeDelta::zero(), |permits| permits.pause(now, number));
                    claimed.sending.push(ClaimedReminder { attempt, reminder, account, to_send, pause, in_doubt });
                }
                Decision::Defer { until, reason } => {
                    outbox.defer(id, until, reason, now);
                    claimed.put_aside.push((id, Decision::Defer { until, reason }));
                }
                Decision::Hold(cause) => {
                    outbox.hold(id, cause.clone(), now);
                    claimed.put_aside.push((id, Decision::Hold(cause)));
                }
                Decision::Skip(reason) => {
                    outbox.skip(Event::skipped(id, outbox.attempts(id), reason, now));
                    claimed.put_aside.push((id, Decision::Skip(reason)));
                }
                Decision::Switch { reason, .. } => {
                    switched.iter().for_each(|to| outbox.switch(id, to, reason, now));
                    claimed.put_aside.push((id, decision));
                }
            }
        }
        if let Some((rate, permits)) = request.rate.zip(permits) {
            let taken = u32::try_from(claimed.sending.len()).unwrap_or(u32::MAX);
            outbox.rates.insert(request.gateway.clone(), rate.after(state, now, permits, taken));
        }
        Ok((settled, claimed))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        Ok(settlements.iter().filter(|settlement| tables.outbox.settle(settlement)).count())
    }

    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        Ok(self.tables().outbox.unknown(channel, after, limit))
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().outbox.unknown_due(channel, now, limit))
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let mut tables = self.tables();
        looks.iter().for_each(|look| tables.outbox.look_again(look));
        Ok(())
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        Ok(receipts.iter().filter(|receipt| tables.outbox.record(receipt, now)).count())
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        Ok(self.tables().take_in(told, self.clock.now()))
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        Ok(self.tables().kept(self.clock.now(), limit))
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        Ok(self.tables().review(reviewed, self.clock.now()))
    }

    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        Ok(self.tables().reports.listed(filter))
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let read = tables.read_reply(reading);
        if let Some(reply) = &read {
            let gone = HoldCause::new(HoldReason::UnreadReply, reply.id);
            tables.outbox.release(now, RELEASED_AT_ONCE, |cause, _, _| *cause == gone);
        }
        Ok(read)
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        Ok(self.tables().outbox.fallbacks_due(self.clock.now(), limit))
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        pairs.iter().for_each(|(id, next)| tables.outbox.fall_back(*id, next.as_ref(), at));
        Ok(())
    }

    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        self.tables().stop(stop);
        Ok(())
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().lift_stop(merchant, channel, by, now))
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        let mut stops = self.tables().ledger.stops.clone();
        stops.sort_by_key(|stop| stop.since);
        Ok(stops)
    }

    async fn rehome(&self, channel: Channel, places: u16) -> Result<usize, StoreError> {
        Ok(self.tables().outbox.rehome(channel, places))
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        Ok(self.tables().outbox.reap(self.clock.now(), limit))
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.tables().outbox.next_due(channel))
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        Ok(Channel::ALL.iter().map(|channel| tables.outbox.counts(*channel, now)).collect())
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        Ok(self.tables().outbox.list(filter))
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        Ok(self.tables().outbox.events(reminder).to_vec())
    }

    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let known = &mut self.tables().gateways;
        known.insert((state.gateway.clone(), state.holder.clone()), state.clone());
        known.retain(|_, known| known.at >= state.at - GATEWAY_STATE_KEPT);
        Ok(())
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        Ok(self.tables().gateways.values().filter(|known| known.at >= since).cloned().collect())
    }

    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let free = tables.turns.get(task).is_none_or(|(owner, until)| owner == holder || *until <= now);
        if free {
            tables.turns.insert(task.to_owned(), (holder.to_owned(), now + lasts));
        }
        Ok(free)
    }
}
