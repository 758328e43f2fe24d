//! `dueherald evidence`: all contact with a borrower as one document, for a court or a regulator; `evidence verify`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::borrower::{BorrowerSearchPlace, BorrowerSelector};
use super::{CliError, Exit, origin};
use crate::app::App;
use crate::clock::entropy;
use crate::domain::{AuditAction, BorrowerId, BorrowerKey, EvidenceDocument, EvidenceError, Locale, MerchantId};
use crate::pipeline::{AuditNote, EvidenceRequest, evidence, evidence_object, evidence_record};
use crate::plan::to_utc;
use crate::private_file;
use crate::render::{EvidenceLanguage, evidence_html, read_evidence_html};
use crate::store::AuditFilter;

/// Write down all contact with a borrower for a court or a regulator, or verify such a document.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct EvidenceArgs {
    #[command(subcommand)]
    command: Option<EvidenceCommand>,
    #[command(flatten)]
    make: MakeArgs,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Find a change of a document that `evidence` wrote
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The file, HTML or JSON
    file: PathBuf,
    /// Look also for the document's head in the audit log: one that was made anew has another
    #[arg(long)]
    on_record: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("destination").required(true).multiple(true).args(["out", "format"])))]
struct MakeArgs {
    #[command(flatten)]
    whom: BorrowerSelector,
    /// Only from this day on (YYYY-MM-DD, the merchant's local day)
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Only to this day, which is included
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// Write HTML and JSON into this folder, readable by their owner alone
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only one of the two; it is printed, unless --out names a folder
    #[arg(long, value_enum)]
    format: Option<DocumentFormat>,
    /// Language of the document: en or zh-CN [default: the merchant's]
    #[arg(long, value_parser = |text: &str| Locale::new(text))]
    language: Option<Locale>,
    /// Hold the HTML of e-mails as well, which is long
    #[arg(long)]
    with_html: bool,
    /// Person who asks for it (recorded)
    #[arg(long, required = true)]
    actor: Option<String>,
    /// Reason (recorded)
    #[arg(long, required = true)]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DocumentFormat {
    /// To be read and printed
    Html,
    /// For programs
    Json,
}

impl EvidenceArgs {
    /// Whether only a file is to be verified.
    pub(super) fn needs_no_config(&self) -> bool {
        matches!(&self.command, Some(EvidenceCommand::Verify(args)) if !args.on_record)
    }
}

/// Verifies a file without config and database.
pub(super) fn verify_alone(args: &EvidenceArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    match &args.command {
        Some(EvidenceCommand::Verify(args)) => Ok(verify(&args.file, out)?.map_or(Exit::Unwell, |_| Exit::Done)),
        None => Ok(Exit::Done),
    }
}

/// Runs it.
pub(super) async fn run(args: EvidenceArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    match args.command {
        Some(EvidenceCommand::Verify(args)) => match verify(&args.file, out)? {
            Some(document) => look_up(&document, app, out).await,
            None => Ok(Exit::Unwell),
        },
        None => make(args.make, app, out).await,
    }
}

async fn make(args: MakeArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    // To verify a file needs neither.
    let (actor, reason) = (args.actor.unwrap_or_default(), args.reason.unwrap_or_default());
    let note = AuditNote::new(&actor, &reason).map_err(|error| CliError::Use(error.to_string()))?;
    let (store, links, merchants) = (&*app.store, &*app.composer.links, &app.policy.merchants);
    let key = args.whom.key(&BorrowerSearchPlace::of(app)).await?;
    let merchant = merchants.get(&key.merchant);
    let zone = merchant.map_or(chrono_tz::UTC, |merchant| merchant.time_zone);
    let locale = args.language.as_ref().or(merchant.map(|merchant| &merchant.locale));
    let language = locale.map_or(EvidenceLanguage::English, EvidenceLanguage::of);
    if args.from.zip(args.to).is_some_and(|(from, to)| to < from) {
        return Err(CliError::Use("--to is before --from".to_owned()));
    }
    // The last day is included; behind the last one of the calendar nothing is.
    let after = args.to.and_then(|to| to.succ_opt());
    let salt = entropy().map_err(|_| CliError::Failed("the operating system gave no randomness".to_owned()))?;
    let request = EvidenceRequest {
        key,
        from: args.from.map(|day| midnight(day, zone)),
        until: after.map(|day| midnight(day, zone)),
        note,
        language: language.tag(),
        reveal: true,
        with_html: args.with_html,
        salt,
    };
    let now = app.clock.now();
    let document = evidence(store, &app.policy, links, &request, now).await?.ok_or_else(|| {
        CliError::Failed("neither the ledger nor the outbox knows such a borrower; check the number".to_owned())
    })?;
    // On record first: nobody has a document that the log does not know.
    app.store.append(&origin::command(), &[evidence_record(&document, request, now)]).await?;
    let how = language.how_to_verify();
    match (args.out, args.format) {
        (Some(folder), format) => write_files(&folder, format, &document, how, out)?,
        (None, Some(DocumentFormat::Json)) => out.write_all(document.to_json(how).as_bytes())?,
        (None, _) => out.write_all(evidence_html(&document).as_bytes())?,
    }
    Ok(Exit::Done)
}

/// The beginning of a day.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    to_utc(zone, day.and_time(NaiveTime::MIN))
}

fn write_files(
    folder: &Path,
    only: Option<DocumentFormat>,
    document: &EvidenceDocument,
    how: &str,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let failed = |path: &Path, error: std::io::Error| CliError::Failed(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let plain = |name: &str| {
        let sign = |sign: char| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '_' };
        document.about(name).unwrap_or_default().chars().map(sign).collect::<String>()
    };
    let name = format!("evidence-{}-{}", plain("merchant"), plain("borrower"));
    for format in [DocumentFormat::Html, DocumentFormat::Json] {
        if only.is_some_and(|only| only != format) {
            continue;
        }
        let (end, text) = match format {
            DocumentFormat::Html => ("html", evidence_html(document)),
            DocumentFormat::Json => ("json", document.to_json(how)),
        };
        let path = folder.join(format!("{name}.{end}"));
        let mut file = private_file::create(&path).map_err(|error| failed(&path, error))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(&path, error))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(describe(document, out)?)
}

fn describe(document: &EvidenceDocument, out: &mut dyn Write) -> std::io::Result<()> {
    let about = |name: &str| document.about(name).unwrap_or_default();
    let count = document.entries().len();
    writeln!(out, "{count} entries about {} of {}, head {}", about("borrower"), about("merchant"), document.head())
}

/// Verifies a file. `None` if it was changed; what was changed is printed.
fn verify(file: &Path, out: &mut dyn Write) -> Result<Option<EvidenceDocument>, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
    let read = if text.trim_start().starts_with('{') {
        EvidenceDocument::from_json(&text).map(|document| (document, true))
    } else {
        read_evidence_html(&text)
    };
    let (document, is_own) = match read {
        Ok(read) => read,
        Err(EvidenceError::Fault(fault)) => {
            writeln!(out, "{}: {fault}", file.display())?;
            return Ok(None);
        }
        Err(error @ EvidenceError::Form(_)) => return Err(failed(&error)),
    };
    let version = document.about("version").unwrap_or_default();
    if !is_own && version == env!("CARGO_PKG_VERSION") {
        writeln!(out, "{}: the entries are right, and the file around them was changed", file.display())?;
        return Ok(None);
    }
    describe(&document, out)?;
    writeln!(out, "all hashes are right")?;
    if !is_own {
        writeln!(
            out,
            "version {version} wrote the file: this one verifies its entries, and not the words around them"
        )?;
    }
    Ok(Some(document))
}

/// Looks for the head in the audit log.
async fn look_up(document: &EvidenceDocument, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let key = || {
        let merchant = MerchantId::new(document.about("merchant")?).ok()?;
        Some(BorrowerKey { merchant, id: BorrowerId::new(document.about("borrower")?).ok()? })
    };
    let object = evidence_object(document);
    if let Some(key) = key() {
        let filter = AuditFilter {
            merchant: Some(key.merchant),
            borrower: Some(key.id),
            action: Some(AuditAction::Evidence),
            limit: u32::MAX,
            ..AuditFilter::default()
        };
        let entries = app.store.audit_entries(&filter).await?;
        if let Some(entry) = entries.iter().find(|entry| entry.record.object.as_deref() == Some(&*object)) {
            let record = &entry.record;
            let at = record.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            writeln!(out, "on record: entry {} of the audit log, by {} at {at}", record.number, record.actor)?;
            return Ok(Exit::Done);
        }
    }
    writeln!(out, "the audit log of this database does not know its head: it was not made here, or was made anew")?;
    Ok(Exit::Unwell)
}
