//! The gate: no message leaves whose way to repay does not work. Asked at the send instant, after everything else.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Registry, Seen};
use crate::clock::Clock;
use crate::domain::{LinkMode, NewReminder, Step};
use crate::plan::{Decision, DeferReason};
use crate::store::{Store, StoreError};

/// How long a message without a way waits before it is looked at again: a route that is well again is felt soon.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// What may pass by links of one mode, for one claim.
#[derive(Debug)]
pub(super) struct Gate {
    mode: LinkMode,
    /// `None` while everything may pass.
    seen: Option<Seen>,
}

impl Gate {
    /// By the routes of now.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn now(
        routes: &Registry,
        mode: LinkMode,
        store: &dyn Store,
        clock: &dyn Clock,
    ) -> Result<Self, StoreError> {
        let seen = match mode {
            LinkMode::None => None,
            LinkMode::Personal | LinkMode::Fixed => Some(routes.now(store, clock).await?),
        };
        Ok(Self { mode, seen: seen.filter(|seen| !seen.is_all_well()) })
    }

    /// Puts off what would lead nowhere, and lets the rest be as it was decided. It waits until it expires, so that nothing is lost that
    /// can still be of use.
    pub(super) fn pass(&self, decision: Decision, reminder: &NewReminder, now: DateTime<Utc>) -> Decision {
        let (Some(seen), Decision::Send(to_send)) = (&self.seen, &decision) else { return decision };
        // It speaks of no debt.
        if matches!(reminder.key.step, Step::Confirmation { .. }) {
            return decision;
        }
        let seen = seen.clone().with_second(to_send.second_route.clone());
        if to_send.installments.iter().all(|installment| seen.leads_somewhere(installment, self.mode)) {
            return decision;
        }
        Decision::Defer { until: (now + LOOK_AGAIN).min(reminder.expires_at), reason: DeferReason::NoRoute }
    }
}
