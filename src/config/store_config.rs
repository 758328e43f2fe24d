//! The part of the config that commands on the database need. The kill switch must work when the password of a mail
//! server is not at hand, and when another section is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    ConfigError, Database, Inputs, Log, Mistake, calendars, database, encryption, log, merchants, read_file, read_with,
};
use super::{NOWHERE, Section};
use crate::domain::{Merchant, MerchantId};

/// The ledger and outbox, their merchants, and the log. Mistakes in other sections of the file do not count, nor do
/// secrets there that cannot be resolved.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where ledger and outbox are kept.
    pub database: Database,
    /// The merchants.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// The form and filter of the command's log lines.
    pub log: Log,
}

impl StoreConfig {
    /// Reads the file with the environment and the files of this process.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or every mistake in these sections.
    pub fn load_file(file: &Path) -> Result<Self, ConfigError> {
        read_file(file, Self::load)
    }

    /// Reads these sections.
    ///
    /// # Errors
    /// [`ConfigError::Mistakes`] with every mistake in them.
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, ConfigError> {
        let (config, ..) = read_with(inputs, &is_about_the_store, |reading, tree| {
            let folder = reading.origin.folder();
            let mut root = Section::new(reading, String::new(), NOWHERE, tree);
            let encryption = encryption::read(&mut root);
            let database = database::read(root.section("database"), encryption, folder);
            let calendars = calendars::read(&mut root, folder, inputs.read_file);
            let merchants = merchants::read(&mut root, &calendars).merchants;
            let log = log::read(root.section("log"));
            let merchants = merchants.into_iter().map(|(id, merchant)| Some((id, merchant?))).collect::<Option<_>>()?;
            Some(Self { database: database?, merchants, log: log? })
        })?;
        Ok(config)
    }
}

/// Whether a mistake is in one of the sections read here. A merchant's `route_key` and `webhooks` do not count: the
/// store does not sign.
fn is_about_the_store(mistake: &Mistake) -> bool {
    let section = mistake.key.split(['.', '[']).next().unwrap_or_default();
    matches!(section, "" | "database" | "encryption" | "merchants" | "calendars" | "log")
        && !mistake.key.split('.').any(|part| part == "route_key" || part.starts_with("webhooks"))
}
