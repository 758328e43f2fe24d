//! A gateway that misbehaves, and the sink behind it: what it accepts is what a borrower gets.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Channel, Code, GatewayName, LinkMode, Outcome, Receipt, RejectScope, ReminderId};
use dueherald::gateway::{Gateway, GatewayError, Handover, Inquiry, LookUp};
use dueherald::render::Purpose;

use crate::database::Busy;
use crate::faults::Bug;
use crate::life::Life;
use crate::world::{NoticeAction, lock};

#[derive(Debug)]
pub(crate) struct FaultyGateway {
    pub(crate) life: Arc<Life>,
    pub(crate) name: GatewayName,
    /// Which of the town's gateways it is.
    pub(crate) number: usize,
    pub(crate) channel: Channel,
    pub(crate) link_mode: LinkMode,
    /// Whether it can be asked what became of a message.
    pub(crate) can_be_asked: bool,
}

/// The gateway's answer after it has, or has not, accepted the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Plain,
    Silence,
    Garbage { taken: bool },
}

#[async_trait]
impl Gateway for FaultyGateway {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        self.channel
    }

    fn link_mode(&self) -> LinkMode {
        self.link_mode
    }

    fn max_in_flight(&self) -> usize {
        8
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let world = &self.life.world;
        self.life.point().await;
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        if world.strikes(world.faults.slow) {
            let pause = Duration::from_secs(world.draw(|rng| rng.u64(1..900)));
            self.life.sleep(pause).await;
        }
        self.life.point().await;
        // The last look before the byte leaves, as real gateways take it.
        if handover.deadline.left().is_none() && !world.has(Bug::DeadlineIgnored) {
            return Outcome::NotSent { code: Code::new("deadline") };
        }
        let answer = self.answer();
        if answer != (Answer::Garbage { taken: false }) {
            self.take_over(handover).await;
        }
        self.life.point().await;
        let nothing_known = |code| match world.bug {
            Some(Bug::UnknownAsNotSent) => Outcome::NotSent { code: Code::new(code) },
            _ => Outcome::Unknown { code: Code::new(code) },
        };
        match answer {
            Answer::Plain => Outcome::Accepted { provider_id: None },
            Answer::Garbage { .. } => nothing_known("http-500"),
            Answer::Silence => {
                self.life.sleep(handover.deadline.left().unwrap_or_default()).await;
                nothing_known("timeout")
            }
        }
    }

    fn can_be_asked(&self) -> bool {
        self.can_be_asked
    }

    async fn look_up(&self, inquiry: &Inquiry<'_>) -> LookUp {
        let world = &self.life.world;
        self.life.point().await;
        if world.strikes(world.faults.garbage) {
            return LookUp::Unclear;
        }
        let Some(id) = world.links.open(Purpose::Reference, inquiry.reference) else { return LookUp::Unclear };
        let had = lock(&world.oracle).was_accepted_by(id, &self.name);
        if had { LookUp::Accepted { provider_id: None, fate: None } } else { LookUp::NotSent }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

impl FaultyGateway {
    /// A refusal that proves that nothing was sent.
    fn refusal(&self) -> Option<Outcome> {
        let (world, faults) = (&self.life.world, &self.life.world.faults);
        let code = Code::new("refused");
        let is_down = lock(&world.down)[self.number] > world.clock.elapsed() && !world.is_calm();
        if is_down || world.strikes(faults.refuse) {
            return Some(Outcome::NotSent { code });
        }
        if world.strikes(faults.throttle) {
            let (asks, seconds) = (world.strikes(5_000), world.draw(|rng| rng.i64(1..3_600)));
            let after = asks.then_some(TimeDelta::seconds(seconds));
            return Some(Outcome::RetryAfter { code, after });
        }
        if world.strikes(faults.reject_recipient) {
            return Some(Outcome::Rejected { code, scope: RejectScope::Recipient });
        }
        world.strikes(faults.reject_account).then_some(Outcome::Rejected { code, scope: RejectScope::Gateway })
    }

    fn answer(&self) -> Answer {
        let (world, faults) = (&self.life.world, &self.life.world.faults);
        if world.strikes(faults.silence) {
            return Answer::Silence;
        }
        if world.strikes(faults.garbage) {
            return Answer::Garbage { taken: world.draw(|rng| rng.bool()) };
        }
        Answer::Plain
    }

    /// From here on the borrower has the message.
    async fn take_over(&self, handover: &Handover<'_>) {
        let world = &self.life.world;
        let mut reference = handover.reference.to_owned();
        if world.has(Bug::FreshReference) && handover.attempt > 1 {
            reference.truncate(20);
        }
        let opened = world.links.open(Purpose::Reference, &reference);
        world.note(format!("{} accepts {opened:?} #{} of {}", self.name, handover.attempt, self.life.number));
        let events = match opened {
            Some(id) => Busy::with(world).events(id).await.unwrap_or_default(),
            None => Vec::new(),
        };
        lock(&world.oracle).accepted(world, self, handover, opened, &events);
        if let Some(id) = opened {
            self.report(id).await;
        }
    }

    /// Puts the receipts on the agenda: early, late, twice, contrary, or never.
    async fn report(&self, reminder: ReminderId) {
        let (world, faults) = (&self.life.world, &self.life.world.faults);
        if world.strikes(faults.no_receipt) {
            return;
        }
        let receipt = |arrived: bool| Receipt {
            reminder,
            gateway: self.name.clone(),
            arrived,
            code: None,
            at: world.clock.now(),
        };
        let arrived = !world.strikes(faults.undelivered);
        let early = world.strikes(faults.early_receipt);
        let pause = if early { Duration::ZERO } else { world.minutes(0, 90) };
        world.after(pause, NoticeAction::Receipt(receipt(arrived)));
        if world.strikes(faults.second_receipt) {
            let other = world.draw(|rng| rng.bool());
            let pause = world.minutes(0, 180);
            world.after(pause, NoticeAction::Receipt(receipt(other)));
        }
        if early {
            // The answer takes a moment longer than the receipt.
            self.life.sleep(Duration::from_secs(1)).await;
        }
    }
}
