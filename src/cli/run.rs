//! `dueherald run`: the daemon.

use std::collections::BTreeSet;

use clap::Args;

use super::{CliError, Exit};
use crate::app::AppParts;
use crate::daemon::{self, Role};

/// Run as a background job until SIGTERM.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// What this daemon does; several daemons may share the work on one PostgreSQL
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Pull, Role::Scan, Role::Dispatch, Role::Web])]
    roles: Vec<Role>,
}

/// Runs it.
pub(super) async fn run(args: RunArgs, parts: AppParts) -> Result<Exit, CliError> {
    let roles: BTreeSet<_> = args.roles.into_iter().collect();
    daemon::run(parts, &roles).await?;
    Ok(Exit::Done)
}
