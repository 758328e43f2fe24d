//! One claimed reminder on its way out: render, send, and what follows from the outcome.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::figures::{OUTCOMES, SEND_SECONDS};
use super::forms::FormKey;
use super::{ComposedMessage, Dispatcher, GatewayHandle};
use crate::clock::Deadline;
use crate::domain::{
    Attempt, Channel, Code, HoldCause, HoldReason, MessageRecord, NewReminder, Next, Outcome, RejectScope, Settlement,
    SkipReason,
};
use crate::gateway::Handover;
use crate::plan::{AttemptContext, fall_back_at, follow};
use crate::render::{RegisteredTemplates, RenderCause, RenderError};
use crate::store::ClaimedReminder;

/// The code of a message that was not sent because it exceeds the size limits.
const TOO_LONG: &str = "message_too_long";

/// Where among its merchant's gateways a reminder is handed over.
#[derive(Debug, Clone)]
pub(super) struct GatewayPosition {
    pub(super) handle: Arc<GatewayHandle>,
    /// The gateway index of the first of those gateways.
    pub(super) first_index: u16,
    /// Which of them it is, from 0.
    pub(super) place: u16,
    pub(super) gateway_count: u16,
}

impl Dispatcher {
    /// Renders and sends one claimed reminder, and says what follows. No byte leaves once the deadline has run out.
    pub(super) async fn hand_over(
        &self,
        claimed: ClaimedReminder,
        stand: &GatewayPosition,
        deadline: &Deadline,
    ) -> Settlement {
        let ClaimedReminder { attempt, reminder, account, to_send, pause, in_doubt } = claimed;
        if pause > TimeDelta::zero() {
            self.clock.sleep(pause.to_std().unwrap_or_default()).await;
        }
        let gateway = &stand.handle.gateway;
        let id = attempt.reminder();
        let merchant = self.policy.merchants.get(&reminder.key.borrower.merchant);
        let (Some(merchant), Some(borrower)) = (merchant, account.borrower.as_ref()) else {
            // Decide lets neither through; if it ever did, nothing was sent.
            let code = Code::new("no_merchant_or_borrower");
            return attempt.settle(Outcome::NotSent { code }, Next::Failed, self.clock.now());
        };
        let (mode, registered) = (gateway.link_mode(), gateway.registered());
        let ComposedMessage { message, route } =
            match self.composer.compose(id, merchant, borrower, &to_send, mode, registered) {
                Ok(composed) => composed,
                Err(error) => {
                    let version = registered.map(RegisteredTemplates::fingerprint);
                    let version = version.unwrap_or_else(|| self.composer.renderer.fingerprint().to_owned());
                    return self.not_rendered(attempt, &error, &version, reminder.expires_at);
                }
            };
        let reference = self.composer.reference(id);
        let number = attempt.number();
        let handover =
            Handover { merchant, to: &to_send.to, message: &message, reference: &reference, attempt: number, deadline };
        let key = FormKey::of(merchant, &to_send, mode, registered.is_some());
        let sample = || self.composer.sample(merchant, &to_send, mode, registered);
        // Before it leaves: from the answer to its record no time is lost.
        let form = self.forms.kept(key, &*self.store, sample).await;
        let started = self.clock.elapsed();
        let outcome = gateway.send(&handover).await;
        self.learn(stand, &outcome, started);
        if let Outcome::Rejected { scope: RejectScope::OptedOut, .. } = outcome {
            stand.handle.opted_out(&merchant.id, &to_send.to, self.clock.now());
        }
        self.follow_up(attempt, &reminder, borrower.preferred_channel, stand, (outcome, in_doubt))
            .leading_to(route)
            .keeping(|| MessageRecord::of(&message, form.as_deref()))
    }

    fn follow_up(
        &self,
        attempt: Attempt,
        reminder: &NewReminder,
        preferred: Option<Channel>,
        stand: &GatewayPosition,
        (outcome, in_doubt): (Outcome, bool),
    ) -> Settlement {
        let now = self.clock.now();
        let tried = AttemptContext {
            reminder: attempt.reminder(),
            attempt: attempt.number(),
            first_index: stand.first_index,
            place: stand.place,
            gateway_count: stand.gateway_count,
            expires_at: reminder.expires_at,
            in_doubt,
        };
        let next = follow(&self.settings.retry, tried, &outcome, now);
        let fall_back_at = fall_back_at(&self.policy, reminder, preferred, &next, now);
        let settlement = attempt.settle(outcome, next, now);
        match fall_back_at {
            Some(at) => settlement.falling_back_at(at),
            None => settlement,
        }
    }

    /// `version` tells the templates that it was rendered from.
    fn not_rendered(&self, attempt: Attempt, error: &RenderError, version: &str, until: DateTime<Utc>) -> Settlement {
        let now = self.clock.now();
        if error.cause == RenderCause::Size {
            // The data made it too long, so it says nothing about the template, and must not stop others' messages.
            tracing::error!(reminder = %attempt.reminder(), template = error.template, "the message is too long; \
                nothing was sent");
            return attempt.settle(Outcome::NotSent { code: Code::new(TOO_LONG) }, Next::Failed, now);
        }
        if error.cause == RenderCause::Value {
            tracing::error!(reminder = %attempt.reminder(), template = error.template, problem = error.problem,
                "a value does not fit the registered text; nothing was sent");
            let code = Code::new(SkipReason::BadTemplate.as_str());
            return attempt.settle(Outcome::NotSent { code }, Next::Failed, now);
        }
        if self.template_failures.failed(&error.template) {
            let outcome = Outcome::NotSent { code: Code::new("template_stopped") };
            let cause = HoldCause::new(HoldReason::BadTemplate, format!("{}@{version}", error.template));
            return attempt.settle(outcome, Next::Hold { cause, until }, now);
        }
        tracing::error!(reminder = %attempt.reminder(), template = error.template, "the template does not render; \
            nothing was sent");
        attempt.settle(Outcome::NotSent { code: Code::new(SkipReason::BadTemplate.as_str()) }, Next::Failed, now)
    }

    /// Lets the breaker and the metrics learn.
    fn learn(&self, stand: &GatewayPosition, outcome: &Outcome, started: Duration) {
        let name = stand.handle.gateway.name();
        let elapsed = self.clock.elapsed();
        if stand.handle.breaker.saw(outcome, elapsed) {
            tracing::error!(gateway = %name, "the gateway fails again and again; nothing is handed to it until a \
                probe goes through");
        }
        stand.handle.observe(outcome, self.clock.now());
        stand.handle.show_breaker();
        let gateway = name.to_string();
        metrics::histogram!(SEND_SECONDS, "gateway" => gateway.clone()).record(elapsed.saturating_sub(started));
        metrics::counter!(OUTCOMES, "gateway" => gateway, "outcome" => outcome.as_str()).increment(1);
    }
}
