//! `dueherald import FILE`: instalments from a file, or from the standard input, into the ledger; `--source NAME` pulls
//! a source of the config instead (`pull.rs`).

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::domain::{Merchant, MerchantId, SourceName};
use crate::pipeline::{self, Import, ImportError, Ledger, Progress, PullError, Summary, TakeFilesError};
use crate::private_file;
use crate::source::{Encoding, Format, LastLine, RejectedRow, SourceError, TextInput, TextOptions};
use crate::store::WriteMode;

/// Reads instalments and their borrowers from CSV or JSON lines. An invalid record is reported and does not stop the
/// rest; importing the same file twice changes nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct ImportArgs {
    /// The file to read; - reads the standard input.
    #[arg(value_name = "FILE", required_unless_present = "source")]
    pub file: Option<PathBuf>,
    /// Pull this source of the config once, instead of reading a file.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "format"])]
    pub source: Option<SourceName>,
    /// Pull all of the source again, not only what was changed.
    // `requires` alone asks for nothing where the other one is in conflict with what is there.
    #[arg(long, requires = "source", conflicts_with = "file")]
    pub from_start: bool,
    /// Format of the records, csv or jsonl [default: by the file's name, else by its first character].
    #[arg(long, value_name = "csv|jsonl")]
    pub format: Option<Format>,
    /// Its encoding, such as gb18030 or utf-16 [default: UTF-8, or UTF-16 if it is that].
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    pub encoding: Option<Encoding>,
    /// Refuse a file whose last line has no line end, as it may be cut off.
    #[arg(long, conflicts_with = "source")]
    pub strict: bool,
    /// Take a last line without a line end for whole, even if its last cell may be cut off.
    #[arg(long, conflicts_with_all = ["source", "strict"])]
    pub take_last_line: bool,
    /// Check and compare everything, write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write every rejected line to this file, with its line number and reason, to be mended and imported (of a source
    /// as JSON lines). It holds personal data.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Show at most this many rejected lines.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub max_shown: usize,
    /// The form of the summary.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub summary: SummaryForm,
}

/// The form of the summary on the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SummaryForm {
    /// Words.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The result of an import that read its whole input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportResult {
    /// Everything was taken: exit code 0.
    Whole,
    /// Some records were rejected, wait, or were taken without cells that are not sound, and were reported: exit code
    /// 3.
    InPart,
}

impl ImportResult {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::InPart => 3,
        }
    }
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The arguments cannot be meant so: exit code 2.
    #[error("{0}")]
    Use(String),
    /// A file could not be opened: exit code 1.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The import was refused or stopped: exit code 1.
    #[error("{file}: {source}")]
    Import {
        /// The input's name.
        file: String,
        /// Why.
        source: ImportError,
    },
    /// The source could not be pulled: exit code 1.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The folder of the source could not be read: exit code 1.
    #[error(transparent)]
    Files(#[from] TakeFilesError),
    /// The summary could not be written: exit code 1.
    #[error("the summary could not be written: {0}")]
    Output(#[from] io::Error),
}

impl ImportFailure {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Use(_) => 2,
            Self::File { .. } | Self::Import { .. } | Self::Pull(_) | Self::Files(_) | Self::Output(_) => 1,
        }
    }
}

/// Imports, with a progress bar on the standard error if that is a terminal, and writes the summary to `out`.
///
/// # Errors
/// See [`ImportFailure`].
pub async fn run<L: Ledger + ?Sized>(
    args: &ImportArgs,
    ledger: &L,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut (dyn Write + Send),
) -> Result<ImportResult, ImportFailure> {
    let Some(file) = args.file.as_deref() else {
        return Err(ImportFailure::Use("name a file, or a source of the config with --source".into()));
    };
    let input = open(file, TextOptions { encoding: args.encoding, strict: args.strict })?;
    let (length, encoding) = (input.length, input.encoding);
    let rejects = args.rejects.as_deref().map(|path| open_rejects(path, Some(file))).transpose()?;
    let job = Import {
        input,
        format: args.format.or_else(|| Format::of_path(file)),
        take_last_line: args.take_last_line,
        merchants,
        mode: if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit },
        max_shown: args.max_shown,
        rejects,
    };
    let bar = progress_bar(Some(length));
    let told = |progress: Progress| {
        bar.set_position(progress.bytes);
        bar.set_message(words_of_progress(progress, bar.elapsed().as_millis()));
    };
    let imported = pipeline::import(ledger, job, &told).await;
    bar.finish_and_clear();
    let summary = imported.map_err(|source| ImportFailure::Import { file: name(file), source })?;
    if encoding != Encoding::UTF_8 && args.summary == SummaryForm::Text {
        writeln!(out, "read as {encoding}")?;
    }
    tell(out, &name(file), args, &summary)
}

/// The name of an input in messages.
fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

fn open(path: &Path, options: TextOptions) -> Result<TextInput, ImportFailure> {
    if path.is_dir() {
        let text = format!("{} is a folder; name a file, or - for the standard input", path.display());
        return Err(ImportFailure::Use(text));
    }
    TextInput::open(path, options).map_err(|error| match error {
        // Not the file's first line: it could not be opened.
        SourceError::Read { line: 1, source } if source.raw_os_error().is_some() => {
            ImportFailure::File { path: path.to_owned(), source }
        }
        other => ImportFailure::Import { file: name(path), source: ImportError::Refused(other) },
    })
}

/// Writes what became of `input`.
pub(super) fn tell(
    out: &mut dyn Write,
    input: &str,
    args: &ImportArgs,
    summary: &Summary,
) -> Result<ImportResult, ImportFailure> {
    match args.summary {
        SummaryForm::Text => write_words(out, input, args, summary)?,
        SummaryForm::Json => writeln!(out, "{}", as_json(args, summary))?,
    }
    out.flush()?;
    Ok(if summary.is_whole() { ImportResult::Whole } else { ImportResult::InPart })
}

/// Opens the rejects file, readable by its owner alone: it holds personal data.
pub(super) fn open_rejects(path: &Path, input: Option<&Path>) -> Result<Box<dyn Write + Send>, ImportFailure> {
    let input = input.and_then(|input| input.canonicalize().ok());
    let same = input.is_some_and(|input| path.canonicalize().is_ok_and(|rejects| input == rejects));
    if same {
        return Err(ImportFailure::Use(format!(
            "--rejects {} is the file that is read, and would be overwritten; name another one",
            path.display()
        )));
    }
    let file = private_file::create(path).map_err(|source| ImportFailure::File { path: path.to_owned(), source })?;
    Ok(Box::new(file))
}

fn progress_bar(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{wide_bar} {bytes}/{total_bytes} {msg} ETA {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn words_of_progress(progress: Progress, milliseconds: u128) -> String {
    let each_second = u64::try_from(u128::from(progress.records) * 1000 / milliseconds.max(1)).unwrap_or(u64::MAX);
    let rejected = match progress.rejected {
        0 => String::new(),
        some => format!(" {} rejected", HumanCount(some)),
    };
    format!("{} rows{rejected} {}/s", HumanCount(progress.records), HumanCount(each_second))
}

fn write_words(out: &mut dyn Write, input: &str, args: &ImportArgs, summary: &Summary) -> io::Result<()> {
    let total = summary.taken() + summary.rejected + summary.waiting;
    let rows = if total == 1 { "row" } else { "rows" };
    let dry = if args.dry_run { " (dry run: nothing was written)" } else { "" };
    writeln!(out, "{input}: {} {rows}{dry}", HumanCount(total))?;
    let mut counts = vec![
        ("new", summary.new),
        ("changed", summary.changed),
        ("same", summary.same),
        ("rejected", summary.rejected),
    ];
    let seldom = [("waiting", summary.waiting), ("vanished", summary.vanished)];
    counts.extend(seldom.into_iter().filter(|(_, count)| *count > 0));
    let width = counts.iter().map(|(_, count)| HumanCount(*count).to_string().len()).max().unwrap_or(0);
    for (word, count) in counts {
        writeln!(out, "  {word:<8}  {:>width$}", HumanCount(count).to_string())?;
    }
    for warning in warnings(summary) {
        writeln!(out, "warning: {warning}")?;
    }
    for rejected in &summary.shown {
        writeln!(out, "{}: {}", rejected.place(), rejected.reason())?;
    }
    for left_out in &summary.left_out_shown {
        writeln!(out, "{}: taken without a cell: {}", left_out.place(), left_out.reason())?;
    }
    if summary.left_out > 0 {
        let rows = if summary.left_out == 1 { "row was" } else { "rows were" };
        let count = HumanCount(summary.left_out);
        writeln!(out, "{count} {rows} taken without a cell that is not sound; what was known there stays")?;
    }
    write_what_follows(out, args, summary)
}

fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings: Vec<_> = summary.unknown_columns.iter().map(ToString::to_string).collect();
    if summary.last_line != LastLine::Ended {
        warnings.push("the last line has no line end; the file may be cut off".into());
    }
    if summary.without_sms > 0 {
        let (rows, have) = if summary.without_sms == 1 { ("row", "has") } else { ("rows", "have") };
        warnings.push(format!(
            "{} {rows} {have} a landline or service number, which takes no SMS; an e-mail goes out where a rule has \
             one",
            HumanCount(summary.without_sms)
        ));
    }
    if summary.without_verifier > 0 {
        let (rows, have, pages) = if summary.without_verifier == 1 {
            ("row", "has", "that borrower's page asks")
        } else {
            ("rows", "have", "the pages of those borrowers ask")
        };
        warnings.push(format!(
            "{} {rows} {have} no verifier; {pages} for digits of another phone number, or show no bill",
            HumanCount(summary.without_verifier)
        ));
    }
    if summary.not_allowed > 0 {
        let (rows, have) = if summary.not_allowed == 1 { ("row", "has") } else { ("rows", "have") };
        warnings.push(format!(
            "{} {rows} {have} a number of a country that is not in the merchant's `countries`, or a premium, \
             shared-cost or satellite \
             number; no SMS goes there (not_allowed)",
            HumanCount(summary.not_allowed)
        ));
    }
    warnings
}

/// How many rejected lines were not shown, where all of them are, and what they do.
fn write_what_follows(out: &mut dyn Write, args: &ImportArgs, summary: &Summary) -> io::Result<()> {
    if summary.is_whole() {
        return Ok(());
    }
    let hidden = (summary.rejected + summary.waiting).saturating_sub(summary.shown.len() as u64);
    if hidden > 0 {
        let lines = if hidden == 1 { "line" } else { "lines" };
        writeln!(out, "… and {} more rejected {lines}", HumanCount(hidden))?;
    }
    match &args.rejects {
        Some(path) if args.source.is_some() => {
            writeln!(out, "every rejected row is in {}; mend the source, or the file and import that", path.display())?
        }
        Some(path) => writeln!(
            out,
            "every rejected line is in {path}; mend it and run: dueherald import {path}",
            path = path.display()
        )?,
        None if hidden > 0 => {
            writeln!(out, "--rejects FILE writes every rejected line to a file that can be mended and imported")?
        }
        None => {}
    }
    if summary.vanished_held > 0 {
        writeln!(
            out,
            "{} instalments are no longer in the source, far more than usual: none is cancelled, their reminders are \
             held; see: dueherald source accept --help",
            HumanCount(summary.vanished_held)
        )?;
    }
    let holding = summary.rejected - summary.unreadable;
    if holding > 0 && !args.dry_run {
        writeln!(out, "what was rejected holds the reminders of its instalment; see: dueherald rejects list")?;
    }
    if summary.unreadable > 0 {
        writeln!(
            out,
            "{} of the rejected lines hold nothing: their merchant or instalment cannot be read",
            HumanCount(summary.unreadable)
        )?;
    }
    Ok(())
}

fn as_json(args: &ImportArgs, summary: &Summary) -> serde_json::Value {
    let fault = |rejected: &RejectedRow| {
        let problems: Vec<_> = rejected
            .faults
            .iter()
            .map(|fault| json!({ "column": fault.column.map(|column| column.name()), "problem": fault.problem }))
            .collect();
        match &rejected.key {
            Some(key) => json!({ "installment_id": key, "problems": problems }),
            None => json!({ "line": rejected.line, "problems": problems }),
        }
    };
    json!({
        "dry_run": args.dry_run,
        "new": summary.new,
        "changed": summary.changed,
        "same": summary.same,
        "rejected": summary.rejected,
        "rejected_shown": summary.shown.iter().map(fault).collect::<Vec<_>>(),
        "rejected_unreadable": summary.unreadable,
        "waiting": summary.waiting,
        "vanished": summary.vanished,
        "vanished_held": summary.vanished_held,
        "cells_left_out": summary.left_out,
        "not_allowed": summary.not_allowed,
        "cells_left_out_shown": summary.left_out_shown.iter().map(fault).collect::<Vec<_>>(),
        "warnings": warnings(summary),
        "rejects_file": args.rejects.as_deref().map(|path| path.display().to_string()),
    })
}
