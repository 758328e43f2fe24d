//! The table `suppression`: which of a batch are written.

use std::collections::BTreeMap;

use crate::domain::Suppression;

/// The last word of a batch on each merchant and address: one statement cannot write a row twice.
pub(in crate::store) fn last_words(suppressions: &[Suppression]) -> Vec<&Suppression> {
    let keyed = suppressions.iter().map(|suppression| {
        let address = &suppression.address;
        ((address.channel(), address.reveal(), suppression.merchant.as_ref()), suppression)
    });
    keyed.collect::<BTreeMap<_, _>>().into_values().collect()
}
