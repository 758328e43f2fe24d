//! Releases reminders whose hold is over, whatever ended it. Operations of the store release what they free by
//! themselves; here is found what they left (it was too much for one transaction, or was held at that very moment) and
//! what ends outside of the store.

use std::collections::BTreeSet;

use super::{Dispatcher, Reconciler, StaleSource};
use crate::domain::{Channel, HoldCause, HoldReason, NoticeName, NoticeState};
use crate::plan::RecipientAllowlist;
use crate::store::{PaymentSettlement, ReplyFilter, Stop, StoreError};

/// How many rows one operation releases.
const BATCH: u32 = 500;

impl Reconciler {
    /// Gives every reminder back to be decided that has expired or whose cause is gone. Gives how many. While nothing
    /// is held, this is two looks into an empty index.
    pub(super) async fn release(&self) -> Result<usize, StoreError> {
        let store = &*self.dispatcher.store;
        self.settle_payments().await?;
        let mut released = 0;
        loop {
            let count = store.release_expired(BATCH).await?;
            released += count;
            if count < BATCH as usize {
                break;
            }
        }
        let causes = store.holds().await?;
        if causes.is_empty() {
            return Ok(released);
        }
        let standing = self.standing(&causes).await?;
        for (cause, channel) in causes.iter().filter(|(cause, channel)| !standing.holds(cause, *channel)) {
            loop {
                let count = store.release(cause, *channel, BATCH).await?;
                released += count;
                if count < BATCH as usize {
                    break;
                }
            }
        }
        Ok(released)
    }

    /// Ends pending payments that nobody booked in time, and posted ones that the ledger does not show.
    async fn settle_payments(&self) -> Result<(), StoreError> {
        let Dispatcher { store, freshness, .. } = &*self.dispatcher;
        let PaymentSettlement { lapsed, overruled } = store.settle_payments(freshness.telling()).await?;
        if lapsed > 0 {
            tracing::warn!(payments = lapsed, "pending payments were not booked in time; the ledger decides");
        }
        if overruled > 0 {
            tracing::warn!(
                payments = overruled,
                "the ledger does not show payments that were reported as posted; the ledger is right"
            );
        }
        Ok(())
    }

    async fn standing(&self, causes: &[(HoldCause, Channel)]) -> Result<ActiveHolds, StoreError> {
        let Dispatcher { store, clock, composer, freshness, policy, .. } = &*self.dispatcher;
        let is_asked = |reason| causes.iter().any(|(cause, _)| cause.reason == reason);
        let mut standing = ActiveHolds::default();
        if is_asked(HoldReason::Stopped) {
            standing.stops = store.stops().await?;
        }
        if is_asked(HoldReason::Paused) {
            let paused = store.notices(None).await?.into_iter().filter(|notice| notice.state == NoticeState::Paused);
            standing.paused = paused.map(|notice| notice.name).collect();
        }
        if is_asked(HoldReason::RejectedRecord) || is_asked(HoldReason::Vanished) {
            let rejected = store.rejected_installments().await?;
            let causes = rejected
                .iter()
                .map(|(merchant, id)| [HoldCause::rejected, HoldCause::vanished].map(|of| of(merchant, id)));
            standing.rejected = causes.flatten().collect();
        }
        if is_asked(HoldReason::PaymentPending) {
            let pending = store.pending_payments().await?;
            standing.pending = pending.iter().map(|(merchant, id)| HoldCause::payment(merchant, id)).collect();
        }
        if is_asked(HoldReason::NoRoute) {
            let seen = composer.routes.now(&**store, &**clock).await?;
            // By the links that leave today: a gateway may have been given others.
            standing.routes =
                self.gateways.values().map(|gateway| seen.fingerprint(gateway.link_mode(), policy)).collect();
        }
        if is_asked(HoldReason::BadTemplate) {
            let registered = self.gateways.values().filter_map(|gateway| gateway.registered());
            standing.templates = registered.map(|registered| registered.fingerprint()).collect();
            standing.templates.insert(composer.renderer.fingerprint().to_owned());
        }
        if is_asked(HoldReason::StaleSource) {
            standing.stale = freshness.stale(&store.sources().await?, clock.now());
        }
        if is_asked(HoldReason::UnreadReply) {
            let filter = ReplyFilter { unread: Some(true), limit: u32::MAX, ..ReplyFilter::default() };
            standing.unread = store.replies(&filter).await?.into_iter().map(|reply| reply.id.to_string()).collect();
        }
        for cause in causes.iter().map(|(cause, _)| cause).filter(|cause| cause.reason == HoldReason::Volume) {
            if let Some((merchant, day)) = cause.day_of_volume()
                && !store.note_volume(&merchant, day, 0).await?.is_approved
            {
                standing.volumes.insert(cause.clone());
            }
        }
        standing.only_to = policy.only_to.as_ref().map(RecipientAllowlist::cause);
        Ok(standing)
    }
}

/// The holds that are active now; only the reasons that hold something are read.
#[derive(Default)]
struct ActiveHolds {
    stops: Vec<Stop>,
    /// The notices that are paused.
    paused: BTreeSet<NoticeName>,
    /// The causes of kept records.
    rejected: BTreeSet<HoldCause>,
    /// The causes of pending payments.
    pending: BTreeSet<HoldCause>,
    /// Fingerprints of the routes as they are.
    routes: BTreeSet<String>,
    /// Fingerprints of the templates that messages are made from.
    templates: BTreeSet<String>,
    /// The sources that are too old.
    stale: Vec<StaleSource>,
    /// The answers that wait to be read.
    unread: BTreeSet<String>,
    /// The days of too much that nobody has approved.
    volumes: BTreeSet<HoldCause>,
    /// The cause of the allowlist in the config.
    only_to: Option<HoldCause>,
}

impl ActiveHolds {
    fn holds(&self, cause: &HoldCause, channel: Channel) -> bool {
        match cause.reason {
            HoldReason::Stopped => self.stops.iter().any(|stop| stop.covers(&cause.subject, channel)),
            HoldReason::RejectedRecord | HoldReason::Vanished => self.rejected.contains(cause),
            HoldReason::PaymentPending => self.pending.contains(cause),
            HoldReason::Paused => self.paused.contains(cause.subject.as_str()),
            HoldReason::NoRoute => self.routes.contains(&cause.subject),
            HoldReason::BadTemplate => {
                cause.subject.rsplit_once('@').is_some_and(|(_, version)| self.templates.contains(version))
            }
            HoldReason::StaleSource => self.stale.iter().any(|stale| stale.is_cause(&cause.subject)),
            HoldReason::UnreadReply => self.unread.contains(&cause.subject),
            HoldReason::Volume => self.volumes.contains(cause),
            HoldReason::OnlyTo => self.only_to.as_ref() == Some(cause),
        }
    }
}
