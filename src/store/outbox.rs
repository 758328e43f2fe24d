//! The outbox.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{StoreError, WriteMode};
use crate::domain::{
    Attempt, BorrowerId, Channel, Event, Fence, GatewayName, HoldReason, ManualChange, MerchantId, MessageForm,
    NewReminder, Reminder, ReminderId, Settlement, State,
};
use crate::plan::{Account, Decision, GatewayLists, RateLimit, RecentContacts, SendPlan};

/// The queue: reminders enter it, are claimed, and are settled.
#[async_trait]
pub trait OutboxStore: Debug + Send + Sync {
    /// Puts reminders into the outbox as `planned`. A key that is there already is passed over, whatever its state.
    /// Gives the numbers of those that were put in. With [`WriteMode::DryRun`] nothing is kept.
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError>;

    /// Takes due reminders of one channel, reads the facts about each, and asks `decide`, all in one transaction. What
    /// is to be sent becomes `sending` with the next attempt number and a lease on the store's clock; what is skipped
    /// gets its end event; what is deferred goes back with its new time; what is held is set apart. What is not sent
    /// uses no permit. Nobody else gets the same reminder while the lease runs.
    ///
    /// Only when this has returned may anything leave: if the claim cannot be recorded, nothing is sent (I9).
    async fn claim(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError>;

    /// Records outcomes and claims, in one transaction, so that both cost one commit. Gives how many outcomes counted.
    /// What fails has done neither.
    async fn settle_and_claim(
        &self,
        settlements: &[Settlement],
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError>;

    /// Records outcomes. One whose attempt is no longer the reminder's latest is passed over (I8); one that comes after
    /// its lease ran out, but before another attempt, counts: it is the proof that `unknown` waits for. Gives how many
    /// counted.
    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError>;

    /// Keeps a form, which messages are stored as differences from; it stays. It must be there before an outcome whose
    /// message needs it is recorded.
    async fn keep_form(&self, form: &Arc<MessageForm>) -> Result<(), StoreError>;

    /// Moves waiting and held reminders of a channel that wait for a gateway which their merchant has no more to its
    /// first: after a change of the config. Where merchants have gateways of their own, it reads all that waits.
    ///
    /// With [`RehomeScope::Stranded`] it moves, to the first gateway of a list, only what no lane of these lists looks
    /// for; a claim there passes it on to its merchant's. Where there is none of it, that costs a look into the index
    /// for each gateway.
    async fn rehome(&self, channel: Channel, lists: &GatewayLists, scope: RehomeScope) -> Result<usize, StoreError>;

    /// When the next planned reminder of the channel is to be sent; in the past if one is due now.
    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError>;
}

/// Which reminders are moved between gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehomeScope {
    /// All that are not where they belong.
    All,
    /// Those that were due before that instant, and wait for a gateway that no list has.
    Stranded {
        /// The instant. A daemon with another config may still send what became due after it.
        due_before: DateTime<Utc>,
    },
}

/// The question that a claim asks about each reminder it took: what is to be done with it, given the facts, at this
/// instant? Pure, and quick: it runs inside the claim's transaction. Every function of that form that can be cloned is
/// one.
pub trait Decider: Send + Sync {
    /// The answer.
    fn decide(&self, reminder: &NewReminder, account: &Account, now: DateTime<Utc>) -> Decision;

    /// The same for a claim in a task of its own, which may outlast the caller.
    fn shared(&self) -> Arc<dyn Decider>;
}

impl<F> Decider for F
where
    F: Fn(&NewReminder, &Account, DateTime<Utc>) -> Decision + Clone + Send + Sync + 'static,
{
    fn decide(&self, reminder: &NewReminder, account: &Account, now: DateTime<Utc>) -> Decision {
        self(reminder, account, now)
    }

    fn shared(&self) -> Arc<dyn Decider> {
        Arc::new(self.clone())
    }
}

/// A [`Decider`] for the time of a claim.
pub type DecideFn<'a> = &'a dyn Decider;

/// A dispatcher's request for due reminders.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Which lane of the queue.
    pub channel: Channel,
    /// Which of the channel's gateways a reminder waits for, counted from 0.
    pub gateway_index: u16,
    /// Through which gateway it will be sent; kept with the attempt, so that an unknown outcome can be looked up there.
    pub gateway: GatewayName,
    /// How many at most: as many as there are free sending slots.
    pub limit: u32,
    /// How long the sender has, on the store's clock.
    pub lease: TimeDelta,
    /// How fast that gateway may be fed by all machines together; permits are taken in the claim's transaction.
    pub rate: Option<RateLimit>,
    /// Which database it is to be, and how far its numbers are to have come at least: another one hands out nothing.
    pub fence: Option<Fence>,
    /// The recent contacts to read beside the facts about each reminder. Claims that read them take turns per person,
    /// so that each claim sees the decisions of the one before. `None` costs nothing.
    pub recent_contacts: Option<RecentContacts>,
}

/// The result of a claim.
#[derive(Debug)]
pub struct ClaimResult {
    /// The store's time at which the claim decided.
    pub now: DateTime<Utc>,
    /// Reminders to hand over now, each once.
    pub sending: Vec<ClaimedReminder>,
    /// Reminders that are not sent now, each with the decision.
    pub not_sent: Vec<(ReminderId, Decision)>,
    /// The number of permits that the gateway's rate allowed; at most the requested limit.
    pub allowed: u32,
}

impl ClaimResult {
    /// How many rows of the queue it took up; fewer than asked for means that nothing more is due.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.sending.len() + self.not_sent.len()
    }
}

/// A reminder that this process, and no other, may now hand over.
#[derive(Debug)]
pub struct ClaimedReminder {
    /// The right to do it.
    pub attempt: Attempt,
    /// The reminder.
    pub reminder: NewReminder,
    /// The facts at the claim.
    pub account: Account,
    /// The decision made from these facts.
    pub to_send: SendPlan,
    /// How long after the claim it is to leave, so that the gateway is fed evenly; zero without a rate.
    pub pause: TimeDelta,
    /// Whether an earlier copy may have arrived; only of e-mail.
    pub in_doubt: bool,
}

/// A reminder that may or may not have gone, with the right to say what became of it.
#[derive(Debug)]
pub struct UnknownReminder {
    /// The attempt nobody knows about; settling it is fenced like any other.
    pub attempt: Attempt,
    /// The reminder.
    pub reminder: NewReminder,
    /// Since when it is unknown.
    pub since: DateTime<Utc>,
    /// How often it became unknown, this time included.
    pub times: u32,
}

/// The time of the next check of an unknown reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLook {
    /// The reminder.
    pub reminder: ReminderId,
    /// The attempt whose outcome is unknown.
    pub attempt: u32,
    /// The time; `None` leaves the reminder to a person.
    pub at: Option<DateTime<Utc>>,
}

impl NextLook {
    /// How a database says "never": the last second that both can store.
    pub(super) const NEVER: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999");
}

/// A stop of messages: of one merchant, of one channel or, with neither, of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// This merchant only.
    pub merchant: Option<MerchantId>,
    /// This channel only.
    pub channel: Option<Channel>,
    /// The person who set it, for the audit trail.
    pub actor: String,
    /// The reason, for the audit trail.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Stop {
    /// Its scope, in words.
    #[must_use]
    pub fn scope(&self) -> String {
        Self::scope_of(self.merchant.as_ref(), self.channel)
    }

    /// The scope of a stop of that merchant and channel, in words.
    #[must_use]
    pub fn scope_of(merchant: Option<&MerchantId>, channel: Option<Channel>) -> String {
        match (merchant, channel) {
            (None, None) => "everything".to_owned(),
            (Some(merchant), None) => format!("everything of {merchant}"),
            (None, Some(channel)) => format!("everything on {channel}"),
            (Some(merchant), Some(channel)) => format!("everything of {merchant} on {channel}"),
        }
    }

    /// The actor, reason and time of this stop, as a manual change.
    #[must_use]
    pub fn change(&self) -> ManualChange {
        ManualChange { actor: self.actor.clone(), reason: self.reason.clone(), at: self.since }
    }

    /// Whether it stops a merchant's messages on a channel.
    #[must_use]
    pub fn covers(&self, merchant: &str, channel: Channel) -> bool {
        self.merchant.as_ref().is_none_or(|own| own.as_str() == merchant)
            && self.channel.is_none_or(|own| own == channel)
    }
}

/// The number of reminders in one channel's queue, by state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueCounts {
    /// The channel.
    pub channel: Channel,
    /// Waiting, due or not.
    pub planned: u64,
    /// Waiting although their time has come.
    pub due: u64,
    /// Under a lease.
    pub sending: u64,
    /// Waiting for proof or for a person.
    pub unknown: u64,
    /// Held, by why.
    pub held: BTreeMap<HoldReason, u64>,
    /// Since when the longest waiting due one has been due.
    pub oldest_due: Option<DateTime<Utc>>,
}

impl QueueCounts {
    /// Nothing in the queue.
    #[must_use]
    pub fn none(channel: Channel) -> Self {
        let held = BTreeMap::new();
        Self { channel, planned: 0, due: 0, sending: 0, unknown: 0, held, oldest_due: None }
    }
}

/// Which reminders to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct ReminderFilter {
    /// This one only.
    pub id: Option<ReminderId>,
    /// In this state.
    pub state: Option<State>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// To this borrower.
    pub borrower: Option<BorrowerId>,
    /// About this due date.
    pub due_date: Option<NaiveDate>,
    /// On this channel.
    pub channel: Option<Channel>,
    /// Older than this one: the last of the page before.
    pub before: Option<ReminderId>,
    /// At most so many.
    pub limit: u32,
}

/// A reminder with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderView {
    /// The reminder.
    pub reminder: Reminder,
    /// Where it stands.
    pub state: State,
    /// How often it was claimed for sending.
    pub attempts: u32,
    /// When it is tried next, while it is planned.
    pub next_try: Option<DateTime<Utc>>,
    /// The last event; `None` if there is none.
    pub last: Option<Event>,
}
