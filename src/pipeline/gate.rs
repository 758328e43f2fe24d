//! The gate: no message leaves whose way to repay does not work, nor one from a ledger that is too old. Asked at the
//! send instant, after everything else; `explain` and `resend` ask it as well, so that they promise nothing that it
//! holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Dispatcher, RouteSnapshot, StaleSource};
use crate::domain::{
    Channel, GatewayName, HoldCause, HoldReason, Installment, LinkMode, MerchantId, NewReminder, Step,
};
use crate::plan::{Decision, Policy};
use crate::store::StoreError;

/// The gates of the first gateway of each merchant.
#[derive(Debug, Clone, Default)]
pub struct LinkGates {
    policy: Arc<Policy>,
    gates: BTreeMap<GatewayName, LinkGate>,
}

impl LinkGates {
    /// By the gateways that `policy` names for merchants, each with its gate.
    #[must_use]
    pub fn new(policy: Arc<Policy>, gates: BTreeMap<GatewayName, LinkGate>) -> Self {
        Self { policy, gates }
    }

    /// The gate of the gateway that carries a merchant's messages while it works; `None` where it has none.
    #[must_use]
    pub fn of(&self, channel: Channel, merchant: &MerchantId) -> Option<&LinkGate> {
        self.gates.get(self.policy.gateways.first(channel, merchant)?)
    }
}

/// Holds messages of a claim whose links, in one mode, lead nowhere, or whose source is stale; passes everything by
/// default.
#[derive(Debug, Clone, Default)]
pub struct LinkGate {
    mode: LinkMode,
    /// `None` while everything may pass.
    seen: Option<RouteSnapshot>,
    /// Sources whose merchants may not be reminded.
    stale: Vec<StaleSource>,
    policy: Arc<Policy>,
}

impl LinkGate {
    /// For links of that mode, by these routes and the sources that are too old, and the second routes of these rules.
    #[must_use]
    pub fn new(mode: LinkMode, seen: RouteSnapshot, stale: Vec<StaleSource>, policy: Arc<Policy>) -> Self {
        Self { mode, seen: Some(seen).filter(|_| mode != LinkMode::None), stale, policy }
    }

    /// By the routes and the sources of now.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn now(dispatcher: &Dispatcher, mode: LinkMode) -> Result<Self, StoreError> {
        let Dispatcher { store, clock, composer, freshness, policy, .. } = dispatcher;
        let seen = match mode {
            LinkMode::None => None,
            LinkMode::Personal | LinkMode::Fixed => Some(composer.routes.now(&**store, &**clock).await?),
        };
        let stale = freshness.stale_now(&**store, clock.now()).await?;
        let seen = seen.filter(|seen| !seen.is_all_well());
        Ok(Self { mode, seen, stale, policy: Arc::clone(policy) })
    }

    /// The same for a message that leaves at another time: a route may be valid from or until then.
    pub(super) fn at(&self, at: DateTime<Utc>) -> Self {
        Self { seen: self.seen.clone().map(|seen| seen.as_of(at)), ..self.clone() }
    }

    /// The ways to repay these instalments, best first, each with key and address; none where messages have no link.
    pub(super) fn ways(&self, installments: &[Installment]) -> Vec<String> {
        let routes = self.seen.iter().flat_map(|seen| installments.iter().flat_map(|one| seen.well_for(one)));
        routes.map(|route| format!("{} {}", route.key, route.kind.url().unwrap_or_default())).collect()
    }

    /// Holds what would lead nowhere or remind of what may be paid, and lets the rest be as it was decided. It is held
    /// until it expires, so that nothing is lost that can still be of use.
    #[must_use]
    pub fn pass(&self, decision: Decision, reminder: &NewReminder) -> Decision {
        let Decision::Send(to_send) = &decision else { return decision };
        // It speaks of no debt.
        if matches!(reminder.key.step, Step::Confirmation { .. }) {
            return decision;
        }
        let merchant = &reminder.key.borrower.merchant;
        if let Some(stale) = self.stale.iter().find(|stale| stale.holds(merchant)) {
            return Decision::Hold(HoldCause::stale(&stale.source, merchant));
        }
        let Some(seen) = &self.seen else { return decision };
        let seen = seen.clone().with_second(to_send.second_route.clone());
        if to_send.installments.iter().all(|installment| seen.leads_somewhere(installment, self.mode)) {
            return decision;
        }
        Decision::Hold(HoldCause::new(HoldReason::NoRoute, seen.fingerprint(self.mode, &self.policy)))
    }
}
