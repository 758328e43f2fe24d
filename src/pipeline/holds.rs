//! Releases reminders whose hold is over, whatever ended it. Operations of the store release what they free by themselves; here is found
//! what they left (it was too much for one transaction, or was held at that very moment) and what ends outside of the store.

use std::collections::BTreeSet;

use super::Reconciler;
use crate::domain::{Channel, HoldCause, HoldReason, NoticeName, NoticeState};
use crate::store::{Stop, Store, StoreError};

/// How many rows one operation releases.
const BATCH: u32 = 500;

impl Reconciler {
    /// Gives every reminder back to be decided that has expired or whose cause is gone. Gives how many. While nothing is held, this
    /// is two looks into an empty index.
    pub(super) async fn release(&self) -> Result<usize, StoreError> {
        let store = &*self.dispatcher.store;
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
        let standing = Standing::now(store, &causes).await?;
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
}

/// What holds, as of now; read only as far as something is held by it.
struct Standing {
    stops: Vec<Stop>,
    /// The notices that are paused.
    paused: BTreeSet<NoticeName>,
    /// The causes that kept records are.
    rejected: BTreeSet<HoldCause>,
}

impl Standing {
    async fn now(store: &dyn Store, causes: &[(HoldCause, Channel)]) -> Result<Self, StoreError> {
        let is_asked = |reason| causes.iter().any(|(cause, _)| cause.reason == reason);
        let stops = if is_asked(HoldReason::Stopped) { store.stops().await? } else { Vec::new() };
        let notices = if is_asked(HoldReason::Paused) { store.notices(None).await? } else { Vec::new() };
        let paused = notices.into_iter().filter(|notice| notice.state == NoticeState::Paused);
        let rejected =
            if is_asked(HoldReason::RejectedRecord) { store.rejected_installments().await? } else { Vec::new() };
        let rejected = rejected.iter().map(|(merchant, id)| HoldCause::rejected(merchant, id)).collect();
        Ok(Self { stops, paused: paused.map(|notice| notice.name).collect(), rejected })
    }

    fn holds(&self, cause: &HoldCause, channel: Channel) -> bool {
        match cause.reason {
            HoldReason::Stopped => self.stops.iter().any(|stop| stop.covers(&cause.subject, channel)),
            HoldReason::RejectedRecord => self.rejected.contains(cause),
            HoldReason::Paused => self.paused.contains(cause.subject.as_str()),
        }
    }
}
