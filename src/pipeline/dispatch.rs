//! Dispatch: claim what is due, decide at the send instant, render, hand over, settle. One [`SendLane`] per gateway.
//!
//! What is claimed is in doubt after a crash, so only as many are claimed as there are free sending slots, and all of
//! them are handed over at once. For e-mail, whose doubt ends by itself, a few more are claimed: those that leave while
//! the store is busy. Outcomes are settled in batches as they come. An outcome that cannot be recorded is kept and
//! tried again; if the process dies first, the lease runs out and the reminder is `unknown`, never sent again blindly.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::breaker::Admission;
use super::gate::LinkGate;
use super::gateway_handle::GatewayHandle;
use super::guard::Permission;
use super::in_flight::InFlight;
use super::lane_list::{LaneList, lists_of_channel};
use super::{Dispatcher, Tally};
use crate::clock::Deadline;
use crate::domain::{Channel, GatewayName, NewReminder};
use crate::plan::{Account, Decision, decide};
use crate::store::{ClaimRequest, ClaimResult, StoreError};

/// When a lane ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEnd {
    /// When nothing more is due now and everything in flight is settled.
    Drained,
    /// Only on a stop order.
    Stopped,
}

/// The sending of one channel through one of its gateways.
#[derive(Debug, Clone)]
pub struct SendLane {
    dispatcher: Arc<Dispatcher>,
    channel: Channel,
    handle: Arc<GatewayHandle>,
    /// The lists of gateways that name it.
    lists: Arc<[LaneList]>,
}

/// Lets every lane send what is due now, and again while one hands something on to another.
///
/// # Errors
/// When the store fails; what is in flight is settled or given up.
pub async fn drain(lanes: &[SendLane], stop: &CancellationToken) -> Result<Tally, StoreError> {
    let mut total = Tally::default();
    loop {
        let tallies = join_all(lanes.iter().map(|lane| lane.run(LaneEnd::Drained, stop))).await;
        let mut round = Tally::default();
        for tally in tallies {
            round.add(&tally?);
        }
        total.add(&round);
        if round.passed_on + round.switched == 0 || stop.is_cancelled() {
            join_all(lanes.iter().map(SendLane::shut_down)).await;
            return Ok(total);
        }
    }
}

/// Whether more is due after a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlog {
    /// All that was asked for: there may be more.
    Plenty,
    /// All that the rate allows: there may be more in a moment.
    Paced,
    /// Less: nothing more is due.
    Rest,
}

/// How many reminders a claim sends, puts aside and may send.
struct ClaimCounts {
    /// How many are to be sent.
    sent: u32,
    /// How many are not, or not now.
    not_sent: u32,
    /// How many the rate allowed.
    allowed: u32,
}

/// From so many slots on, two shifts share them: one sends while the other is at the store.
const SLOTS_FOR_TWO: usize = 8;

/// How long a few outcomes wait for more, so that recording them and claiming the next ones is worth its round trips.
const GATHER: Duration = Duration::from_millis(4);

/// How much e-mail is claimed ahead: as much as leaves in that time at the recent pace. Some round trips to the store
/// fit into it.
const AHEAD: Duration = Duration::from_millis(10);

/// How long a paced lane waits for more permits: they are given out a quarter of a second ahead.
const PACE: Duration = Duration::from_millis(50);

/// When no permit has come for so long it is the day's share that is used up: the slowest pace is one a second.
const BARRED: Duration = Duration::from_secs(2);

impl SendLane {
    /// The lanes of a channel, one for each of its gateways.
    #[must_use]
    pub fn of_channel(dispatcher: &Arc<Dispatcher>, channel: Channel, handles: Vec<GatewayHandle>) -> Vec<Self> {
        let gateways = lists_of_channel(&dispatcher.policy.gateways, channel, handles);
        let lane = |(handle, lists): (_, Vec<_>)| {
            let dispatcher = Arc::clone(dispatcher);
            Self { dispatcher, channel, handle, lists: lists.into() }
        };
        gateways.into_iter().map(lane).collect()
    }

    /// Sends what is due until it is `until`, or until `stop`. After `stop` nothing is claimed any more, and what is in
    /// flight is waited for and settled, which takes a lease at most.
    ///
    /// # Errors
    /// With [`LaneEnd::Drained`], when the store fails and everything in flight is settled or given up. With
    /// [`LaneEnd::Stopped`] a failing store is logged and tried again.
    pub async fn run(&self, until: LaneEnd, stop: &CancellationToken) -> Result<Tally, StoreError> {
        self.handle().show_breaker();
        let slots = self.handle().gateway.max_in_flight().max(1);
        let shifts = if slots >= SLOTS_FOR_TWO && self.channel == Channel::Sms { 2 } else { 1 };
        // The first takes what does not divide.
        let share = |shift| slots / shifts + if shift == 0 { slots % shifts } else { 0 };
        // Each is a task of its own: the runtime's first future would be woken by a system call for every outcome.
        let mut working = JoinSet::new();
        for shift in 0..shifts {
            let (lane, stop, share) = (self.clone(), stop.clone(), share(shift));
            working.spawn(async move { lane.work(shift, shifts > 1, share, until, &stop).await });
        }
        let mut total = Ok(Tally::default());
        while let Some(ended) = working.join_next().await {
            let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            total = total.and_then(|mut total| {
                total.add(&ended?);
                Ok(total)
            });
        }
        if until == LaneEnd::Stopped {
            self.shut_down().await;
        }
        total
    }

    /// Says the last that is to be said of the gateway.
    async fn shut_down(&self) {
        self.dispatcher.shut_down(self.handle()).await;
    }

    /// One shift, with its share of the slots: to the store it is a sender like any other.
    async fn work(
        &self,
        shift: usize,
        has_sibling: bool,
        slots: usize,
        until: LaneEnd,
        stop: &CancellationToken,
    ) -> Result<Tally, StoreError> {
        let mut in_flight = InFlight::new(shift, has_sibling, slots, self.dispatcher.clock.elapsed());
        while !stop.is_cancelled() {
            match self.run_once(&mut in_flight, until, stop).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if until == LaneEnd::Drained => {
                    self.drain(&mut in_flight).await;
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(channel = %self.channel, %error, "the store failed; dispatch waits and tries \
                        again");
                    self.pause(self.dispatcher.settings.poll, stop).await;
                }
            }
        }
        self.drain(&mut in_flight).await;
        Ok(in_flight.tally)
    }

    /// The channel whose reminders it sends.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The gateway that it sends through.
    #[must_use]
    pub fn gateway(&self) -> &GatewayName {
        self.handle().gateway.name()
    }

    fn handle(&self) -> &Arc<GatewayHandle> {
        &self.handle
    }

    /// One round: settle and claim, hand over, wait for something to happen. `false` when the lane is drained.
    async fn run_once(
        &self,
        in_flight: &mut InFlight,
        until: LaneEnd,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        if in_flight.claim_failed {
            // An obstacle to a claim, such as a rate limit that somebody holds, must not keep the outcomes from being
            // recorded.
            self.settle(in_flight).await?;
            in_flight.claim_failed = false;
        }
        let found = self.claim(in_flight).await?;
        self.settle(in_flight).await?;
        self.dispatcher.record_health(self.handle()).await;
        let poll = self.dispatcher.settings.poll;
        if !in_flight.sending.is_empty() {
            let patience = match found {
                Backlog::Plenty => None,
                Backlog::Paced => Some(PACE),
                Backlog::Rest => (until == LaneEnd::Stopped).then_some(poll),
            };
            self.collect(in_flight, patience).await;
            return Ok(true);
        }
        match found {
            Backlog::Plenty => {}
            Backlog::Paced => self.pause(PACE, stop).await,
            Backlog::Rest if until == LaneEnd::Drained => return Ok(false),
            Backlog::Rest => self.pause(self.until_next_due().await?, stop).await,
        }
        Ok(true)
    }

    /// How many may be claimed beyond what the gateway takes at once. An SMS in doubt needs a person, so there it is
    /// none.
    fn prefetch(&self, in_flight: &InFlight) -> usize {
        if self.channel == Channel::Email {
            in_flight.pace.min(self.dispatcher.settings.claim_batch as usize)
        } else {
            0
        }
    }

    /// Claims as much as there are free slots and starts handing it over; a claim records the outcomes that are there
    /// as well.
    async fn claim(&self, in_flight: &mut InFlight) -> Result<Backlog, StoreError> {
        let slots = in_flight.slots + self.prefetch(in_flight);
        let free = slots - in_flight.sending.len().min(slots);
        let mut limit = u32::try_from(free).unwrap_or(u32::MAX).min(self.dispatcher.settings.claim_batch);
        match self.handle().breaker.admits(self.dispatcher.clock.elapsed()) {
            Admission::NothingFor(_) => return Ok(Backlog::Rest),
            Admission::OneProbe if in_flight.shift > 0 => return Ok(Backlog::Rest),
            Admission::OneProbe if !in_flight.sending.is_empty() => return Ok(Backlog::Plenty),
            Admission::OneProbe => limit = 1,
            // A claim is a round trip: wait until a quarter of the slots is free, so that it is worth one.
            Admission::All if free * 4 < slots && !in_flight.sending.is_empty() => return Ok(Backlog::Plenty),
            Admission::All => {}
        }
        // Before the claim, so that nothing is claimed that could lead to a closed door.
        let mode = self.handle().gateway.link_mode();
        let gate = LinkGate::now(&self.dispatcher, mode).await?;
        let mut found = Backlog::Rest;
        for (list, index) in self.queues(in_flight) {
            let queue = (list, index);
            let ClaimCounts { sent, not_sent, allowed } = self.claim_at(in_flight, queue, limit, &gate).await?;
            if sent >= limit || (sent < allowed && sent.saturating_add(not_sent) >= limit) {
                return Ok(Backlog::Plenty);
            }
            let now = self.dispatcher.clock.elapsed();
            let barred = in_flight.rate_limited_since.is_some_and(|since| now.saturating_sub(since) >= BARRED);
            if sent >= allowed && !barred {
                found = Backlog::Paced;
            }
            limit -= sent;
        }
        Ok(found)
    }

    /// The lists that name the gateway, each with the gateway indexes whose reminders it sends. Each claim begins with
    /// the next list, so that none waits for the end of another's backlog.
    fn queues(&self, in_flight: &mut InFlight) -> Vec<(&LaneList, u16)> {
        let elapsed = self.dispatcher.clock.elapsed();
        let turn = in_flight.turn % self.lists.len().max(1);
        in_flight.turn = turn + 1;
        let (later, sooner) = self.lists.split_at(turn);
        let lists = sooner.iter().chain(later);
        lists.flat_map(|list| list.gateway_indexes(elapsed).map(move |index| (list, index))).collect()
    }

    /// Claims up to `limit` of one gateway, lets through what `gate` does, and records the outcomes.
    async fn claim_at(
        &self,
        in_flight: &mut InFlight,
        (list, gateway_index): (&LaneList, u16),
        limit: u32,
        gate: &LinkGate,
    ) -> Result<ClaimCounts, StoreError> {
        let Dispatcher { store, policy, clock, settings, .. } = &*self.dispatcher;
        let handle = self.handle();
        let Permission::Claim(fence) = self.dispatcher.guard.permission() else {
            return Ok(ClaimCounts { sent: 0, not_sent: 0, allowed: limit });
        };
        if let Some(fence) = &fence {
            self.dispatcher.forms.are_for(fence);
        }
        let request = ClaimRequest {
            channel: self.channel,
            gateway_index,
            gateway: handle.gateway.name().clone(),
            limit,
            lease: TimeDelta::from_std(settings.lease).unwrap_or(TimeDelta::MAX),
            rate: handle.rate,
            fence,
            recent_contacts: policy.recent_contacts(),
        };
        // Read before the claim, so that our deadline runs out before the store's lease does. The tenth that is kept
        // back leaves time to settle.
        let from = clock.elapsed();
        let deadline = Deadline::new(Arc::clone(clock), from, settings.lease.mul_f32(0.9));
        in_flight.claim_failed = true;
        let (policy, gate, first_index) = (Arc::clone(policy), gate.clone(), list.first_index);
        let decide = move |reminder: &NewReminder, account: &Account, now| match decide(&policy, reminder, account, now)
        {
            Decision::Send(_) if let Some(gateway_index) = policy.gateways.elsewhere(reminder, first_index) => {
                Decision::PassOn { gateway_index }
            }
            decision => gate.pass(decision, reminder),
        };
        let (counted, claimed) = store.settle_and_claim(&in_flight.outcomes, &request, &decide).await?;
        in_flight.claim_failed = false;
        self.count(in_flight, counted);
        let ClaimResult { now, sending, not_sent, allowed } = claimed;
        in_flight.rate_limited_since = (allowed == 0).then(|| in_flight.rate_limited_since.unwrap_or(from));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let taken = ClaimCounts { sent: count(sending.len()), not_sent: count(not_sent.len()), allowed };
        for (_, decision) in &not_sent {
            in_flight.tally.count_not_sent(decision);
        }
        if let Err(refused) = self.dispatcher.guard.admit(&request.gateway, &sending) {
            in_flight.outcomes.extend(sending.into_iter().map(|one| refused.settle(one, gateway_index, now)));
            return Ok(ClaimCounts { sent: 0, ..taken });
        }
        for claimed in sending {
            // The contact hours and the window that were open at the claim must still be open when it leaves.
            let useful = (claimed.to_send.until - now).to_std().unwrap_or_default();
            let deadline = deadline.or_sooner(from, useful);
            let (dispatcher, stand) = (Arc::clone(&self.dispatcher), list.position());
            let permits = Arc::clone(&in_flight.permits);
            in_flight.sending.spawn(async move {
                let _slot = permits.acquire_owned().await;
                dispatcher.hand_over(claimed, &stand, &deadline).await
            });
        }
        Ok(taken)
    }

    /// Waits for one outcome, for `patience` at most, takes the others that are there already, and gathers a few more.
    async fn collect(&self, in_flight: &mut InFlight, patience: Option<Duration>) {
        let clock = &self.dispatcher.clock;
        let first = match patience {
            None => in_flight.sending.join_next().await,
            Some(patience) => tokio::select! {
                biased;
                first = in_flight.sending.join_next() => first,
                () = clock.sleep(patience) => None,
            },
        };
        let Some(first) = first else { return };
        // A hand-over that panicked has no outcome: its lease runs out and it becomes unknown, which is the truth.
        in_flight.outcomes.extend(first);
        // Measured: a third of what e-mail has in flight keeps the store busy; a shift with a sibling takes all it has.
        let under_way = in_flight.slots + self.prefetch(in_flight);
        let worth_a_round_trip = if in_flight.has_sibling { under_way } else { under_way.div_ceil(3) };
        self.gather(in_flight, worth_a_round_trip).await;
        let now = clock.elapsed();
        let took =
            now.saturating_sub(std::mem::replace(&mut in_flight.collected_at, now)).max(Duration::from_millis(1));
        let came = in_flight.outcomes.len() as u128;
        in_flight.pace = usize::try_from(came * AHEAD.as_micros() / took.as_micros()).unwrap_or(usize::MAX);
    }

    /// Takes the outcomes that are there, and waits a little for more until there are `enough`.
    async fn gather(&self, in_flight: &mut InFlight, enough: usize) {
        let InFlight { sending, outcomes, .. } = in_flight;
        outcomes.extend(std::iter::from_fn(|| sending.try_join_next()).flatten());
        let mut gathered = self.dispatcher.clock.sleep(GATHER);
        while outcomes.len() < enough {
            tokio::select! {
                biased;
                next = sending.join_next() => match next {
                    Some(next) => outcomes.extend(next),
                    None => return,
                },
                () = &mut gathered => return,
            }
        }
    }

    async fn settle(&self, in_flight: &mut InFlight) -> Result<(), StoreError> {
        if in_flight.outcomes.is_empty() {
            return Ok(());
        }
        let counted = self.dispatcher.store.settle(&in_flight.outcomes).await?;
        self.count(in_flight, counted);
        Ok(())
    }

    /// Counts the outcomes, which are recorded now.
    fn count(&self, in_flight: &mut InFlight, counted: usize) {
        let late = in_flight.outcomes.len() - counted;
        if late > 0 {
            tracing::warn!(channel = %self.channel, late, "outcomes came after another attempt had begun; not counted");
        }
        for settlement in in_flight.outcomes.drain(..) {
            in_flight.tally.settled(&settlement);
        }
    }

    /// Waits for everything in flight and records it, trying again while the store fails, for a lease at most.
    async fn drain(&self, in_flight: &mut InFlight) {
        let patience = Deadline::new(
            Arc::clone(&self.dispatcher.clock),
            self.dispatcher.clock.elapsed(),
            self.dispatcher.settings.lease,
        );
        loop {
            while !in_flight.sending.is_empty() {
                self.collect(in_flight, None).await;
            }
            match self.settle(in_flight).await {
                Ok(()) => return self.dispatcher.record_health(self.handle()).await,
                Err(error) if patience.left().is_none() => {
                    let lost = in_flight.outcomes.len();
                    tracing::error!(channel = %self.channel, lost, %error, "outcomes could not be recorded; they will \
                        be unknown");
                    return;
                }
                Err(_) => self.dispatcher.clock.sleep(self.dispatcher.settings.poll).await,
            }
        }
    }

    async fn until_next_due(&self) -> Result<Duration, StoreError> {
        let poll = self.dispatcher.settings.poll;
        let due = self.dispatcher.store.next_due(self.channel).await?;
        // A reminder that is due but was not claimed waits for something else: asking again at once would spin.
        let wait = due.and_then(|due| (due - self.dispatcher.clock.now()).to_std().ok()).filter(|wait| !wait.is_zero());
        Ok(wait.map_or(poll, |wait| wait.min(poll)))
    }

    async fn pause(&self, pause: Duration, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = self.dispatcher.clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}
