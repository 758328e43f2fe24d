//! The invariants (docs/internals/invariants.md), checked against the simulation's own truth at every event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use dueherald::clock::Clock;
use dueherald::domain::{
    Address, BorrowerKey, Channel, Event, EventKind, FieldUpdate, GatewayName, Installment, InstallmentId,
    InstallmentStatus, LedgerRow, MerchantId, ReminderId, ReminderKey, RuleName, State, Step, merge,
};
use dueherald::gateway::Handover;
use dueherald::plan::{Due, Horizon, local_date, plan};
use dueherald::store::{ClaimedReminder, QueueCounts, ReminderView};

use crate::daemon::POLL;
use crate::gateway::FaultyGateway;
use crate::town::{HOLIDAYS, WORKING_DAYS, gateways, policy};
use crate::world::World;

/// Where a borrower of the American merchant may live whose phone is American.
const AMERICA: [Tz; 7] = [
    chrono_tz::America::New_York,
    chrono_tz::America::Chicago,
    chrono_tz::America::Denver,
    chrono_tz::America::Phoenix,
    chrono_tz::America::Los_Angeles,
    chrono_tz::America::Anchorage,
    chrono_tz::Pacific::Honolulu,
];

/// Whether a step belongs to the rule that falls back to e-mail.
pub(crate) fn is_late(step: &Step) -> bool {
    matches!(step, Step::Rule { rule, .. } if rule.as_str() == "late")
}

fn is_chinese(borrower: &BorrowerKey) -> bool {
    borrower.merchant.as_str() == "cn"
}

/// A message that a sink took over.
#[derive(Debug)]
struct AcceptedMessage {
    gateway: GatewayName,
    reference: String,
    id: ReminderId,
    attempt: u32,
    machine: usize,
    at: Duration,
}

/// A claim that is on record, and whether what it led to was right at that instant.
#[derive(Debug)]
struct Claim {
    life: u32,
    key: ReminderKey,
    lease_ends: Duration,
    wrong: Option<(&'static str, String)>,
    used: bool,
    /// How often the database had gone back in time.
    rewinds: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// The lender's books, as they are.
    pub(crate) rows: Vec<LedgerRow>,
    /// When the instalment of that place was paid, cancelled or moved last.
    pub(crate) changed: HashMap<usize, DateTime<Utc>>,
    /// On which local day a borrower was last reminded of a due date by a rule, and by which step.
    steps: HashMap<(BorrowerKey, NaiveDate, RuleName), (NaiveDate, i32)>,
    former: Vec<LedgerRow>,
    of: HashMap<BorrowerKey, Vec<usize>>,
    pub(crate) suppressed: BTreeSet<(MerchantId, String)>,
    pub(crate) stops: BTreeSet<(Option<MerchantId>, Option<Channel>)>,
    /// The last one is of the database as it is; the others were made before it went back in time.
    claims: HashMap<(ReminderId, u32), Vec<Claim>>,
    /// How often the database has gone back in time.
    rewinds: u32,
    /// Since when it has, if it is not armed again.
    rewound_at: Option<Duration>,
    /// Messages of which neither the database nor a daemon knows any more.
    forgotten: BTreeSet<ReminderKey>,
    /// The messages that the sinks accepted, in order.
    taken: HashMap<ReminderKey, Vec<AcceptedMessage>>,
    /// The messages that each borrower got: the local day, and the reminder.
    got: HashMap<BorrowerKey, Vec<(NaiveDate, ReminderKey)>>,
    states: BTreeMap<ReminderId, State>,
    numbers: HashMap<ReminderKey, ReminderId>,
    pub(crate) failure: Option<String>,
    pub(crate) acceptances: u64,
    /// Whether an operation of a daemon that died may have been committed unseen, as on a real database.
    pub(crate) may_miss_one: bool,
}

impl Oracle {
    pub(crate) fn of(rows: Vec<LedgerRow>) -> Self {
        let mut of: HashMap<_, Vec<_>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            of.entry(row.borrower.clone()).or_default().push(place);
        }
        Self { former: rows.clone(), rows, of, ..Self::default() }
    }

    /// The first thing that is wrong ends the run.
    pub(crate) fn fail(&mut self, invariant: &str, what: String) {
        self.failure.get_or_insert(format!("{invariant}: {what}"));
    }

    fn expect(&mut self, holds: bool, invariant: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(invariant, what());
        }
    }

    pub(crate) fn number_of(&self, key: &ReminderKey) -> Option<ReminderId> {
        self.numbers.get(key).copied()
    }

    pub(crate) fn was_accepted_by(&self, id: ReminderId, gateway: &GatewayName) -> bool {
        self.taken.values().flatten().any(|taken| taken.id == id && taken.gateway == *gateway)
    }

    pub(crate) fn is_rewound(&self) -> bool {
        self.rewound_at.is_some()
    }

    /// The database went back in time: its states are those of then.
    pub(crate) fn rewound(&mut self, at: Duration, views: &[ReminderView]) {
        (self.rewinds, self.rewound_at) = (self.rewinds + 1, Some(at));
        self.states = views.iter().map(|view| (view.reminder.id, view.state)).collect();
        self.numbers = views.iter().map(|view| (view.reminder.plan.key.clone(), view.reminder.id)).collect();
    }

    /// Changes of the lender's books since then reach the database only at `now`.
    pub(crate) fn learns_late(&mut self, since: DateTime<Utc>, now: DateTime<Utc>) {
        self.changed.values_mut().filter(|changed| **changed >= since).for_each(|changed| *changed = now);
    }

    /// A daemon handed it over, and the database may have forgotten that.
    pub(crate) fn doubted(&mut self, view: &ReminderView) {
        let id = view.reminder.id;
        self.numbers.entry(view.reminder.plan.key.clone()).or_insert(id);
        if self.rewinds > 0 {
            self.states.insert(id, State::Unknown);
        }
    }

    /// I13: when the database is armed, it knows of everything that was handed over, but for what nobody remembers any
    /// more.
    pub(crate) fn armed(&mut self, views: &[ReminderView], lost_at: [Duration; 2]) {
        if self.rewound_at.take().is_none() {
            return;
        }
        let views: HashMap<_, _> = views.iter().map(|view| (&view.reminder.plan.key, view)).collect();
        let mut unknown_to_it = Vec::new();
        for (key, taken) in &self.taken {
            for one in taken {
                let has_arrived = views.get(key).is_some_and(|view| view.state == State::Delivered);
                let attempts = views.get(key).map_or(0, |view| view.attempts);
                if has_arrived || attempts >= one.attempt || self.forgotten.contains(key) {
                    continue;
                }
                if one.at < lost_at[one.machine] {
                    self.forgotten.insert(key.clone());
                } else {
                    unknown_to_it.push(format!("{} #{} of machine {}", one.id, one.attempt, one.machine));
                }
            }
        }
        let lost = unknown_to_it.first();
        self.expect(lost.is_none(), "I13", || format!("{lost:?} was sent, and the armed database does not know it"));
    }

    pub(crate) fn a_day_passes(&mut self) {
        self.former.clone_from(&self.rows);
    }

    /// Planted bug: the instalments of a key as they were when the day began.
    pub(crate) fn yesterday(&self) -> impl Fn(&ReminderKey) -> Option<Vec<Installment>> + Send + Sync + 'static {
        let (rows, of) = (self.former.clone(), self.of.clone());
        move |key| {
            let places = of.get(&key.borrower)?.iter();
            let due = places.map(|place| rows[*place].clone()).filter(|row| row.due_date == key.due_date);
            Some(due.map(|row| merge(row, None, None, None).1).collect())
        }
    }

    /// I2: each state follows from the one before.
    pub(crate) fn observe(&mut self, view: &ReminderView) {
        let (id, next) = (view.reminder.id, view.state);
        self.numbers.entry(view.reminder.plan.key.clone()).or_insert(id);
        let before = self.states.insert(id, next).unwrap_or(State::Planned);
        let unseen = |between: State| before.may_become(between) && between.may_become(next);
        let follows = before == next
            || before.may_become(next)
            || self.may_miss_one && [State::Sending, State::Planned, State::Unknown].into_iter().any(unseen);
        self.expect(follows, "I2", || format!("{id} went from {before} to {next}"));
    }

    fn open(&self, key: &ReminderKey) -> BTreeSet<InstallmentId> {
        let places = self.of.get(&key.borrower).into_iter().flatten();
        let open = |row: &&LedgerRow| {
            row.due_date == key.due_date && row.status == FieldUpdate::Set(Some(InstallmentStatus::Open))
        };
        places.map(|place| &self.rows[*place]).filter(open).map(|row| row.installment.clone()).collect()
    }

    fn is_suppressed(&self, merchant: &MerchantId, address: &str) -> bool {
        self.suppressed.contains(&(merchant.clone(), address.to_owned()))
    }

    /// A claim was committed: I5, I6, I3 and the fallback are judged now, and tell when something is accepted for it.
    pub(crate) fn claimed(
        &mut self,
        world: &World,
        life: u32,
        claimed: &ClaimedReminder,
        lease: TimeDelta,
        parent: Option<State>,
    ) {
        let place = (claimed.attempt.reminder(), claimed.attempt.number());
        // A database that went back in time may plan the SMS again that was skipped before.
        // A second e-mail is no new one: when it was sent at first, more was known of the SMS.
        let may_wait = self.rewinds > 0;
        let is_second = may_wait && claimed.attempt.number() > 1;
        let is_in_the_way = |parent| match parent {
            Some(State::Unknown | State::Sending) => !is_second,
            Some(State::Held | State::Planned) => !may_wait,
            _ => false,
        };
        let rewinds = self.rewinds;
        if self.claims.get(&place).and_then(|claims| claims.last()).is_some_and(|last| last.rewinds == rewinds) {
            return;
        }
        self.expect(self.rewound_at.is_none(), "I13", || {
            format!("{place:?} was handed out by a database that went back in time and is not armed")
        });
        let key = claimed.reminder.key.clone();
        let merchant = key.borrower.merchant.clone();
        let meant: BTreeSet<_> = claimed.to_send.installments.iter().map(|one| one.id.clone()).collect();
        let open = self.open(&key);
        let stopped = self.stops.iter().any(|(whose, channel)| {
            whose.as_ref().is_none_or(|whose| *whose == merchant)
                && channel.is_none_or(|channel| channel == key.channel)
        });
        let phone = self.of.get(&key.borrower).and_then(|places| match &self.rows[places[0]].phone {
            FieldUpdate::Set(Some(phone)) => Some(phone.as_e164().to_owned()),
            _ => None,
        });
        let phone_serves = phone.is_some_and(|phone| !self.is_suppressed(&merchant, &phone));
        let wrong = if meant.is_empty() || meant != open {
            Some(("I5", format!("{meant:?} were meant, {open:?} were open")))
        } else if self.is_suppressed(&merchant, claimed.to_send.to.reveal()) {
            Some(("I6", "the address is suppressed".to_owned()))
        } else if stopped {
            Some(("I6", "the sending was stopped".to_owned()))
        } else if phone_serves && is_in_the_way(parent) {
            Some(("I3", format!("the next channel was tried while the SMS was {parent:?}")))
        } else {
            None
        };
        let lease_ends = world.clock.elapsed() + lease.to_std().unwrap_or_default();
        let claim = Claim { life, key, lease_ends, wrong, used: false, rewinds };
        self.claims.entry(place).or_default().push(claim);
    }

    /// The sink took a message over: from here on it cannot be taken back.
    pub(crate) fn accepted(
        &mut self,
        world: &World,
        gateway: &FaultyGateway,
        handover: &Handover<'_>,
        id: Option<ReminderId>,
        events: &[Event],
    ) {
        self.acceptances += 1;
        let Some(id) = id else {
            return self.fail("I1", "a message bears a reference that names no reminder".to_owned());
        };
        let number = handover.attempt;
        let own = gateway.life.number;
        let claims = self.claims.get_mut(&(id, number));
        let claim = claims.and_then(|claims| {
            let last = claims.iter().rposition(|claim| claim.life == own).unwrap_or(claims.len() - 1);
            claims.get_mut(last)
        });
        let Some(claim) = claim else {
            return self.fail("I9", format!("{id} #{number} was sent, and no claim is on record"));
        };
        let (mine, again) = (claim.life == gateway.life.number, std::mem::replace(&mut claim.used, true));
        let (key, lease_ends, wrong) = (claim.key.clone(), claim.lease_ends, claim.wrong.clone());
        self.expect(mine, "I9", || format!("{id} #{number} was sent by another than who claimed it"));
        self.expect(!again, "I1", || format!("{id} #{number} was sent twice"));
        if let Some((invariant, what)) = wrong {
            self.fail(invariant, format!("{id} #{number}: {what}"));
        }
        let late = world.clock.elapsed() >= lease_ends;
        self.expect(!late, "I8", || format!("{id} #{number} was sent after its lease"));
        let taken = AcceptedMessage {
            gateway: gateway.name.clone(),
            reference: handover.reference.to_owned(),
            id,
            attempt: number,
            machine: gateway.life.machine,
            at: world.clock.elapsed(),
        };
        let is_own = gateways(0).of(handover.to.channel(), &key.borrower.merchant).contains(&gateway.name);
        self.expect(is_own, "I11", || format!("{id} #{number} left by {}, which is another merchant's", gateway.name));
        self.accepted_once(&key, taken, handover.to.channel(), events);
        if self.forgotten.iter().any(|forgotten| forgotten.borrower == key.borrower) {
            // No cap can count what nobody remembers.
            return;
        }
        self.accepted_at_a_decent_hour(world, id, &key);
        self.accepted_within_caps(world, id, &key);
        let today = local_date(self.zone(&key.borrower), world.clock.now());
        self.accepted_as_the_only_step_of_the_day(id, &key, today);
    }

    /// Catch-up: nobody gets two steps of one rule on one day. Judged by the rule of several steps that no version of
    /// the rules changes: where a rule is changed, the step of before may have gone in the morning.
    fn accepted_as_the_only_step_of_the_day(&mut self, id: ReminderId, key: &ReminderKey, today: NaiveDate) {
        let Step::Rule { rule, offset } = &key.step else { return };
        if rule.as_str() != "due-soon" {
            return;
        }
        let place = (key.borrower.clone(), key.due_date, rule.clone());
        let before = self.steps.insert(place, (today, *offset));
        let alone = before.is_none_or(|(day, step)| day != today || step == *offset);
        self.expect(alone, "I7", || format!("{id} is the second step of {rule} on {today}"));
    }

    /// I1, I3 and I13: by the key, as a restored database may give a reminder another number.
    fn accepted_once(&mut self, key: &ReminderKey, one: AcceptedMessage, channel: Channel, events: &[Event]) {
        let (id, reference) = (one.id, one.reference.clone());
        let taken = self.taken.entry(key.clone()).or_default();
        taken.push(one);
        let (times, same) = (taken.len(), taken.iter().all(|taken| taken.reference == reference));
        let unknown = events.iter().any(|event| event.kind == EventKind::Unknown);
        if self.forgotten.contains(key) {
            return;
        }
        match channel {
            Channel::Sms => self.expect(times == 1, "I1", || format!("SMS {id} was accepted {times} times")),
            Channel::Email => {
                self.expect(times <= 2, "I1", || format!("e-mail {id} was accepted {times} times"));
                self.expect(times == 1 || unknown, "I1", || format!("e-mail {id} went twice without an unknown"));
                self.expect(same, "I1", || format!("e-mail {id} went twice under two names"));
            }
        }
    }

    /// Where the borrower is.
    fn zone(&self, borrower: &BorrowerKey) -> Tz {
        let home = if is_chinese(borrower) { chrono_tz::Asia::Shanghai } else { chrono_tz::America::New_York };
        let row = self.of.get(borrower).map(|places| &self.rows[places[0]]);
        match row.map(|row| &row.time_zone) {
            Some(FieldUpdate::Set(Some(zone))) => *zone,
            _ => home,
        }
    }

    /// Where the borrower may be.
    fn zones(&self, key: &ReminderKey) -> Vec<Tz> {
        let row = self.of.get(&key.borrower).map(|places| &self.rows[places[0]]);
        let phone_is_chinese = |row: &LedgerRow| match &row.phone {
            FieldUpdate::Set(Some(phone)) => phone.as_e164().starts_with("+86"),
            _ => false,
        };
        match row.map(|row| &row.time_zone) {
            Some(FieldUpdate::Set(Some(zone))) => vec![*zone],
            _ if is_chinese(&key.borrower) => vec![self.zone(&key.borrower)],
            _ if row.is_some_and(phone_is_chinese) => [&AMERICA[..], &[chrono_tz::Asia::Shanghai]].concat(),
            _ => AMERICA.to_vec(),
        }
    }

    /// I4, at the true time of each place where the borrower may be, and on no day off of a rule for working days.
    fn accepted_at_a_decent_hour(&mut self, world: &World, id: ReminderId, key: &ReminderKey) {
        let chinese = is_chinese(&key.borrower);
        let now = world.clock.now();
        let decent = if chinese { 8..22 } else { 8..21 };
        for zone in self.zones(key) {
            let hour = now.with_timezone(&zone).hour();
            self.expect(decent.contains(&hour), "I4", || format!("{id} was sent at {hour} o'clock in {zone}"));
        }
        let day = now.with_timezone(&self.zone(&key.borrower)).date_naive();
        let named = |days: [&str; 3]| chinese && days.contains(&day.to_string().as_str());
        let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let is_off = named(HOLIDAYS) || weekend && !named(WORKING_DAYS);
        let for_working_days = matches!(&key.step, Step::Rule { rule, .. } if rule.as_str() == "due-soon");
        self.expect(!(is_off && for_working_days), "I4", || format!("{id} was sent on {day}, a day off"));
    }

    /// I7: no span of days has more than its cap. A second e-mail of one reminder is the same message, and so is the
    /// fallback of an SMS, except against the cap of its channel.
    fn accepted_within_caps(&mut self, world: &World, id: ReminderId, key: &ReminderKey) {
        let Some(caps) = &world.caps else { return };
        let today = local_date(self.zone(&key.borrower), world.clock.now());
        let got = self.got.entry(key.borrower.clone()).or_default();
        got.push((today, key.clone()));
        let since = |days: i64| got.iter().filter(move |(day, _)| *day > today - TimeDelta::days(days));
        let message =
            |key: &ReminderKey| (key.due_date, key.step.clone(), (!is_late(&key.step)).then_some(key.channel));
        let all = |days| since(days).map(|(_, key)| message(key)).collect::<BTreeSet<_>>().len();
        let same = |days| {
            since(days).map(|(_, one)| one).filter(|one| one.channel == key.channel).collect::<BTreeSet<_>>().len()
        };
        let own = caps.channels.get(&key.channel).copied().unwrap_or_default();
        let too_many = |most: Option<u32>, count: usize| most.is_some_and(|most| count > most as usize);
        let broken = too_many(caps.all.per_day, all(1))
            || too_many(caps.all.per_7_days, all(7))
            || too_many(own.per_day, same(1))
            || too_many(own.per_7_days, same(7));
        let counts = (all(1), all(7), same(1), same(7));
        self.expect(!broken, "I7", || format!("{id} was one too many on {today}: {counts:?} of {caps:?}"));
    }

    /// I2 as a whole: every key that was ever seen is there once, and the counts add up.
    pub(crate) fn audit(&mut self, views: &[ReminderView], counts: &[QueueCounts]) {
        let keys: BTreeSet<_> = views.iter().map(|view| &view.reminder.plan.key).collect();
        self.expect(keys.len() == views.len(), "I2", || "a key is there twice".to_owned());
        let lost = self.numbers.keys().find(|key| !keys.contains(key)).map(|key| key.step.to_string());
        self.expect(lost.is_none(), "I2", || format!("a reminder of {lost:?} has vanished"));
        for view in views {
            self.observe(view);
        }
        for count in counts {
            let of = |state| {
                let is = |view: &&ReminderView| view.state == state && view.reminder.plan.key.channel == count.channel;
                views.iter().filter(is).count() as u64
            };
            let seen = (of(State::Planned), of(State::Held), of(State::Sending), of(State::Unknown));
            let told = (count.planned, count.held.values().sum(), count.sending, count.unknown);
            self.expect(seen == told, "I2", || format!("{told:?} are in the queue, {seen:?} are listed"));
        }
    }

    /// I10: some days after the last fault all is done that the machine can do.
    pub(crate) fn rest(&mut self, views: &[ReminderView], now: DateTime<Utc>) {
        for view in views {
            // The last scan plans ahead, and a daemon whose clock is fast looks too early and then again after its
            // poll.
            let waits = view.next_try.is_some_and(|next| next + POLL >= now) && view.attempts == 0;
            let open = matches!(view.state, State::Planned | State::Held | State::Sending) && !waits;
            let id = view.reminder.id;
            self.expect(!open, "I10", || {
                format!(
                    "{id} is still {} at the end, {now}, though it was to be tried at {:?}",
                    view.state, view.next_try
                )
            });
        }
    }

    /// I2: what the books called for while somebody could plan it is in the outbox, planned or on record as missed.
    /// Judged by the rule that no version of the rules changes.
    pub(crate) fn nothing_was_missed(&mut self, start: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let policy = policy(0, None);
        let always = Horizon { now: DateTime::UNIX_EPOCH, until: now };
        let mut missed = Vec::new();
        for (place, row) in self.rows.iter().enumerate() {
            let (borrower, installment) = merge(row.clone(), None, None, None);
            if !installment.is_due() {
                continue;
            }
            let (due_date, installments) = (installment.due_date, vec![installment]);
            let changed = self.changed.get(&place).copied().unwrap_or_default();
            let called = plan(&policy, &Due { borrower, due_date, installments, suppressed: Vec::new() }, always);
            let called = called.into_iter().filter(|one| one.key.step.to_string() == "on-day/0");
            missed.extend(called.filter(|one| {
                let was_of_use = one.expires_at > changed && start.is_some_and(|start| one.not_before >= start);
                was_of_use && !self.numbers.contains_key(&one.key)
            }));
        }
        self.expect(missed.is_empty(), "I2", || format!("nobody planned {missed:?}"));
    }

    /// The address of a borrower on a channel.
    pub(crate) fn address(&self, place: usize, channel: Channel) -> Option<Address> {
        let row = &self.rows[place];
        match (channel, &row.phone, &row.email) {
            (Channel::Sms, FieldUpdate::Set(Some(phone)), _) => Some(Address::Phone(phone.clone())),
            (Channel::Email, _, FieldUpdate::Set(Some(email))) => Some(Address::Email(email.clone())),
            _ => None,
        }
    }
}
