//! Notes without which the figures of a forecast would be misread.

use std::collections::BTreeSet;

use crate::domain::MerchantId;
use crate::plan::Policy;
use crate::store::{PaymentStore, RejectStore, ReminderStore, StopStore, StoreError};

/// The notes on a forecast, for people. With `merchants` they tell nothing about others.
///
/// # Errors
/// When the store fails.
pub async fn forecast_notes(
    store: &(impl ReminderStore + PaymentStore + RejectStore + StopStore + ?Sized),
    policy: &Policy,
    merchants: Option<&BTreeSet<MerchantId>>,
) -> Result<Vec<String>, StoreError> {
    let mut notes = vec![
        "an upper bound: payments to come are not known, and resends, fallbacks and failing gateways are left out"
            .to_owned(),
    ];
    if policy.recent_contacts().is_some() {
        notes.push(
            "caps and digests reckon with what the rules would have sent in the days before, not with the outbox"
                .to_owned(),
        );
    }
    if policy.caps.as_ref().is_some_and(|caps| caps.across_merchants) {
        notes.push(
            "caps are counted per borrower of one merchant here; across merchants still fewer are sent".to_owned(),
        );
    }
    if merchants.is_some() {
        notes.push("what is due now and waits in the outbox is not counted".to_owned());
        notes.push(
            "reminders that a rejected record or a pending payment holds are counted as if they were released"
                .to_owned(),
        );
        notes.push("a gateway that carries messages of other merchants as well is busier than shown".to_owned());
    } else {
        notes.extend(counts(store).await?);
    }
    for stop in store.stops().await? {
        let concerns = |merchants: &BTreeSet<_>| stop.merchant.as_ref().is_none_or(|one| merchants.contains(one));
        if merchants.is_none_or(concerns) {
            notes.push(format!("stopped: {}, by {}; counted as if it were lifted", stop.scope(), stop.actor));
        }
    }
    Ok(notes)
}

/// Notes on the reminders that wait and the records that hold some, of all merchants.
async fn counts(store: &(impl ReminderStore + PaymentStore + RejectStore + ?Sized)) -> Result<Vec<String>, StoreError> {
    let mut notes = Vec::new();
    let waiting: u64 = store.queue_counts().await?.iter().map(|counts| counts.due).sum();
    if waiting > 0 {
        notes.push(format!("{waiting} are due now and wait in the outbox; they are not counted"));
    }
    let held = store.reject_counts().await?.faulty;
    if held > 0 {
        let records = if held == 1 { "record holds" } else { "records hold" };
        notes.push(format!(
            "{held} rejected {records} the reminders of an instalment each; counted as if they were released \
             (dueherald rejects list)"
        ));
    }
    let pending = store.pending_payments().await?.len();
    if pending > 0 {
        let payments = if pending == 1 { "pending payment holds" } else { "pending payments hold" };
        notes.push(format!(
            "{pending} {payments} the reminders of an instalment each; counted as if they were released"
        ));
    }
    Ok(notes)
}
