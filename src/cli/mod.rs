//! Level 8: the command line, one file per command.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use or wrong config, 3 done in part (the rest is reported).

mod audit;
mod borrower;
mod borrowers;
pub mod check;
mod core_dump;
mod database;
mod demo;
mod dispatch;
mod evidence;
mod explain;
mod find;
mod forecast;
mod gateway;
pub mod import;
pub mod init;
mod local_zone;
mod log;
mod merchant;
mod notice;
mod origin;
mod output;
mod pull;
mod receipts;
mod rejects;
mod reminders;
mod replies;
mod resend;
mod reveal;
mod route;
mod run;
mod scan;
mod secret_input;
mod source;
mod store_only;
mod suppress;
pub mod table;
pub mod template;
mod token;
mod user;
mod webhooks;

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{CommandFactory, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use self::borrower::BorrowerSearchPlace;
use crate::app::{self, App, AppError, AppParts, Time};
use crate::clock::{Clock, SimClock, SystemClock};
use crate::config::{Config, ConfigError, FILE_VARIABLE, GatewayConfig, StoreConfig, locate};
use crate::domain::Merchant;
use crate::render::builtin_templates;
use crate::store::{Store, StoreError};

/// Reminds borrowers of what falls due: the right message, once, at a decent hour, with a way to repay that works.
#[derive(Debug, Parser)]
#[command(name = "dueherald", version, about, long_about = None, propagate_version = true)]
struct Cli {
    /// The config file [default: $DUEHERALD_CONFIG, else ./dueherald.toml, else /etc/dueherald/dueherald.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a whole day of reminders on invented data; needs no config and sends nothing
    Demo(demo::DemoArgs),
    /// Write a commented config, templates and sample instalments
    Init(init::InitArgs),
    /// Check the config as a whole
    Check(check::CheckArgs),
    /// Create the database's schema, or bring it up to date
    Migrate,
    /// Look at the database's incarnation, and let it be sent from again after a restore or a promotion
    Database(database::DatabaseArgs),
    /// Take instalments and borrowers from CSV, JSON lines, or the lender's own database
    Import(import::ImportArgs),
    /// Look at records that could not be applied; they hold the reminders of their instalments
    Rejects(rejects::RejectsArgs),
    /// Look at the sources of the ledger
    Source(source::SourceArgs),
    /// Plan the reminders that come into view
    Scan(scan::ScanArgs),
    /// Simulate the coming days: messages, segments, cost, peaks; or compare the rules of two configs
    Forecast(forecast::ForecastArgs),
    /// Send what is due now
    Dispatch(dispatch::DispatchArgs),
    /// Run as a background job
    Run(run::RunArgs),
    /// Look at reminders: what was sent, and why or why not
    Reminders(reminders::RemindersArgs),
    /// Say why a borrower was, is and will be reminded, or not, rule by rule
    Explain(explain::ExplainArgs),
    /// Find borrowers by anything that they may say: a phone number, an address, a name, a number, a link
    Find(find::FindArgs),
    /// Look at one borrower, and record wishes about contact
    Borrowers(borrowers::BorrowersArgs),
    /// Send a reminder once more, by hand
    Resend(resend::ResendArgs),
    /// Look at the ways to repay, and change them: at once, on record
    Route(route::RouteArgs),
    /// Send a one-off message to selected borrowers, or correct what a route that moved left behind
    Notice(notice::NoticeArgs),
    /// Take in what became of messages: bounces and complaints of e-mail
    Receipts(receipts::ReceiptsArgs),
    /// List, check and preview templates
    Template {
        #[command(subcommand)]
        command: template::TemplateCommand,
    },
    /// Look at what people answered
    Replies(replies::RepliesArgs),
    /// Stop sending, by merchant, channel, borrower, address or altogether, and lift it again
    Suppress(suppress::SuppressArgs),
    /// Look at gateways
    Gateway(gateway::GatewayArgs),
    /// Make tokens for the API, list them, and revoke them
    Token(token::TokenArgs),
    /// List webhook endpoints, send events again, and enable an endpoint
    Webhooks(webhooks::WebhooksArgs),
    /// Manage the people who may log in to the console
    User(user::UserArgs),
    /// Look at the audit log: who did what to whom; verify it, and write it into a file
    Audit(audit::AuditLogArgs),
    /// Write down all contact with a borrower for a court or a regulator, or verify such a document
    Evidence(evidence::EvidenceArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Everything was done.
    Done,
    /// The command found a problem and reported it.
    Unwell,
    /// Part of it was done, and the rest was reported.
    Partly,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// Wrong use; the text says what to do instead.
    #[error("{0}")]
    Use(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Daemon(#[from] crate::daemon::DaemonError),
    #[error(transparent)]
    Init(#[from] init::InitError),
    #[error(transparent)]
    Import(#[from] import::ImportFailure),
    #[error(transparent)]
    Template(#[from] template::TemplateCommandError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Anything else; the text says what.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Use(_) | Self::Config(_) | Self::App(AppError::Config(_) | AppError::Templates(_)) => 2,
            Self::Init(error) => error.exit_code(),
            Self::Import(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    core_dump::forbid();
    let cli = Cli::parse();
    let mut out = output::Output::new(io::stdout());
    match perform(cli, &mut out).and_then(|exit| Ok(out.flush().map(|()| exit)?)) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Unwell) => ExitCode::from(1),
        Ok(Exit::Partly) => ExitCode::from(3),
        Err(error) => {
            // Nobody is left to tell when even this cannot be written.
            _ = writeln!(io::stderr(), "dueherald: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(cli: Cli, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let Cli { config, command } = cli;
    match command {
        Command::Init(args) => {
            let templates: Vec<_> = builtin_templates().collect();
            let templates: Vec<_> = templates.iter().map(|one| (one.path.as_str(), one.text.as_str())).collect();
            init::run(&args, &SystemClock, &templates, out)?;
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            // It panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dueherald", &mut script);
            out.write_all(&script)?;
            Ok(Exit::Done)
        }
        Command::Demo(args) => block_on(demo::run(args, out)),
        Command::Evidence(args) if args.needs_no_config() => evidence::verify_alone(&args, out),
        command if command.needs_only_the_store() => {
            let config = StoreConfig::load_file(&find_config(config.as_deref())?)?;
            log::start(&config.log, false);
            block_on(store_only::run(command, config, out))
        }
        command => {
            let config = Config::load_file(&find_config(config.as_deref())?)?;
            log::start(&config.log, matches!(command, Command::Run(_)));
            block_on(with_config(command, config, out))
        }
    }
}

/// One thread runs everything: on two cores beside a database that was measured to be quicker than two threads.
fn block_on(task: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // tokio makes a system call for each timer that is set to end before all others, so that its own waiting ends in
    // time; each send sets one. With this one running, which ends sooner, none of them does.
    runtime.spawn(async {
        loop {
            SystemClock.sleep(Duration::from_secs(1)).await;
        }
    });
    let ended = runtime.block_on(task);
    // A blocked thread, for example one that reads a file on a hanging network mount, must not keep the process alive.
    runtime.shutdown_background();
    ended
}

fn find_config(option: Option<&Path>) -> Result<PathBuf, CliError> {
    Ok(locate(option, std::env::var_os(FILE_VARIABLE), &|path| path.exists())?)
}

impl Command {
    /// Whether it needs only the ledger and outbox. A mistake in the sections of gateways, links or sources does not
    /// keep such a command from working, nor does a secret there that cannot be resolved.
    fn needs_only_the_store(&self) -> bool {
        match self {
            Self::Migrate
            | Self::Database(_)
            | Self::Rejects(_)
            | Self::Replies(_)
            | Self::Token(_)
            | Self::User(_)
            | Self::Webhooks(_) => true,
            // The kill switch above all.
            Self::Suppress(args) => !args.needs_links(),
            Self::Import(args) => args.source.is_none(),
            _ => false,
        }
    }
}

impl From<import::ImportResult> for Exit {
    fn from(ended: import::ImportResult) -> Self {
        match ended {
            import::ImportResult::Whole => Self::Done,
            import::ImportResult::InPart => Self::Partly,
        }
    }
}

async fn with_config(command: Command, config: Config, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    match command {
        Command::Check(args) => check_config(&args, config, out).await,
        Command::Template { command } => with_templates(command, config, out).await,
        Command::Gateway(args) => gateway::run(&args, &config, out).await,
        Command::Source(source::SourceArgs { command: source::SourceCommand::Show(args) }) => {
            source::show(&args, &config, out)
        }
        Command::Dispatch(args) => {
            let time = rehearsal(&config, args.at)?;
            let mut config = config;
            if args.at.is_some() {
                // No permit ever comes on a clock that stands still, and no ledger is fresh on one that is far ahead.
                config.rates.clear();
                config.sources.clear();
            }
            let app = App::start(config, &time).await?;
            // In a rehearsal nothing leaves.
            let app = if args.at.is_some() { app } else { app.guarded()? };
            let done = dispatch::run(&app, &CancellationToken::new(), out).await;
            blame_schema(&*app.store, done).await
        }
        Command::Explain(args) => {
            let time = args.at.map_or(Time::Real, |at| Time::Rehearsal(SimClock::at(at)));
            let mut config = config;
            if args.at.is_some() {
                // How old the ledger was, or will be, at another time is not known.
                config.sources.clear();
            }
            let app = App::start(config, &time).await?;
            let done = explain::run(args, &app, out).await;
            blame_schema(&*app.store, done).await
        }
        // It waits for its database; the others end when there is none.
        Command::Run(args) => run::run(args, AppParts::new(config, &Time::Real)?).await,
        command => {
            let app = App::start(config, &Time::Real).await?.signed(origin::command());
            let store = Arc::clone(&app.store);
            let done = with_app(command, app, out).await;
            blame_schema(&*store, done).await
        }
    }
}

/// Where a command failed and the schema is not this version's, says that: what the database says of missing tables
/// helps nobody.
async fn blame_schema(store: &dyn Store, done: Result<Exit, CliError>) -> Result<Exit, CliError> {
    match done {
        Err(error) if error.exit_code() == 1 => match store.ready().await {
            Err(
                cause @ (StoreError::NotMigrated
                | StoreError::NewerSchema
                | StoreError::NotEncrypted
                | StoreError::WrongKeys(_)),
            ) => Err(cause.into()),
            _ => Err(error),
        },
        done => done,
    }
}

async fn with_app(command: Command, app: App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    match command {
        Command::Import(args) => {
            let Some(name) = &args.source else { return Ok(Exit::Done) };
            store_only::retry_before_import(&args, &*app.store, &app.policy.merchants).await?;
            Ok(pull::run(name, &args, &app, out).await?.into())
        }
        Command::Scan(args) => {
            let now = args.at.unwrap_or_else(|| app.clock.now());
            scan::run(&args, &*app.store, &app.policy, app.scan_order(now, args.extent()), out).await
        }
        Command::Forecast(args) => forecast::run(&args, &app, out).await,
        Command::Reminders(args) => reminders::run(args, &app, out).await,
        Command::Find(args) => find::run(args, &app, out).await,
        Command::Borrowers(args) => borrowers::run(args, &app, out).await,
        Command::Suppress(args) => suppress::run(args, BorrowerSearchPlace::of(&app), &*app.clock, out).await,
        Command::Resend(args) => resend::run(args, &app, out).await,
        Command::Audit(args) => audit::run(args, &app, out).await,
        Command::Evidence(args) => evidence::run(args, &app, out).await,
        Command::Source(args) => source::run(args, &app, out).await,
        Command::Route(args) => route::run(args, &app, out).await,
        Command::Notice(args) => notice::run(args, &app, out).await,
        Command::Receipts(args) => receipts::run(args, &app, &mut io::stdin(), out).await,
        // These were done without all of it.
        Command::Demo(_)
        | Command::Init(_)
        | Command::Check(_)
        | Command::Database(_)
        | Command::Dispatch(_)
        | Command::Explain(_)
        | Command::Gateway(_)
        | Command::Migrate
        | Command::Rejects(_)
        | Command::Replies(_)
        | Command::Run(_)
        | Command::Template { .. }
        | Command::Token(_)
        | Command::User(_)
        | Command::Webhooks(_)
        | Command::Completions { .. } => Ok(Exit::Done),
    }
}

/// Rehearsals may set the clock; a real borrower's clock cannot be set.
fn rehearsal(config: &Config, at: Option<DateTime<Utc>>) -> Result<Time, CliError> {
    let Some(at) = at else { return Ok(Time::Real) };
    let real = config.gateways.iter().find(|(_, gateway)| !matches!(gateway, GatewayConfig::Capture(_)));
    match real {
        None => Ok(Time::Rehearsal(SimClock::at(at))),
        Some((name, _)) => Err(CliError::Use(format!(
            "--at is for rehearsals: gateway {name} sends to real people, whose clocks cannot be set; use capture \
             gateways"
        ))),
    }
}

async fn check_config(args: &check::CheckArgs, config: Config, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let renderer = app::composer(&config)?.renderer;
    config.check_captures()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (gateways, _) = app::gateways(&config, &clock)?;
    let store = if args.online { Some(app::open_store(&config.database, &Time::Real).await) } else { None };
    let ends = store.as_ref().map(|store| {
        let database = match store {
            Ok(store) => check::CheckedEndpoint::database(&**store),
            Err(error) => check::CheckedEndpoint::new("database", std::future::ready(Err(error.to_string()))),
        };
        let gateways = gateways.values().map(|gateway| check::CheckedEndpoint::gateway(&**gateway));
        let sources = config.sources.iter().map(|source| {
            check::CheckedEndpoint::source(source, &config.policy.merchants, store.as_deref().ok(), Arc::clone(&clock))
        });
        let kept = store.as_ref().ok().map(|store| {
            [
                check::CheckedEndpoint::durability(&**store, Arc::clone(&clock)),
                check::CheckedEndpoint::rejects(&**store),
                check::CheckedEndpoint::volume(&**store),
                check::CheckedEndpoint::protection(&**store),
            ]
        });
        std::iter::once(database).chain(gateways).chain(sources).chain(kept.into_iter().flatten()).collect()
    });
    Ok(match check::run(&config, Some(&renderer), clock.now(), ends, out).await? {
        check::CheckResult::Well => Exit::Done,
        check::CheckResult::Unwell => Exit::Unwell,
    })
}

async fn with_templates(
    command: template::TemplateCommand,
    config: Config,
    out: &mut (dyn Write + Send),
) -> Result<Exit, CliError> {
    use template::{CheckVerdict, TemplateCommand};
    match command {
        TemplateCommand::List(args) => template::list(&args, &app::composer(&config)?.renderer, out)?,
        TemplateCommand::Check(args) => {
            let loaded = app::renderer(&config);
            let checked = match &loaded {
                Ok(renderer) => Ok(renderer),
                Err(AppError::Templates(problems)) => Err(problems.as_slice()),
                Err(_) => return Err(loaded.map(drop).expect_err("it is an error").into()),
            };
            let price = |merchant: &Merchant| template::sms_price(&config, merchant).copied();
            let verdict = template::check(&args, checked, &config.policy, &price, out)?;
            if let Ok(renderer) = checked {
                template::lint(&config, renderer, out)?;
            }
            return Ok(match verdict {
                CheckVerdict::Sound | CheckVerdict::Long => Exit::Done,
                CheckVerdict::Broken => Exit::Unwell,
            });
        }
        TemplateCommand::Preview(args) => match args.reminder {
            None => {
                let renderer = &app::composer(&config)?.renderer;
                template::preview_sample(&args, renderer, &config.policy, out)?;
            }
            Some(id) => template::preview_reminder(&args, id, &App::start(config, &Time::Real).await?, out).await?,
        },
    }
    Ok(Exit::Done)
}
