//! Reconcile: what nobody was heard of again is brought to light, what is unknown is asked about, and what did not
//! arrive goes to the next channel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{join_all, join3};
use tokio_util::sync::CancellationToken;

use super::look_up::{LookUpRequest, look_up};
use super::{Dispatcher, Intake};
use crate::domain::{Channel, Code, GatewayName, Next, Outcome, Receipt, ReportedState, SENT_ONCE_MORE, Settlement};
use crate::gateway::{Gateway, LookUp};
use crate::plan::{Account, fall_back, fall_back_at, next_look};
use crate::store::{NextLook, StoreError, UnknownReminder};

/// How many questions are asked at once.
const ASKED_AT_ONCE: usize = 16;

/// How many rows one operation takes.
const BATCH: u32 = 500;

/// The result of one round of the reconciler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReconcileSummary {
    /// Leases that had run out.
    pub reaped: usize,
    /// Unknown ones that could be settled.
    pub resolved: usize,
    /// Kept reports that count now.
    pub reported: usize,
    /// Reminders that went to another channel, or had none left.
    pub fell_back: usize,
    /// Held reminders that are decided again.
    pub released: usize,
}

/// Brings unfinished business forward.
#[derive(Debug, Clone)]
pub struct Reconciler {
    /// The dispatcher, which the lanes share.
    pub dispatcher: Arc<Dispatcher>,
    /// Every gateway, to ask what became of a message.
    pub gateways: BTreeMap<GatewayName, Arc<dyn Gateway>>,
}

impl Reconciler {
    /// Asks these gateways about what the dispatcher sent.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, gateways: BTreeMap<GatewayName, Arc<dyn Gateway>>) -> Self {
        Self { dispatcher, gateways }
    }

    /// One round.
    ///
    /// # Errors
    /// When the store fails; the next round goes on.
    pub async fn round(&self) -> Result<ReconcileSummary, StoreError> {
        let reaped = self.reap().await?;
        let resolved = self.resolve_unknown(&CancellationToken::new()).await?;
        let released = self.release().await?;
        let rest = self.rest_of_round().await?;
        Ok(ReconcileSummary { reaped: reaped + rest.reaped, resolved, released, ..rest })
    }

    /// All but the questions and the releases.
    async fn rest_of_round(&self) -> Result<ReconcileSummary, StoreError> {
        Ok(ReconcileSummary {
            reaped: self.reap().await?,
            resolved: 0,
            released: 0,
            reported: self.intake().review().await?,
            fell_back: self.fall_back().await?,
        })
    }

    fn intake(&self) -> Intake {
        let Dispatcher { store, policy, composer, clock, .. } = &*self.dispatcher;
        let (store, policy) = (Arc::clone(store), Arc::clone(policy));
        let (composer, clock) = (composer.clone(), Arc::clone(clock));
        Intake { store, policy, composer, clock, gateways: self.gateways.clone() }
    }

    /// A round every `every` until `stop`. The questions and the releases go on beside the rest: a gateway may be slow
    /// to answer, much may be held, and no lease, report or fallback waits for that.
    pub async fn run(self, every: Duration, stop: CancellationToken) {
        let rest = async {
            while !stop.is_cancelled() {
                match self.rest_of_round().await {
                    Ok(ReconcileSummary { reaped: 0, .. }) => {}
                    Ok(ReconcileSummary { reaped, .. }) => {
                        tracing::warn!(
                            reaped,
                            "the sender of some reminders was not heard of again; they are now unknown"
                        );
                    }
                    Err(error) => {
                        tracing::error!(%error, "failed to check expired leases and fallbacks; will retry")
                    }
                }
                self.pause(every, &stop).await;
            }
        };
        let questions = async {
            while !stop.is_cancelled() {
                if let Err(error) = self.resolve_unknown(&stop).await {
                    tracing::error!(%error, "failed to check unknown reminders; will retry");
                }
                self.pause(every, &stop).await;
            }
        };
        // Each release is a whole, so it may end between two of them.
        let releases = async {
            while !stop.is_cancelled() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    released = self.release() => if let Err(error) = released {
                        tracing::error!(%error, "failed to check held reminders; will retry");
                    },
                }
                self.pause(every, &stop).await;
            }
        };
        // The others end by themselves: what a gateway said of a message is recorded as a whole, also at a stop.
        join3(releases, rest, questions).await;
    }

    async fn pause(&self, pause: Duration, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.dispatcher.clock.sleep(pause) => {}
        }
    }

    /// Moves every reminder whose lease ran out to `unknown`.
    async fn reap(&self) -> Result<usize, StoreError> {
        let mut reaped = 0;
        loop {
            let batch = self.dispatcher.store.reap(BATCH).await?.len();
            reaped += batch;
            if batch < BATCH as usize {
                return Ok(reaped);
            }
        }
    }

    /// Asks about each unknown reminder that is due for a check, until `stop`. An outcome that nobody can determine
    /// waits for a person.
    async fn resolve_unknown(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let store = &self.dispatcher.store;
        let now = self.dispatcher.clock.now();
        let mut resolved = 0;
        // E-mail first: nobody is asked about it.
        for channel in Channel::ALL.iter().rev().copied() {
            // Each once in a round, also if the store's clock runs ahead of ours.
            let mut looked_at = BTreeSet::new();
            loop {
                let mut page = store.unknown_due(channel, BATCH).await?;
                page.retain(|one| looked_at.insert(one.attempt.reminder()));
                if page.is_empty() {
                    break;
                }
                while !page.is_empty() {
                    let some = page.drain(..page.len().min(ASKED_AT_ONCE)).collect();
                    let Some(settled) = self.resolve(some, now, stop).await? else { return Ok(resolved) };
                    resolved += settled;
                }
            }
        }
        Ok(resolved)
    }

    /// Asks about some at once, settles what became of them, and puts off the others; `None` when it was stopped before
    /// they had answered.
    async fn resolve(
        &self,
        unknown: Vec<UnknownReminder>,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Result<Option<usize>, StoreError> {
        let answers = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            answers = join_all(unknown.iter().map(|one| self.ask(one))) => answers,
        };
        let (mut settlements, mut receipts, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        for (unknown, found) in unknown.into_iter().zip(answers) {
            let found = found?;
            let at = self.next_look(&unknown, now);
            let look = NextLook { reminder: unknown.attempt.reminder(), attempt: unknown.attempt.number(), at };
            match settle(&self.dispatcher, unknown, found, now) {
                Some((settlement, receipt)) => {
                    settlements.push(settlement);
                    receipts.extend(receipt);
                }
                None => looks.push(look),
            }
        }
        let store = &self.dispatcher.store;
        let resolved = if settlements.is_empty() { 0 } else { store.settle(&settlements).await? };
        if !receipts.is_empty() {
            store.record(&receipts).await?;
        }
        if !looks.is_empty() {
            store.look_again(&looks).await?;
        }
        Ok(Some(resolved))
    }

    /// When a gateway that did not know is asked again; `None` where nobody can be asked.
    fn next_look(&self, unknown: &UnknownReminder, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.askable(unknown)?;
        next_look(unknown.since, now)
    }

    fn askable(&self, unknown: &UnknownReminder) -> Option<&Arc<dyn Gateway>> {
        self.gateways.get(unknown.attempt.gateway()).filter(|gateway| gateway.can_be_asked())
    }

    /// The gateway's answer about the attempt, and the account as it is; `None` where it cannot be asked.
    async fn ask(&self, unknown: &UnknownReminder) -> Result<Option<(LookUp, Account)>, StoreError> {
        let UnknownReminder { attempt, reminder, since, .. } = unknown;
        let key = &reminder.key;
        let Some(gateway) = self.askable(unknown) else { return Ok(None) };
        let account = self.dispatcher.store.account(&key.borrower, key.due_date, key.channel).await?;
        let Some(to) = account.borrower.as_ref().and_then(|borrower| borrower.address(key.channel)) else {
            return Ok(None);
        };
        let asked = LookUpRequest { reminder: attempt.reminder(), provider_id: None, to: &to, handed_over_by: *since };
        Ok(Some((look_up(&**gateway, &self.dispatcher.composer, asked).await, account)))
    }

    /// Plans on the next channel what did not arrive on this one.
    async fn fall_back(&self) -> Result<usize, StoreError> {
        let Dispatcher { store, policy, clock, .. } = &*self.dispatcher;
        let mut fell_back = 0;
        loop {
            let due = store.fallbacks_due(BATCH).await?;
            if due.is_empty() {
                return Ok(fell_back);
            }
            let now = clock.now();
            let pairs: Vec<_> = due.iter().map(|one| (one.id, fall_back(policy, &one.plan, now))).collect();
            store.fall_back(&pairs, now).await?;
            fell_back += pairs.len();
        }
    }
}

/// The settlement of an unknown reminder, with a receipt if it is known whether it arrived; `None` leaves it to a
/// person.
fn settle(
    dispatcher: &Dispatcher,
    unknown: UnknownReminder,
    found: Option<(LookUp, Account)>,
    now: DateTime<Utc>,
) -> Option<(Settlement, Option<Receipt>)> {
    let UnknownReminder { attempt, reminder, times, .. } = unknown;
    let gateway_index = dispatcher.policy.gateways.first_index(reminder.key.channel, &reminder.key.borrower.merchant);
    match found {
        Some((LookUp::Accepted { provider_id, fate }, account)) => {
            let preferred = account.borrower.and_then(|borrower| borrower.preferred_channel);
            let falls_back = fall_back_at(&dispatcher.policy, &reminder, preferred, &Next::Accepted, now);
            let receipt = fate.map(|fate| Receipt {
                reminder: attempt.reminder(),
                gateway: attempt.gateway().clone(),
                arrived: !matches!(fate, ReportedState::Undelivered { .. }),
                code: match fate {
                    ReportedState::Undelivered { code, .. } => code,
                    ReportedState::Delivered | ReportedState::Complained => None,
                },
                at: now,
            });
            let settlement = attempt.settle(Outcome::Accepted { provider_id }, Next::Accepted, now);
            let settlement = match falls_back {
                Some(at) => settlement.falling_back_at(at),
                None => settlement,
            };
            return Some((settlement, receipt));
        }
        Some((LookUp::NotSent, _)) => {
            let outcome = Outcome::NotSent { code: Code::new("looked_up") };
            return Some((attempt.settle(outcome, Next::Retry { not_before: now, gateway_index }, now), None));
        }
        Some((LookUp::Unclear, _)) | None => {}
    }
    // One more e-mail with the same Message-ID is shown once by mail programs, or twice at worst; a second text always
    // is.
    let second = reminder.key.channel == Channel::Email && times == 1 && now < reminder.expires_at;
    second.then(|| {
        let outcome = Outcome::Unknown { code: Code::new(SENT_ONCE_MORE) };
        (attempt.settle(outcome, Next::Retry { not_before: now, gateway_index }, now), None)
    })
}
