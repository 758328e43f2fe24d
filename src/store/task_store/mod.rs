//! A store whose operations run to their end, whatever becomes of who asked for them.
//!
//! A future is dropped when a visitor hangs up, a time-out passes, or a `select!` goes another way. An operation on a
//! database must not end there: its connection would be left in the middle of something, and what it was to write would
//! be written or not, by chance. So each operation is a task of its own; who asked waits for it, or does not. It also
//! knows what it needs by itself: what it is given is copied.

mod encryption;
mod holds;
mod incarnation;
mod notices;
mod rejects;
mod volumes;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{
    Change, Changes, ClaimRequest, ClaimResult, DecideFn, DueCursor, InstallmentFilter, KeptReport, LedgerRow,
    NextLook, PlanResult, PreferencesRecord, QueueCounts, ReminderFilter, ReminderView, ReplyFilter, ReplyReading,
    ReplyRecord, ReportAction, ReportBatch, ReportCounts, ScanState, Stop, Store, StoreError, SuppressionChangeFilter,
    SuppressionFilter, UnknownReminder, WriteMode,
};
use crate::domain::{
    AddressKey, Amendment, AmendmentResult, BorrowerKey, Channel, Click, Code, Event, GatewayState, Installment,
    ManualChange, ManualPreferences, MerchantId, NewReminder, Next, Outcome, Receipt, Reminder, ReminderId,
    RouteHealth, RouteKey, RouteVersion, SentCount, Settlement, SourceName, SourceState, Suppression,
    SuppressionChange,
};
use crate::plan::{Account, AnswerTry, Due, Mark, PlanItem, RecentContacts, TryDecision};

/// Runs each operation of another store in a task of its own.
#[derive(Debug, Clone)]
pub struct TaskStore {
    store: Arc<dyn Store>,
    running: TaskTracker,
    room: Option<Arc<Semaphore>>,
}

impl TaskStore {
    /// Over `store`. What runs can be waited for by `running`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, running: TaskTracker) -> Self {
        Self { store, running, room: None }
    }

    /// The same with room for so many operations at once. Others wait, and one whose caller gives up while it waits
    /// never begins: visitors who come and go leave no more behind than that.
    #[must_use]
    pub fn with_room(self, operations: usize) -> Self {
        Self { room: Some(Arc::new(Semaphore::new(operations))), ..self }
    }

    async fn run<T, F>(&self, operation: impl FnOnce(Arc<dyn Store>) -> F + Send) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let place = match &self.room {
            Some(room) => Some(Arc::clone(room).acquire_owned().await.map_err(|_| StoreError::Ending)?),
            None => None,
        };
        let operation = operation(Arc::clone(&self.store));
        let task = self.running.spawn(async move {
            let result = operation.await;
            drop(place);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Ending),
        }
    }
}

/// A claim on its way to who asked for it. If nobody takes it, nothing of it leaves, and its reminders are planned
/// again at once.
struct ClaimInTransit {
    claimed: Option<ClaimResult>,
    place: u16,
    store: Arc<dyn Store>,
    running: TaskTracker,
}

impl Drop for ClaimInTransit {
    fn drop(&mut self) {
        let Some(ClaimResult { now, sending, .. }) = self.claimed.take().filter(|claimed| !claimed.sending.is_empty())
        else {
            return;
        };
        // Without a runtime the process ends: the leases run out.
        let Ok(runtime) = Handle::try_current() else { return };
        let next = Next::Retry { not_before: now, place: self.place };
        let outcome = Outcome::NotSent { code: Code::new("claimer_gone") };
        let settlements: Vec<_> =
            sending.into_iter().map(|one| one.attempt.settle(outcome.clone(), next.clone(), now)).collect();
        let store = Arc::clone(&self.store);
        self.running.spawn_on(
            async move {
                if let Err(error) = store.settle(&settlements).await {
                    tracing::error!(%error, "a claim that nobody waits for could not be given back; it will be \
                        unknown");
                }
            },
            &runtime,
        );
    }
}

#[async_trait]
impl Store for TaskStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        self.run(|store| async move { store.migrate().await }).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.run(|store| async move { store.ready().await }).await
    }

    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        let rows = rows.to_vec();
        self.run(|store| async move { store.import(&rows, mode).await }).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        let (amendments, source) = (amendments.to_vec(), source.cloned());
        self.run(|store| async move { store.amend(&amendments, source.as_ref(), mode).await }).await
    }

    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        let state = state.clone();
        self.run(|store| async move { store.note_source(&state).await }).await
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.run(|store| async move { store.sources().await }).await
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let after = after.cloned();
        self.run(|store| async move { store.due_page(dates, after.as_ref(), limit).await }).await
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.installments(&filter).await }).await
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.account(&borrower, due_date, channel).await }).await
    }

    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.account_beside(&borrower, due_date, channel, recent_contacts).await }).await
    }

    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        let (suppressions, by) = (suppressions.to_vec(), by.cloned());
        self.run(|store| async move { store.suppress(&suppressions, by.as_ref()).await }).await
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.suppression_changes(&filter).await }).await
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.suppressions(&filter).await }).await
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let (merchant, address, by) = (merchant.cloned(), address.clone(), by.clone());
        self.run(|store| async move { store.lift_suppression(merchant.as_ref(), &address, &by).await }).await
    }

    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        let said = said.clone();
        self.run(|store| async move { store.set_preferences(&said).await }).await
    }

    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        let version = version.clone();
        self.run(|store| async move { store.add_route_version(&version).await }).await
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let key = key.cloned();
        self.run(|store| async move { store.route_versions(key.as_ref()).await }).await
    }

    async fn note_route_health(&self, health: &RouteHealth) -> Result<(), StoreError> {
        let health = health.clone();
        self.run(|store| async move { store.note_route_health(&health).await }).await
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        self.run(|store| async move { store.route_health().await }).await
    }

    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        let click = click.clone();
        self.run(|store| async move { store.add_click(&click).await }).await
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        self.run(|store| async move { store.clicks(since).await }).await
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        let span = span.clone();
        self.run(|store| async move { store.sent(&span).await }).await
    }

    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        let attempt = attempt.clone();
        self.run(|store| async move { store.try_digits(&attempt).await }).await
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.run(|store| async move { store.forget_tries(&attempt).await }).await
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let borrower = borrower.clone();
        self.run(|store| async move { store.preferences(&borrower).await }).await
    }

    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let reminders = reminders.to_vec();
        self.run(|store| async move { store.plan(&reminders, at, mode).await }).await
    }

    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        self.run(|store| async move { store.scan_state().await }).await
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        let in_view = in_view.to_vec();
        self.run(|store| async move { store.announce(&in_view, first_day).await }).await
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        let marks = marks.to_vec();
        self.run(|store| async move { store.passed(&marks).await }).await
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        self.run(|store| async move { store.changes(after, limit).await }).await
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        let planned = planned.to_vec();
        self.run(|store| async move { store.put_in(&planned, at, mode).await }).await
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        let changes = changes.to_vec();
        let rules = rules.to_owned();
        self.run(|store| async move { store.done_with(&changes, &rules).await }).await
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
        let (settlements, request, decide) = (settlements.to_vec(), request.clone(), decide.shared());
        let running = self.running.clone();
        let claim = self.run(|store| async move {
            let (settled, claimed) = store.settle_and_claim(&settlements, &request, &*decide).await?;
            Ok((settled, ClaimInTransit { claimed: Some(claimed), place: request.place, store, running }))
        });
        let (settled, mut arrived) = claim.await?;
        let claimed = arrived.claimed.take().ok_or(StoreError::Ending)?;
        Ok((settled, claimed))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let settlements = settlements.to_vec();
        self.run(|store| async move { store.settle(&settlements).await }).await
    }

    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        self.run(|store| async move { store.unknown(channel, after, limit).await }).await
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        self.run(|store| async move { store.unknown_due(channel, limit).await }).await
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let looks = looks.to_vec();
        self.run(|store| async move { store.look_again(&looks).await }).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let receipts = receipts.to_vec();
        self.run(|store| async move { store.record(&receipts).await }).await
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        let told = told.clone();
        self.run(|store| async move { store.take_in(&told).await }).await
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        self.run(|store| async move { store.kept_reports(limit).await }).await
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        let reviewed = reviewed.to_vec();
        self.run(|store| async move { store.review_kept(&reviewed).await }).await
    }

    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.replies(&filter).await }).await
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let reading = reading.clone();
        self.run(|store| async move { store.read_reply(&reading).await }).await
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        self.run(|store| async move { store.fallbacks_due(limit).await }).await
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let pairs = pairs.to_vec();
        self.run(|store| async move { store.fall_back(&pairs, at).await }).await
    }

    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        let stop = stop.clone();
        self.run(|store| async move { store.stop(&stop).await }).await
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let (merchant, by) = (merchant.cloned(), by.clone());
        self.run(|store| async move { store.lift_stop(merchant.as_ref(), channel, &by).await }).await
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        self.run(|store| async move { store.stops().await }).await
    }

    async fn rehome(&self, channel: Channel, places: u16) -> Result<usize, StoreError> {
        self.run(|store| async move { store.rehome(channel, places).await }).await
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        self.run(|store| async move { store.reap(limit).await }).await
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.run(|store| async move { store.next_due(channel).await }).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        self.run(|store| async move { store.queue_counts().await }).await
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.reminders(&filter).await }).await
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        self.run(|store| async move { store.events(reminder).await }).await
    }

    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let state = state.clone();
        self.run(|store| async move { store.note_gateway(&state).await }).await
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        self.run(|store| async move { store.gateway_states(since).await }).await
    }

    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let task = task.to_owned();
        let holder = holder.to_owned();
        self.run(|store| async move { store.take_turn(&task, &holder, lasts).await }).await
    }
}
