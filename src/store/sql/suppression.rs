//! The table `suppression`: which of a batch are written.

use std::collections::BTreeMap;

use crate::domain::Suppression;

/// The last word of a batch on each merchant and address, one without an end before all others: one statement cannot
/// write a row twice.
pub(in crate::store) fn last_words(suppressions: &[Suppression]) -> Vec<&Suppression> {
    let (ending, endless): (Vec<_>, Vec<_>) = suppressions.iter().partition(|suppression| suppression.until.is_some());
    let keyed = ending.into_iter().chain(endless).map(|suppression| {
        let address = &suppression.address;
        ((address.channel(), address.reveal(), suppression.merchant.as_ref()), suppression)
    });
    keyed.collect::<BTreeMap<_, _>>().into_values().collect()
}
