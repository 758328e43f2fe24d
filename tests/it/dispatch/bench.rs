//! Gateways that answer by script, and lanes over the store in memory that feed them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, Event, GatewayName, LinkMode, MerchantId, Message, Outcome, RejectScope, ReminderId, ReminderKey,
    SourceName,
};
use dueherald::gateway::{Gateway, GatewayError, Handover, Inquiry, LookUp};
use dueherald::pipeline::{
    Composer, DispatchSettings, Dispatcher, Freshness, GatewayHandle, Guard, MessageForms, Reconciler, SendLane, Tally,
    TemplateFailures, drain,
};
use dueherald::plan::{ChannelMode, Policy, RateLimit};
use dueherald::render::RegisteredTemplates;
use dueherald::store::{LedgerStore, MemoryStore, OutboxStore, ReminderFilter, ReminderStore, ReminderView, WriteMode};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{at, composer, installment, merchant, policy, reminder, row, rule};

/// Ten in the morning in Shanghai, three days before the due date.
pub(super) const TEN: &str = "2026-11-22T02:00:00Z";
pub(super) const DUE: &str = "2026-11-25";

pub(super) fn code() -> Code {
    Code::new("busy")
}

pub(super) fn not_sent() -> Outcome {
    Outcome::NotSent { code: code() }
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown { code: code() }
}

pub(super) fn rejected(scope: RejectScope) -> Outcome {
    Outcome::Rejected { code: code(), scope }
}

/// A message that a gateway was given.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) reference: String,
    pub(super) attempt: u32,
    pub(super) text: String,
    pub(super) at: DateTime<Utc>,
}

/// A gateway that answers by script, then accepts. It records every message that it was given.
#[derive(Debug)]
pub(super) struct Scripted {
    name: GatewayName,
    channel: Channel,
    clock: SimClock,
    answers: Mutex<VecDeque<Outcome>>,
    seen: Mutex<Vec<Sent>>,
    look_up: Mutex<LookUp>,
    /// It answers look-ups by what it was handed.
    pub(super) remembers: AtomicBool,
    asked: AtomicUsize,
    pub(super) silent: AtomicBool,
    released: Notify,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    /// The texts that it takes, if it takes no other.
    registered: OnceLock<RegisteredTemplates>,
}

impl Scripted {
    fn new(name: &str, channel: Channel, clock: &SimClock) -> Arc<Self> {
        Arc::new(Self {
            name: name.parse().expect("a name"),
            channel,
            clock: clock.clone(),
            answers: Mutex::default(),
            seen: Mutex::default(),
            look_up: Mutex::new(LookUp::Unclear),
            remembers: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
            released: Notify::new(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            registered: OnceLock::new(),
        })
    }

    /// Takes these texts only.
    pub(super) fn takes_only(&self, registered: RegisteredTemplates) {
        self.registered.set(registered).expect("once");
    }

    /// Sets its next answers; after them it accepts again.
    pub(super) fn answers(&self, answers: Vec<Outcome>) {
        *self.answers.lock().expect("no panic") = answers.into();
    }

    /// Sets its answer to a look-up of a message.
    pub(super) fn looks_up(&self, found: LookUp) {
        *self.look_up.lock().expect("no panic") = found;
    }

    /// The number of look-ups so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Lets those that it kept waiting have their answer.
    pub(super) fn release(&self) {
        self.silent.store(false, Ordering::SeqCst);
        self.released.notify_waiters();
    }

    pub(super) fn seen(&self) -> Vec<Sent> {
        self.seen.lock().expect("no panic").clone()
    }

    /// As if it had never been handed anything.
    pub(super) fn forget(&self) {
        self.seen.lock().expect("no panic").clear();
    }

    pub(super) fn references(&self) -> BTreeSet<String> {
        self.seen().into_iter().map(|sent| sent.reference).collect()
    }

    /// How many it had at once at most since this was asked last.
    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl Gateway for Scripted {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        self.channel
    }

    fn link_mode(&self) -> LinkMode {
        LinkMode::Personal
    }

    fn registered(&self) -> Option<&RegisteredTemplates> {
        self.registered.get()
    }

    fn max_in_flight(&self) -> usize {
        4
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let flying = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(flying, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let text = match handover.message {
            Message::Sms(text) => text.0.clone(),
            Message::Registered(sms) => sms.text.clone(),
            Message::Email(parts) => parts.text.clone(),
        };
        assert_eq!(handover.to.channel(), self.channel);
        let (reference, attempt) = (handover.reference.to_owned(), handover.attempt);
        self.seen.lock().expect("no panic").push(Sent { reference, attempt, text, at: self.clock.now() });
        if self.silent.load(Ordering::SeqCst) {
            self.released.notified().await;
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.answers.lock().expect("no panic").pop_front().unwrap_or(Outcome::Accepted { provider_id: None })
    }

    fn can_be_asked(&self) -> bool {
        true
    }

    async fn look_up(&self, inquiry: &Inquiry<'_>) -> LookUp {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.remembers.load(Ordering::SeqCst) {
            let has_it = self.references().contains(inquiry.reference);
            return if has_it { LookUp::Accepted { provider_id: None, fate: None } } else { LookUp::NotSent };
        }
        self.look_up.lock().expect("no panic").clone()
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

/// The parts of a bench.
pub(super) struct Setup {
    pub(super) policy: Policy,
    pub(super) composer: Composer,
    /// By channel, in the order in which they are tried.
    pub(super) gateways: Vec<(&'static str, Channel)>,
    /// Of every gateway.
    pub(super) rate: Option<RateLimit>,
    /// How many daemons share the work.
    pub(super) machines: usize,
    /// How long reminders are of use.
    pub(super) lasts: TimeDelta,
    /// How old what each source brought may be.
    pub(super) ledger_age: Vec<(SourceName, Option<TimeDelta>)>,
    /// The sources that feed one merchant only.
    pub(super) feeds: Vec<(SourceName, MerchantId)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: policy(),
            composer: composer(),
            gateways: vec![("script", Channel::Sms)],
            rate: None,
            machines: 1,
            lasts: TimeDelta::hours(12),
            ledger_age: Vec::new(),
            feeds: Vec::new(),
        }
    }
}

impl Setup {
    /// Two SMS gateways, `first` and `second`.
    pub(super) fn pair() -> Self {
        Self { gateways: vec![("first", Channel::Sms), ("second", Channel::Sms)], ..Self::default() }
    }

    /// SMS through `texts`, else e-mail through `mails`.
    pub(super) fn two_channels(mode: ChannelMode, order: &[Channel]) -> Self {
        let policy = Policy { rules: vec![rule("due", &[-3, -1, 0, 1], mode, order)], ..policy() };
        Self { policy, gateways: vec![("texts", Channel::Sms), ("mails", Channel::Email)], ..Self::default() }
    }
}

/// Everything that dispatches, on a clock that stands still until it is moved.
pub(super) struct Bench {
    pub(super) clock: SimClock,
    pub(super) store: Arc<MemoryStore>,
    pub(super) lanes: Vec<SendLane>,
    pub(super) reconciler: Reconciler,
    setup: Setup,
    gateways: BTreeMap<&'static str, Arc<Scripted>>,
    borrowers: AtomicUsize,
}

impl Bench {
    /// One SMS gateway that answers so, and `reminders` that are due now.
    pub(super) async fn with(reminders: usize, answers: Vec<Outcome>) -> Self {
        let bench = Self::of(Setup::default());
        bench.gateway("script").answers(answers);
        bench.add(reminders).await;
        bench
    }

    pub(super) fn of(setup: Setup) -> Self {
        let clock = SimClock::at(at(TEN));
        let store = MemoryStore::new(Arc::new(clock.clone())).with_gateway_lists(setup.policy.gateways.clone());
        let store = Arc::new(store);
        let scripted = |(name, channel): &(&'static str, Channel)| (*name, Scripted::new(name, *channel, &clock));
        let gateways: BTreeMap<_, _> = setup.gateways.iter().map(scripted).collect();
        let (lanes, reconciler) = daemons(&setup, &clock, &store, &gateways);
        Self { clock, store, lanes, reconciler, setup, gateways, borrowers: AtomicUsize::new(0) }
    }

    /// The same outbox with daemons started anew, which make messages so.
    pub(super) fn restarted(self, composer: Composer) -> Self {
        let setup = Setup { composer, ..self.setup };
        let (lanes, reconciler) = daemons(&setup, &self.clock, &self.store, &self.gateways);
        Self { lanes, reconciler, setup, ..self }
    }

    /// The same outbox with daemons that have another config.
    pub(super) fn with_policy(self, policy: Policy) -> Self {
        let setup = Setup { policy, ..self.setup };
        let (lanes, reconciler) = daemons(&setup, &self.clock, &self.store, &self.gateways);
        Self { lanes, reconciler, setup, ..self }
    }

    /// Puts in `reminders` more, each to a borrower of its own with one instalment, all due now.
    pub(super) async fn add(&self, reminders: usize) {
        self.add_of(&merchant().id, reminders).await;
    }

    /// The same for borrowers of that merchant.
    pub(super) async fn add_of(&self, merchant: &MerchantId, reminders: usize) {
        let channel = self.setup.policy.rules[0].channels.order[0];
        for _ in 0..reminders {
            let who = format!("b{}", self.borrowers.fetch_add(1, Ordering::SeqCst));
            let mut row = row(&installment(&format!("i-{who}"), &who, DUE));
            row.borrower.merchant = merchant.clone();
            self.store.import(&[row], WriteMode::Commit).await.expect("imported");
            let mut plan = reminder(&who, DUE, "due/-3", TEN);
            plan.key = ReminderKey { channel, ..plan.key };
            plan.key.borrower.merchant = merchant.clone();
            plan.expires_at = plan.not_before + self.setup.lasts;
            let planned = self.store.plan(&[plan], at(TEN), WriteMode::Commit).await;
            assert_eq!(planned.expect("planned").len(), 1);
        }
    }

    pub(super) fn gateway(&self, name: &str) -> &Scripted {
        &self.gateways[name]
    }

    /// Sends what is due now; nothing may wait for time to pass.
    pub(super) async fn drain(&self) -> Tally {
        drain(&self.lanes, &CancellationToken::new()).await.expect("the store does not fail")
    }

    /// Sends what is due, and moves the clock whenever everybody sleeps.
    pub(super) async fn drain_in_time(&self) -> Tally {
        let mut work = pin!(self.drain());
        loop {
            tokio::select! {
                biased;
                tally = &mut work => return tally,
                () = everybody_sleeps() => {}
            }
            self.clock.until_next_wake().into_iter().for_each(|wake| self.clock.advance(wake));
        }
    }

    /// A round of reconciling, then sends what is due.
    pub(super) async fn reconcile_and_drain(&self) -> Tally {
        self.reconciler.round().await.expect("reconciled");
        self.drain().await
    }

    /// Lets time pass in steps of `step`, each followed by [`Self::reconcile_and_drain`].
    pub(super) async fn live(&self, step: Duration, steps: u32) -> Tally {
        let mut total = Tally::default();
        for _ in 0..steps {
            self.clock.advance(step);
            total.add(&self.reconcile_and_drain().await);
        }
        total
    }

    pub(super) async fn view(&self, id: i64) -> ReminderView {
        let filter = ReminderFilter { id: Some(ReminderId(id)), limit: 1, ..ReminderFilter::default() };
        self.store.reminders(&filter).await.expect("listed").remove(0)
    }

    /// Every reminder, oldest first: its channel and state.
    pub(super) async fn states(&self) -> Vec<String> {
        let filter = ReminderFilter { limit: 1000, ..ReminderFilter::default() };
        let mut views = self.store.reminders(&filter).await.expect("listed");
        views.reverse();
        views.iter().map(|view| format!("{} {}", view.reminder.plan.key.channel, view.state)).collect()
    }

    /// The events of a reminder: attempt, event, reason.
    pub(super) async fn story(&self, id: i64) -> Vec<String> {
        let events = self.store.events(ReminderId(id)).await.expect("listed");
        let line =
            |event: &Event| format!("{} {} {}", event.attempt, event.kind, event.detail.as_deref().unwrap_or("-"));
        events.iter().map(line).collect()
    }
}

/// The lanes of every machine, and one reconciler.
fn daemons(
    setup: &Setup,
    clock: &SimClock,
    store: &Arc<MemoryStore>,
    gateways: &BTreeMap<&'static str, Arc<Scripted>>,
) -> (Vec<SendLane>, Reconciler) {
    let dispatcher = |machine: usize| {
        Arc::new(Dispatcher {
            store: Arc::<MemoryStore>::clone(store),
            policy: Arc::new(setup.policy.clone()),
            composer: setup.composer.clone(),
            clock: Arc::new(clock.clone()),
            settings: DispatchSettings { lease: Duration::from_secs(60), ..DispatchSettings::default() },
            template_failures: TemplateFailures::default(),
            forms: MessageForms::default(),
            freshness: Freshness::new(setup.ledger_age.clone()).feeding(setup.feeds.clone()),
            guard: Arc::new(Guard::off()),
            holder: format!("machine {machine}"),
        })
    };
    let lanes_of = |dispatcher: &Arc<Dispatcher>, channel: Channel| {
        let of_channel = setup.gateways.iter().filter(|(_, carries)| *carries == channel);
        let posts = of_channel.map(|(name, _)| GatewayHandle::new(Arc::<Scripted>::clone(&gateways[name]), setup.rate));
        SendLane::of_channel(dispatcher, channel, posts.collect())
    };
    let machines: Vec<_> = (0..setup.machines).map(dispatcher).collect();
    let lanes = machines.iter().flat_map(|machine| Channel::ALL.iter().flat_map(|channel| lanes_of(machine, *channel)));
    let by_name =
        gateways.values().map(|gateway| (gateway.name.clone(), Arc::<Scripted>::clone(gateway) as Arc<dyn Gateway>));
    let reconciler = Reconciler::new(Arc::clone(&machines[0]), by_name.collect());
    (lanes.collect(), reconciler)
}

/// Gives every task that can go on the time to do so.
async fn everybody_sleeps() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
