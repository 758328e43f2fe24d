//! `dueherald import --source NAME`: pulls a source of the config once.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::import::{ImportArgs, ImportFailure, ImportResult, open_rejects, tell};
use crate::app::App;
use crate::config::{FolderSource, SourceKind};
use crate::domain::{Merchant, MerchantId, SourceName};
use crate::pipeline::{FileResult, Pull, RejectsFile, TakeFiles, TakenFile, pull, take_files};
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
    let source = match &source.kind {
        SourceKind::Sql(database) => database,
        SourceKind::Folder(folder) => {
            if args.rejects.is_some() {
                let text = format!("--rejects is for sources of kind sql; source {name} keeps its files");
                return Err(ImportFailure::Use(text));
            }
            let merchants = source.merchants(&app.policy.merchants);
            return take_folder(name, folder, (args, &merchants), app, out).await;
        }
        SourceKind::Hook(_) => {
            let text = format!("source {name} is a webhook: the lender's system pushes it; name a source that is read");
            return Err(ImportFailure::Use(text));
        }
    };
    let sql = SqlSource::new(source.settings.clone(), Arc::clone(&app.clock));
    let rejects = args.rejects.as_deref().map(|path| {
        let file = open_rejects(path, None)?;
        RejectsFile::new(file).map_err(|source| ImportFailure::File { path: path.to_owned(), source })
    });
    let rejects = rejects.transpose()?;
    let job = Pull {
        source: &sql,
        merchants: &app.policy.merchants,
        overlap: source.overlap,
        from_start: args.from_start,
        sweeps: source.full_read.is_some(),
        max_vanishing: source.max_vanishing,
        mode: if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit },
        rejects: rejects.as_ref(),
        max_shown: args.max_shown,
        holder: &format!("{}-by-hand", std::process::id()),
        stop: &CancellationToken::new(),
    };
    let summary = pull(&*app.store, &*app.clock, job).await?;
    tell(out, &format!("source {name}"), args, &summary)
}

/// Takes the files of a folder, and writes a summary of each.
async fn take_folder(
    name: &SourceName,
    source: &FolderSource,
    (args, merchants): (&ImportArgs, &BTreeMap<MerchantId, Merchant>),
    app: &App,
    out: &mut (dyn Write + Send),
) -> Result<ImportResult, ImportFailure> {
    let job = TakeFiles {
        source: name,
        folder: Arc::new(source.folder.clone()),
        settle: source.settle,
        merchants,
        mode: if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit },
        max_shown: args.max_shown,
        holder: &format!("{}-by-hand", std::process::id()),
    };
    let files = take_files(&*app.store, &*app.clock, job).await?;
    if files.is_empty() {
        writeln!(out, "source {name}: no complete file in {}", source.folder.path.display())?;
    }
    let mut result = ImportResult::Whole;
    for TakenFile { name: file, result: taken, not_moved } in files {
        let input = format!("source {name}, {file}");
        let is_whole = match taken {
            FileResult::Taken(summary) => tell(out, &input, args, &summary)? == ImportResult::Whole,
            FileResult::Same => {
                writeln!(out, "{input}: was taken before; nothing changes")?;
                true
            }
            FileResult::Left(reason) => {
                writeln!(out, "{input}: was left: {reason}")?;
                false
            }
            FileResult::Refused(reason) => {
                writeln!(out, "{input}: was refused: {reason}")?;
                false
            }
        };
        if let Some(error) = &not_moved {
            writeln!(out, "{input}: could not be moved: {error}")?;
        }
        if !is_whole || not_moved.is_some() {
            result = ImportResult::InPart;
        }
    }
    Ok(result)
}
