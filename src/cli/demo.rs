//! `dueherald demo`: days of reminders in a minute, on invented data or somebody's own. Sends nothing.
use super::{CliError, Exit};
use clap::Args;
use std::io::Write;
/// Demo.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {}
pub(super) async fn run(args: DemoArgs, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    Ok(Exit::Done)
}
