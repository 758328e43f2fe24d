//! The secrets section of `check`: where each secret is kept, and how old it is. The older a secret, the more people
//! have seen it.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use crate::config::{Config, SecretOrigin, SecretUse};

/// Shows the origin and age of each secret on `out`, never its value.
pub(super) fn show(config: &Config, now: DateTime<Utc>, out: &mut dyn Write) -> io::Result<()> {
    if config.secrets.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nSecrets")?;
    for SecretUse { key, origin, since } in &config.secrets {
        let place = match origin {
            SecretOrigin::File(path) => path.display().to_string(),
            SecretOrigin::Variable(name) => format!("variable {name}"),
            SecretOrigin::Inline => "in the config".to_owned(),
        };
        let changed = match origin {
            SecretOrigin::File(path) => {
                path.metadata().and_then(|about| about.modified()).ok().map(DateTime::<Utc>::from)
            }
            SecretOrigin::Variable(_) | SecretOrigin::Inline => None,
        };
        let day = since.or(changed.map(|at| at.date_naive()));
        let age = match day.map(|day| (now.date_naive() - day).num_days().max(0)) {
            Some(1) => "1 day old".to_owned(),
            Some(days) => format!("{days} days old"),
            None => "of unknown age; write since = \"2026-11-22\" beside env or file to have it shown".to_owned(),
        };
        writeln!(out, "  {key}: {place}, {age}")?;
    }
    Ok(())
}
