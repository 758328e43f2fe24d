//! `dueherald run`: the daemon.

use std::collections::BTreeSet;

use clap::Args;

use super::{CliError, Exit};
use crate::app::AppParts;
use crate::config::{ConfigError, Mistakes};
use crate::daemon::{self, Role};

/// Run as a background job until SIGTERM.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Work that this daemon does; several daemons may share it on one PostgreSQL
    #[arg(
        long, value_enum, value_delimiter = ',',
        default_values_t = [Role::Pull, Role::Scan, Role::Dispatch, Role::Web, Role::Console],
    )]
    roles: Vec<Role>,
}

/// Runs it.
pub(super) async fn run(args: RunArgs, parts: AppParts) -> Result<Exit, CliError> {
    let roles: BTreeSet<_> = args.roles.into_iter().collect();
    if let Some(mistake) = parts.config.unknown_clients().filter(|_| roles.contains(&Role::Web)) {
        return Err(ConfigError::Mistakes(Mistakes::new(vec![mistake])).into());
    }
    daemon::run(parts, &roles).await?;
    Ok(Exit::Done)
}
