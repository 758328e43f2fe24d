//! Each operation of [`Store`] as one transaction.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{
    Db, End, Tx, address_keys, clicks, contacts, digits, encryption, fallback, funnel, gateway_states, ledger, outbox,
    preferences, queue, receipts, rejects, replies, reports, round, route_health, routes, scan, sources, stops,
    suppression, suppression_changes, views,
};
use crate::domain::{
    AddressKey, Amendment, AmendmentResult, BorrowerKey, Channel, Click, Event, GatewayState, HoldCause, HoldReason,
    Installment, ManualChange, ManualPreferences, MerchantId, NewReminder, Receipt, Reminder, ReminderId, RouteHealth,
    RouteKey, RouteVersion, SentCount, Settlement, SourceName, SourceState, Suppression, SuppressionAction,
    SuppressionChange,
};
use crate::plan::{Account, AnswerTry, Due, Mark, PlanItem, RecentContacts, TryDecision};
use crate::store::sql::queue::Move;
use crate::store::sql::turn;
use crate::store::sql::value::Moment;
use crate::store::{
    Change, Changes, ClaimRequest, ClaimResult, DecideFn, DueCursor, InstallmentFilter, KeptReport, LedgerRow,
    NextLook, PlanResult, PreferencesRecord, QueueCounts, RELEASED_AT_ONCE, RejectStore, ReminderFilter, ReminderView,
    ReplyFilter, ReplyReading, ReplyRecord, ReportAction, ReportBatch, ReportCounts, ScanState, Stop, Store,
    StoreError, SuppressionChangeFilter, SuppressionFilter, UnknownReminder, WriteMode,
};

pub(super) async fn end(tx: Tx, mode: WriteMode) -> Result<(), StoreError> {
    match mode {
        WriteMode::Commit => tx.commit().await?,
        WriteMode::DryRun => tx.rollback().await?,
    }
    Ok(())
}

#[async_trait]
impl Store for End {
    async fn migrate(&self) -> Result<usize, StoreError> {
        let applied = self.apply_migrations().await?;
        address_keys::complete(self).await?;
        encryption::complete(self).await?;
        Ok(applied)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.check_schema().await?;
        encryption::check(self).await
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
        let mut tx = self.write_ledger().await?;
        let (amended, ended) = sources::amend(&mut tx, amendments, source, self.given_now()).await?;
        rejects::release(self, &mut tx, ended).await?;
        end(tx, mode).await?;
        Ok(amended)
    }

    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sources::note(&mut tx, state).await?;
        Ok(tx.commit().await?)
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        let mut tx = self.read().await?;
        let read = sources::all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = ledger::due_page(&mut tx, now, &dates, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        let mut tx = self.read().await?;
        let read = ledger::installments(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = ledger::account(&mut tx, now, borrower, due_date, channel).await?;
        Ok(tx.finish(read).await)
    }

    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let mut account = ledger::account(&mut tx, now, borrower, due_date, channel).await?;
        let mut asked = [contacts::ContactQuery { borrower, due_date, account: &mut account }];
        let people = contacts::people(&mut tx, recent_contacts, &asked).await?;
        contacts::read(&mut tx, now, recent_contacts, (channel, &people), &mut asked, &BTreeMap::new()).await?;
        Ok(tx.finish(account).await)
    }

    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        ledger::suppress(&mut tx, suppressions, suppression::UPSERT).await?;
        if let Some(change) = by {
            let addresses: Vec<_> = suppressions.iter().map(|one| (one.merchant.as_ref(), &one.address)).collect();
            suppression_changes::record_addresses(&mut tx, SuppressionAction::Add, &addresses, change).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        let mut tx = self.read().await?;
        let read = reports::suppressions(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let lifted = reports::lift_suppression(&mut tx, merchant, address).await?;
        if lifted {
            let address = [(merchant, address)];
            suppression_changes::record_addresses(&mut tx, SuppressionAction::Remove, &address, by).await?;
        }
        tx.commit().await?;
        Ok(lifted)
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        let mut tx = self.read().await?;
        let read = suppression_changes::listed(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        let mut tx = self.write_ledger().await?;
        let known = preferences::set_preferences(&mut tx, said, self.given_now()).await?;
        tx.commit().await?;
        Ok(known)
    }

    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        routes::add(&mut tx, version).await?;
        Ok(tx.commit().await?)
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let mut tx = self.read().await?;
        let read = routes::versions(&mut tx, key).await?;
        Ok(tx.finish(read).await)
    }

    async fn note_route_health(&self, health: &RouteHealth) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        route_health::note(&mut tx, health).await?;
        Ok(tx.commit().await?)
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        let mut tx = self.read().await?;
        let read = route_health::all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        clicks::add(&mut tx, click).await?;
        Ok(tx.commit().await?)
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        let mut tx = self.read().await?;
        let read = clicks::since(&mut tx, since).await?;
        Ok(tx.finish(read).await)
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        let mut tx = self.read_much().await?;
        let read = funnel::sent(&mut tx, span).await?;
        Ok(tx.finish(read).await)
    }

    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let told = digits::count(&mut tx, attempt, now).await?;
        tx.commit().await?;
        Ok(told)
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        digits::forget(&mut tx, attempt, now).await?;
        Ok(tx.commit().await?)
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let mut tx = self.read().await?;
        let read = preferences::record(&mut tx, borrower).await?;
        Ok(tx.finish(read).await)
    }

    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let mut tx = self.write().await?;
        let planned = outbox::plan(&mut tx, reminders, at).await?;
        end(tx, mode).await?;
        Ok(planned)
    }

    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        let mut tx = self.read().await?;
        let read = scan::state(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        let mut tx = self.write_ledger().await?;
        let state = scan::announce(&mut tx, in_view, first_day).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        scan::passed(&mut tx, marks).await?;
        Ok(tx.commit().await?)
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = scan::changes(&mut tx, now, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        let mut tx = self.write_behind().await?;
        let put = outbox::put_in(&mut tx, planned, at).await?;
        end(tx, mode).await?;
        Ok(put)
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let done = scan::done_with(&mut tx, now, changes, rules).await?;
        tx.commit().await?;
        Ok(done)
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
        let moves: Vec<_> = settlements.iter().map(Move::from).collect();
        round::settle_and_claim(self, &moves, request, decide).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let moves: Vec<_> = settlements.iter().map(Move::from).collect();
        let mut alone = self.write_alone().await?;
        let settled = outbox::record(&mut alone, &moves).await?;
        self.commit_alone(alone).await?;
        Ok(settled.len())
    }

    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::unknown(&mut tx, channel, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = views::unknown_due(&mut tx, now, channel, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let mut alone = self.write_alone().await?;
        outbox::look_again(&mut alone, looks).await?;
        self.commit_alone(alone).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let counted = receipts::record(&mut tx, now, receipts).await?;
        tx.commit().await?;
        Ok(counted)
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let taken = reports::take_in(&mut tx, now, told).await?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = reports::kept(&mut tx, now, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let counted = reports::review(&mut tx, now, reviewed).await?;
        tx.commit().await?;
        Ok(counted)
    }

    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        let mut tx = self.read().await?;
        let read = replies::listed(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let mut tx = self.write().await?;
        let read = replies::read(&mut tx, reading).await?;
        if let Some(reply) = &read {
            let (cause, now) = (HoldCause::new(HoldReason::UnreadReply, reply.id), self.now(&mut tx).await?);
            queue::release(&mut tx, now, &cause.to_string(), reply.from.channel().as_str(), RELEASED_AT_ONCE).await?;
        }
        tx.commit().await?;
        Ok(read)
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = fallback::due(&mut tx, now, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        fallback::fall_back(&mut tx, pairs, at).await?;
        Ok(tx.commit().await?)
    }

    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        stops::stop(&mut tx, stop).await?;
        let scope = (stop.merchant.as_ref(), stop.channel);
        suppression_changes::record_stop(&mut tx, SuppressionAction::Stop, scope, &stop.change()).await?;
        Ok(tx.commit().await?)
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let lifted = stops::lift(&mut tx, now, merchant, channel).await?;
        if lifted {
            suppression_changes::record_stop(&mut tx, SuppressionAction::Lift, (merchant, channel), by).await?;
        }
        tx.commit().await?;
        Ok(lifted)
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        let mut tx = self.read().await?;
        let read = stops::all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn rehome(&self, channel: Channel, places: u16) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let moved = outbox::rehome(&mut tx, channel, places).await?;
        tx.commit().await?;
        Ok(moved)
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let reaped = outbox::reap(&mut tx, now, limit).await?;
        tx.commit().await?;
        Ok(reaped)
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::next_due(&mut tx, channel).await?;
        Ok(tx.finish(read).await)
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = views::queue_counts(&mut tx, now).await?;
        Ok(tx.finish(read).await)
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::reminders(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::events(&mut tx, reminder).await?;
        Ok(tx.finish(read).await)
    }

    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        gateway_states::note(&mut tx, state).await?;
        Ok(tx.commit().await?)
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        let mut tx = self.read().await?;
        let read = gateway_states::since(&mut tx, since).await?;
        Ok(tx.finish(read).await)
    }

    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let taken = sqlx::query::<Db>(turn::TAKE)
            .bind(task)
            .bind(holder)
            .bind(Moment(now.0 + lasts))
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(taken.rows_affected() == 1)
    }
}
