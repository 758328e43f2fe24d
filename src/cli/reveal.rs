//! `--reveal`, with the name and the reason of the person who looks at personal data.

use clap::Args;

use super::CliError;
use crate::pipeline::AuditNote;

/// A look at personal data, which goes on record.
#[derive(Debug, Args)]
pub(super) struct RevealArgs {
    /// Show personal data in full (recorded, with --by and --reason)
    #[arg(long, requires_all = ["by", "reason"])]
    reveal: bool,
    /// Your name, for the record
    #[arg(long, requires = "reveal")]
    by: Option<String>,
    /// Your reason to look, for the record
    #[arg(long, requires = "reveal")]
    reason: Option<String>,
}

impl RevealArgs {
    /// The name and the reason, if personal data is to be shown.
    pub(super) fn note(&self) -> Result<Option<AuditNote>, CliError> {
        if !self.reveal {
            return Ok(None);
        }
        let (by, reason) = (self.by.as_deref().unwrap_or_default(), self.reason.as_deref().unwrap_or_default());
        AuditNote::new(by, reason).map(Some).map_err(|error| CliError::Use(error.to_string()))
    }
}
