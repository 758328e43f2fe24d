//! Asks a gateway what became of a message, under every name that the message may have there.

use chrono::{DateTime, Utc};

use super::Composer;
use crate::domain::{Address, ReminderId};
use crate::gateway::{Gateway, Inquiry, LookUp};

/// A message that a gateway is asked about.
#[derive(Clone, Copy)]
pub(super) struct LookUpRequest<'a> {
    pub(super) reminder: ReminderId,
    pub(super) provider_id: Option<&'a str>,
    pub(super) to: &'a Address,
    pub(super) handed_over_by: DateTime<Utc>,
}

/// Asks under the reference of each link key, since the first key may be another one than at the hand-over. "Never
/// heard of it" is a proof only if it holds for all of them: for one alone it would let an SMS be sent a second time.
pub(super) async fn look_up(gateway: &dyn Gateway, composer: &Composer, asked: LookUpRequest<'_>) -> LookUp {
    let LookUpRequest { reminder, provider_id, to, handed_over_by } = asked;
    let mut answer = LookUp::NotSent;
    for (reference, traces) in composer.names(reminder) {
        let inquiry = Inquiry { reference: &reference, provider_id, to, handed_over_by, traces: &traces };
        match gateway.look_up(&inquiry).await {
            accepted @ LookUp::Accepted { .. } => return accepted,
            LookUp::Unclear => answer = LookUp::Unclear,
            LookUp::NotSent => {}
        }
    }
    answer
}
