//! `dueherald import --source NAME`: pulls a source of the config once.

use std::io::Write;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::import::{ImportArgs, ImportFailure, ImportResult, tell};
use crate::app::App;
use crate::config::SourceKind;
use crate::domain::SourceName;
use crate::pipeline::{Pull, pull};
use crate::source::sql::SqlSource;
use crate::store::WriteMode;

/// Pulls `name` and writes the summary to `out`.
///
/// # Errors
/// See [`ImportFailure`].
pub(super) async fn run(
    name: &SourceName,
    args: &ImportArgs,
    app: &App,
    out: &mut (dyn Write + Send),
) -> Result<ImportResult, ImportFailure> {
    let sources = &app.config.sources;
    let Some(source) = sources.iter().find(|source| source.name == *name) else {
        let known: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let known = if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) };
        return Err(ImportFailure::Use(format!("the config has no source {name}; {known}")));
    };
    let SourceKind::Sql(source) = &source.kind;
    let sql = SqlSource::new(source.settings.clone(), Arc::clone(&app.clock));
    let job = Pull {
        source: &sql,
        merchants: &app.policy.merchants,
        overlap: source.overlap,
        from_start: args.from_start,
        mode: if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit },
        max_shown: args.max_shown,
        holder: &format!("{}-by-hand", std::process::id()),
        stop: &CancellationToken::new(),
    };
    let summary = pull(&*app.store, &*app.clock, job).await?;
    tell(out, &format!("source {name}"), args, &summary)
}
