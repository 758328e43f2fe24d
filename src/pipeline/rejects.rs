//! Kept records that could not be applied: tried again when what they depend on may have changed.

use std::collections::BTreeMap;

use crate::domain::{Merchant, MerchantId};
use crate::source::Recheck;
use crate::store::{KeptRecord, RejectFilter, RejectStore, StoreError};

/// Records that are read at once.
const PAGE: u32 = 1_000;

/// How records that were tried again ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryCounts {
    /// They are in the ledger now, or wait for their instalment.
    pub applied: u64,
    /// They are refused as before.
    pub refused: u64,
}

/// Checks faulty records again, by the merchants of this config, and applies those that are sound now. Payments that
/// wait are applied by the import of their instalment. `only` are the numbers that are tried; all if it is empty.
///
/// # Errors
/// When the store fails; what was applied by then stays so.
pub async fn retry_rejects(
    store: &dyn RejectStore,
    merchants: &BTreeMap<MerchantId, Merchant>,
    only: &[i64],
) -> Result<RetryCounts, StoreError> {
    let mut recheck = Recheck::new(merchants);
    let mut retried = RetryCounts::default();
    let mut filter = RejectFilter { waits: Some(false), limit: PAGE, ..RejectFilter::default() };
    loop {
        let page = store.rejects(&filter).await?;
        let Some(last) = page.last() else { return Ok(retried) };
        filter.after = Some(last.id);
        for kept in page.iter().filter(|kept| only.is_empty() || only.contains(&kept.id)) {
            match recheck.check(&kept.record) {
                // Another record may have taken its place: that one is kept for a reason of its own.
                Some(sound) => retried.applied += u64::from(store.retry_reject(kept, &sound).await?),
                None => retried.refused += 1,
            }
        }
    }
}

/// Checks these records again, by the merchants of this config, and applies those that are sound now. Gives the numbers
/// of the applied and of the refused ones.
///
/// # Errors
/// When the store fails; what was applied by then stays so.
pub async fn retry_records(
    store: &(impl RejectStore + ?Sized),
    merchants: &BTreeMap<MerchantId, Merchant>,
    records: &[KeptRecord],
) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let mut recheck = Recheck::new(merchants);
    let (mut applied, mut refused) = (Vec::new(), Vec::new());
    for kept in records {
        let is_applied = match recheck.check(&kept.record) {
            Some(sound) => store.retry_reject(kept, &sound).await?,
            None => false,
        };
        if is_applied { applied.push(kept.id) } else { refused.push(kept.id) }
    }
    Ok((applied, refused))
}
