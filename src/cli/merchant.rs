//! Merchants that a command line names.

use std::collections::BTreeMap;

use super::CliError;
use crate::domain::{Merchant, MerchantId};

/// Refuses the name of a merchant that the config does not have if nothing was found of it either: a slip of the
/// finger. What is on record of a merchant that left the config is listed.
pub(super) fn refuse_typo(
    merchants: &BTreeMap<MerchantId, Merchant>,
    named: Option<&MerchantId>,
    is_empty: bool,
) -> Result<(), CliError> {
    match named {
        Some(name) if is_empty => find(merchants, name).map(drop),
        _ => Ok(()),
    }
}

/// Refuses names of merchants that the config does not have.
pub(super) fn check_all(merchants: &BTreeMap<MerchantId, Merchant>, names: &[MerchantId]) -> Result<(), CliError> {
    names.iter().try_for_each(|name| find(merchants, name).map(drop))
}

/// The merchant of that name in the config.
pub(super) fn find<'m>(
    merchants: &'m BTreeMap<MerchantId, Merchant>,
    name: &MerchantId,
) -> Result<&'m Merchant, CliError> {
    merchants.get(name).ok_or_else(|| {
        let known: Vec<_> = merchants.keys().map(MerchantId::as_str).collect();
        CliError::Use(format!("unknown merchant {name}; configured: {}", known.join(", ")))
    })
}
