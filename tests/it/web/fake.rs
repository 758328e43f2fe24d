//! The least of a store that the pages need: one reminder and one account, only read. What may be written is kept;
//! everything else panics, which is the proof that no page writes more.

use std::future::pending;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::config::{Http, LinkLifetime};
use dueherald::domain::{
    ActivityCount, AddressKey, Amendment, AmendmentResult, Borrower, BorrowerId, BorrowerKey, Channel, Click,
    EmailAddress, Event, EventKind, Installment, InstallmentId, InstallmentStatus, KeyRing, LiftResult, Lifter,
    ManualChange, ManualPreferences, Merchant, MerchantId, NewReminder, Origin, PersonName, Phone, Reminder,
    ReminderId, ReminderKey, Route, RouteHealth, RouteHosts, RouteKey, RouteVersion, Routes, SentCount, SourceName,
    SourceState, State, Step, Suppression, SuppressionChange, SuppressionRecord,
};
use dueherald::http::hosts::PageHosts;
use dueherald::http::limit::Limits;
use dueherald::http::public::Public;
use dueherald::pipeline::Registry;
use dueherald::plan::{Account, AnswerTry, Due, Policy, RecentContacts, TryDecision};
use dueherald::render::{LinkKeys, SigningKeys};
use dueherald::store::{
    AnswerStore, Change, DueCursor, FunnelStore, InstallmentFilter, LedgerRow, LedgerStore, MemoryStore, OpenFilter,
    OpenInstallment, PreferenceStore, PreferencesRecord, QueueCounts, RejectCounts, ReminderFilter, ReminderStore,
    ReminderView, RouteStore, SchemaStore, SentMessage, SettledInstallment, SourceStore, StoreError,
    SuppressionChangeFilter, SuppressionFilter, SuppressionStore, VanishedSettlement, WriteMode,
};

pub(crate) use super::sample::{app, date, installment, instant, route, web};
use super::sample::{http, merchant, merchant_id};

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    Failing,
    NotMigrated,
    Silent,
}

#[derive(Debug)]
pub(crate) struct FakeStore {
    pub(crate) health: Health,
    pub(crate) reminders: Vec<ReminderView>,
    pub(crate) account: Account,
    pub(crate) counts: Vec<QueueCounts>,
    pub(crate) sources: Vec<SourceState>,
    /// The recorded suppressions.
    pub(crate) suppressed: Arc<Mutex<Vec<Suppression>>>,
    /// The recorded preferences.
    pub(crate) wished: Arc<Mutex<Vec<ManualPreferences>>>,
    /// The recorded clicks.
    pub(crate) clicks: Arc<Mutex<Vec<Click>>>,
    /// Whether recording a click fails.
    pub(crate) clicks_fail: bool,
    /// The recorded tries to answer the question.
    pub(crate) tried: Arc<Mutex<Vec<AnswerTry>>>,
    /// Counts the tries.
    pub(crate) tries: MemoryStore,
    /// The counts of rejected records that it returns.
    pub(crate) rejects: RejectCounts,
    /// The number of calls so far.
    pub(crate) asked: Arc<AtomicUsize>,
}

impl FakeStore {
    pub(crate) async fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.health {
            Health::Well => Ok(answer),
            // The text of a database error is not for the public.
            Health::Failing => Err(StoreError::Database(sqlx::Error::Configuration("db.internal:5432 secret".into()))),
            Health::NotMigrated => Err(StoreError::NotMigrated),
            Health::Silent => pending().await,
        }
    }
}

#[async_trait]
impl SchemaStore for FakeStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.answer(()).await
    }

    async fn migrate(&self) -> Result<usize, StoreError> {
        unreachable!("no page migrates")
    }
}

#[async_trait]
impl LedgerStore for FakeStore {
    async fn account(&self, _: &BorrowerKey, _: NaiveDate, _: Channel) -> Result<Account, StoreError> {
        self.answer(self.account.clone()).await
    }

    async fn account_beside(
        &self,
        _: &BorrowerKey,
        _: NaiveDate,
        _: Channel,
        _: RecentContacts,
    ) -> Result<Account, StoreError> {
        unreachable!("no page decides")
    }

    async fn import(&self, _: &[LedgerRow], _: WriteMode) -> Result<Vec<Change>, StoreError> {
        unreachable!("no page imports")
    }

    async fn amend(
        &self,
        _: &[Amendment],
        _: Option<&SourceName>,
        _: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        unreachable!("no page amends")
    }

    async fn due_page(
        &self,
        _: RangeInclusive<NaiveDate>,
        _: Option<&DueCursor>,
        _: u32,
    ) -> Result<Vec<Due>, StoreError> {
        unreachable!("no page scans")
    }

    async fn installments(&self, _: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        self.answer(self.account.installments.clone()).await
    }

    async fn settled_installments(&self, _: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        unreachable!("no page for borrowers shows payments")
    }
}

#[async_trait]
impl SourceStore for FakeStore {
    async fn note_source(&self, _: &SourceState) -> Result<(), StoreError> {
        unreachable!("no page pulls")
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.answer(self.sources.clone()).await
    }

    async fn open_of_source(&self, _: &SourceName, _: &OpenFilter) -> Result<Vec<OpenInstallment>, StoreError> {
        unreachable!("no page pulls")
    }

    async fn settle_vanished(
        &self,
        _: &SourceName,
        _: &[(MerchantId, InstallmentId)],
        _: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        unreachable!("no page pulls")
    }
}

#[async_trait]
impl SuppressionStore for FakeStore {
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        let by = by.map(|by| (by.actor.as_str(), by.reason.as_str()));
        assert_eq!(by, Some(("borrower", "unsubscribed on the page")), "who and why is on record");
        self.suppressed.lock().expect("nobody panics with it").extend_from_slice(suppressions);
        self.answer(()).await
    }

    async fn suppressions(&self, _: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        let suppressed = self.suppressed.lock().expect("nobody panics with it").clone();
        self.answer(suppressed).await
    }

    async fn suppressions_of(&self, _: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
        unreachable!("no page for borrowers shows requests")
    }

    async fn lift_suppression(
        &self,
        _: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError> {
        assert_eq!(lifter, Lifter::Borrower);
        assert_eq!(by.actor, "borrower", "only borrowers undo on a page");
        self.suppressed.lock().expect("nobody panics with it").retain(|one| one.address != *address);
        self.answer(LiftResult::Lifted).await
    }

    async fn suppression_changes(&self, _: &SuppressionChangeFilter) -> Result<Vec<SuppressionChange>, StoreError> {
        unreachable!("no page lists changes")
    }
}

#[async_trait]
impl PreferenceStore for FakeStore {
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        self.wished.lock().expect("nobody panics with it").push(said.clone());
        Ok(true)
    }

    async fn preferences(&self, _: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        unreachable!("no page reads wishes")
    }
}

#[async_trait]
impl RouteStore for FakeStore {
    async fn add_route_version(&self, _: &RouteVersion) -> Result<(), StoreError> {
        unreachable!("no page changes a route")
    }

    async fn route_versions(&self, _: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        Ok(Vec::new())
    }

    async fn note_route_health(&self, _: &RouteHealth, _: &MerchantId) -> Result<(), StoreError> {
        unreachable!("no page probes")
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        unreachable!("these routes are not probed")
    }
}

#[async_trait]
impl FunnelStore for FakeStore {
    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        if self.clicks_fail {
            return Err(StoreError::NotMigrated);
        }
        self.clicks.lock().expect("nobody panics with it").push(click.clone());
        Ok(())
    }

    async fn clicks(&self, _: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        unreachable!("no page tells who went where")
    }

    async fn clicks_of(&self, _: &BorrowerKey, _: u32) -> Result<Vec<Click>, StoreError> {
        unreachable!("no page for borrowers tells who went where")
    }

    async fn sent(&self, _: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        unreachable!("no page tells what was sent")
    }

    async fn activity(&self, _: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
        unreachable!("no page for borrowers counts events")
    }
}

#[async_trait]
impl AnswerStore for FakeStore {
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError> {
        self.tried.lock().expect("nobody panics with it").push(attempt.clone());
        self.tries.try_digits(attempt).await
    }

    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError> {
        self.tries.forget_tries(attempt).await
    }
}

#[async_trait]
impl ReminderStore for FakeStore {
    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let asked = |view: &&ReminderView| filter.id == Some(view.reminder.id);
        self.answer(self.reminders.iter().filter(asked).take(filter.limit as usize).cloned().collect()).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        self.answer(self.counts.clone()).await
    }

    async fn messages(&self, _: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
        unreachable!("no page shows a message again")
    }

    async fn events(&self, id: ReminderId) -> Result<Vec<Event>, StoreError> {
        let left = self.reminders.iter().filter(|view| view.reminder.id == id && view.state == State::Accepted);
        let accepted = |view: &ReminderView| Event {
            reminder: view.reminder.id,
            attempt: 1,
            at: instant("2026-11-22T00:30:00Z"),
            kind: EventKind::Accepted,
            gateway: None,
            provider_id: None,
            detail: None,
        };
        self.answer(left.map(accepted).collect()).await
    }
}

/// The token that unsubscribes; see [`TOKEN`].
/// The check code of the one reminder.
pub(crate) const CODE: &str = "ABCDE23456";
pub(crate) const UNSUBSCRIBE_TOKEN: &str = "k1_7Mm2xQpLt5WvYzRbN8KjHgFd";
/// The token that opens to [`REMINDER`]; every other opens to nothing, but for [`FORGOTTEN`].
pub(crate) const TOKEN: &str = "k1_4Zq0sVnB2wXh7RtYp9LdCmEa";
/// A sealed token whose reminder is no longer kept.
pub(crate) const FORGOTTEN: &str = "k1_9aaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const REMINDER: ReminderId = ReminderId(7);

/// The parts of a page before it is served; a test changes those that it is about.
pub(crate) struct World {
    pub(crate) store: FakeStore,
    pub(crate) merchant: Merchant,
    pub(crate) merchant_known: bool,
    pub(crate) routes: Vec<Route>,
    pub(crate) route_hosts: RouteHosts,
    pub(crate) route_keys: Option<SigningKeys>,
    /// Hashes verifiers.
    pub(crate) ring: Option<Arc<KeyRing>>,
    pub(crate) http: Http,
    pub(crate) clock: SimClock,
}

impl World {
    /// One open bill of a borrower of whom everything is known, due on 25 November 2026, three days from now.
    pub(crate) fn new() -> Self {
        let merchant = merchant();
        let key = BorrowerKey { merchant: merchant.id.clone(), id: BorrowerId::new("B-1001").expect("sound") };
        let due_date = date("2026-11-25");
        let borrower = Borrower {
            name: PersonName::new("欧阳晓雯").ok(),
            phone: Phone::new("+8613800138000").ok(),
            email: EmailAddress::new("ouyang@mail.example").ok(),
            account_phone: Phone::new("+8613911112222").ok(),
            ..Borrower::unknown(key.clone())
        };
        let reminder = Reminder {
            id: REMINDER,
            planned_at: instant("2026-11-20T00:00:00Z"),
            plan: NewReminder {
                key: ReminderKey {
                    borrower: key,
                    due_date,
                    step: "due-soon/-3".parse::<Step>().expect("a step"),
                    channel: Channel::Sms,
                },
                origin: Origin::Schedule,
                not_before: instant("2026-11-22T01:00:00Z"),
                expires_at: instant("2026-11-23T01:00:00Z"),
            },
        };
        let view = ReminderView { reminder, state: State::Accepted, attempts: 1, next_try: None, last: None };
        let installments = vec![installment("I-1", None)];
        let clock = SimClock::at(instant("2026-11-22T01:00:00Z"));
        Self {
            store: FakeStore {
                health: Health::Well,
                reminders: vec![view],
                account: Account { borrower: Some(borrower), installments, ..Account::default() },
                counts: Vec::new(),
                sources: Vec::new(),
                suppressed: Arc::default(),
                wished: Arc::default(),
                clicks: Arc::default(),
                clicks_fail: false,
                tried: Arc::default(),
                tries: MemoryStore::new(Arc::new(clock.clone())),
                rejects: RejectCounts::default(),
                asked: Arc::default(),
            },
            merchant,
            merchant_known: true,
            routes: vec![
                app("app", "mallpay://repay?from=r"),
                web("web", None, "https://pay.yunfan.example/bill?x=1&y=2"),
            ],
            route_hosts: ".yunfan.example".parse().expect("a host"),
            route_keys: None,
            ring: None,
            http: http(),
            clock,
        }
    }

    pub(crate) fn borrower(&mut self) -> &mut Borrower {
        self.store.account.borrower.as_mut().expect("the borrower is known")
    }

    pub(crate) fn set_status(&mut self, status: InstallmentStatus) {
        for installment in &mut self.store.account.installments {
            installment.status = status;
        }
    }

    pub(crate) fn public(self) -> Public {
        let merchants = self.merchant_known.then(|| (self.merchant.id.clone(), self.merchant));
        let clock: Arc<dyn Clock> = Arc::new(self.clock);
        Public {
            store: Arc::new(self.store),
            open: Arc::new(|token| match token {
                TOKEN => Some(REMINDER),
                FORGOTTEN => Some(ReminderId(8)),
                _ => None,
            }),
            open_unsubscribe: Arc::new(|token| match token {
                UNSUBSCRIBE_TOKEN => Some(REMINDER),
                FORGOTTEN => Some(ReminderId(8)),
                _ => None,
            }),
            open_check_code: Arc::new(|code| (code == CODE).then_some(REMINDER).into_iter().collect()),
            policy: Arc::new(Policy { merchants: merchants.into_iter().collect(), ..Policy::default() }),
            routes: Arc::new(Registry::of(Routes(self.routes))),
            route_hosts: Arc::new([(merchant_id(), self.route_hosts)].into()),
            route_keys: Arc::new(self.route_keys.map(|keys| (merchant_id(), keys)).into_iter().collect()),
            proofs: Arc::new(proof_keys()),
            ring: self.ring,
            hosts: Arc::new(PageHosts::default()),
            lifetime: LinkLifetime::default(),
            limits: Arc::new(Limits::new(&self.http, &clock)),
            clock,
        }
    }
}

/// The keys that seal proofs.
pub(crate) fn proof_keys() -> LinkKeys {
    LinkKeys::new([(1, [7; 32])]).expect("32 bytes")
}
