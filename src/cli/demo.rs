//! `dueherald demo`: a day of reminders in a second, on invented instalments or somebody's own, with the real planner,
//! outbox, renderer and dispatch. Everything lives in a temporary folder; messages are captured, nothing leaves this
//! machine.

mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::init::{SAMPLE_CONFIG, sample_installments};
use super::{CliError, Exit, dispatch};
use crate::app::{App, Time};
use crate::clock::{Clock, SimClock, SystemClock, entropy};
use crate::config::{Config, Inputs};
use crate::domain::{Channel, Merchant, MerchantId, Suppression, SuppressionReason};
use crate::http;
use crate::http::public::Public;
use crate::pipeline::{Import, ScanScope, Summary, import, scan};
use crate::plan::{Due, local_date, to_utc};
use crate::source::{Encoding, Format, SourceError, TextInput, TextOptions};
use crate::store::WriteMode;

/// A trial needs no more than a browser or two.
const MAX_CONNECTIONS: usize = 100;

/// The merchant whose day is played and who stands in for merchants of a file that the sample config does not know.
const HOUSE: &str = "mall";

/// The borrower of the sample who opts out of SMS after the reminders were planned.
const OPTS_OUT: &str = "B1006";

/// Replacements that reopen the sample's paid row: it is planned while still open, and paid before it would be sent.
const BEFORE_PAYMENT: [(&str, &str); 2] = [(",128.50,128.50,", ",128.50,,"), (",paid,", ",open,")];

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Print a table instead of serving a page
    #[arg(long)]
    once: bool,
    /// Your own instalments, CSV or JSON lines, instead of the invented ones
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Their encoding, such as gb18030 or utf-16 [default: UTF-8, or UTF-16 if it is that]
    #[arg(long, value_name = "NAME", requires = "input")]
    encoding: Option<Encoding>,
    /// Number of days to simulate, from today
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Address to serve the page at
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8400)))]
    listen: SocketAddr,
}

/// Plays, then shows.
pub(super) async fn run(args: DemoArgs, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let folder = TempDir::with_prefix("dueherald-demo-")?;
    let listener = if args.once { None } else { Some(listen(args.listen).await?) };
    let address = listener.as_ref().map_or(Ok(args.listen), TcpListener::local_addr)?;
    let mut config = config(folder.path(), address)?;
    let input = args.input.as_deref().map(|file| OwnRows::read(file, args.encoding)).transpose()?;
    let house = adopt(&mut config, input.as_ref())?;
    let start = to_utc(house.time_zone, local_date(house.time_zone, SystemClock.now()).into());
    let clock = SimClock::at(start);
    let app = App::start(config, &Time::Rehearsal(clock.clone())).await?;
    app.store.migrate().await?;

    let imported = match input {
        Some(own) => take(&app, Cursor::new(own.text), own.format).await?,
        None => {
            let sample = BEFORE_PAYMENT.iter().fold(sample(start)?, |text, (paid, open)| text.replace(paid, open));
            take(&app, Cursor::new(sample), Some(Format::Csv)).await?
        }
    };
    show::imported(&imported, out)?;
    plan(&app, start).await?;
    if args.input.is_none() {
        // Between planning and sending, one borrower pays and one opts out.
        take(&app, Cursor::new(sample(start)?), Some(Format::Csv)).await?;
        opt_out(&app, start).await?;
    }
    for day in 0..i64::from(args.days) {
        play(&app, &clock, start + TimeDelta::days(day)).await?;
    }

    let view = show::view(&app, args.input.is_none()).await?;
    let Some(listener) = listener else {
        show::table(&view, &Public::of(&app), out).await?;
        return Ok(Exit::Done);
    };
    writeln!(out, "{} messages captured. Look at them: http://{address}/   (Ctrl-C ends)", view.messages.len())?;
    out.flush()?;
    serve(listener, view, &app).await?;
    Ok(Exit::Done)
}

/// The address that was asked for; a free one if another program has it.
async fn listen(wished: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(wished).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((wished.ip(), 0)).await,
        bound => bound,
    }
}

/// The sample config, in a folder of its own, with links that lead to this process.
fn config(folder: &Path, address: SocketAddr) -> Result<Config, CliError> {
    fs::create_dir(folder.join("templates"))?;
    let key: [u8; 32] = entropy().map_err(io::Error::from)?;
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let links = |merchant: &str| (format!("DUEHERALD__MERCHANTS__{merchant}__LINK_BASE"), format!("http://{address}"));
    let environment = BTreeMap::from([links("MALL"), links("HARBOR")]);
    let inputs = Inputs {
        file: &folder.join("dueherald.toml"),
        text: SAMPLE_CONFIG,
        environment: &environment,
        read_file: &|_| Ok(key.clone()),
        exposure: &|_| None,
    };
    Ok(Config::load(&inputs)?)
}

/// Lets merchants of the file that the config does not know be served like the sample's first one. Gives that one.
fn adopt(config: &mut Config, input: Option<&OwnRows>) -> Result<Merchant, CliError> {
    let merchants = &mut config.policy.merchants;
    let house = merchants.get(HOUSE).cloned();
    let house = house.ok_or_else(|| CliError::Failed(format!("the sample config has no merchant {HOUSE}")))?;
    let Some(own) = input else { return Ok(house) };
    for id in own.merchants().into_iter().filter(|id| !config.policy.merchants.contains_key(id)).collect::<Vec<_>>() {
        let mut routes = config.routes.0.clone();
        routes.retain(|route| route.merchant == house.id);
        routes.iter_mut().for_each(|route| route.merchant = id.clone());
        config.routes.0.extend(routes);
        let name = id.to_string();
        let adopted = Merchant { id: id.clone(), name: name.clone(), signature: name, ..house.clone() };
        config.policy.merchants.insert(id, adopted);
    }
    Ok(house)
}

/// The instalments of `--input`.
struct OwnRows {
    text: Vec<u8>,
    format: Option<Format>,
}

impl OwnRows {
    fn read(file: &Path, encoding: Option<Encoding>) -> Result<Self, CliError> {
        let refused = |error: SourceError| CliError::Failed(format!("{}: {error}", file.display()));
        let mut text = Vec::new();
        let mut input = TextInput::open(file, TextOptions { encoding, strict: false }).map_err(refused)?;
        input.read_to_end(&mut text)?;
        Ok(Self { text, format: Format::of_path(file) })
    }

    /// Every merchant that it names, by a look at the one column; what is wrong with a line is the import's matter.
    fn merchants(&self) -> BTreeSet<MerchantId> {
        let names: Vec<String> = if self.format == Some(Format::JsonLines) {
            let rows = self.text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            rows.filter_map(|row: serde_json::Value| Some(row.get("merchant")?.as_str()?.to_owned())).collect()
        } else {
            let text = self.text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&self.text);
            let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text);
            let named = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"merchant");
            let column = rows.byte_headers().ok().and_then(|header| header.iter().position(named));
            let rows = rows.byte_records().filter_map(Result::ok);
            rows.filter_map(|row| Some(String::from_utf8_lossy(row.get(column?)?).trim().to_owned())).collect()
        };
        names.iter().filter_map(|name| MerchantId::new(name).ok()).collect()
    }
}

fn sample(now: DateTime<Utc>) -> Result<String, CliError> {
    sample_installments(now).map_err(|error| CliError::Failed(error.to_string()))
}

async fn take<R: Read + Send + 'static>(app: &App, input: R, format: Option<Format>) -> Result<Summary, CliError> {
    let merchants = &app.policy.merchants;
    let job = Import {
        input,
        format,
        take_last_line: true,
        merchants,
        mode: WriteMode::Commit,
        max_shown: 10,
        rejects: None,
    };
    import(&*app.store, job, &|_| {}).await.map_err(|error| CliError::Failed(error.to_string()))
}

async fn plan(app: &App, now: DateTime<Utc>) -> Result<(), CliError> {
    scan(&*app.store, &app.policy, &app.scan_order(now, ScanScope::News)).await?;
    Ok(())
}

async fn opt_out(app: &App, now: DateTime<Utc>) -> Result<(), CliError> {
    let key = crate::domain::BorrowerKey {
        merchant: MerchantId::new(HOUSE).map_err(|error| CliError::Failed(error.to_string()))?,
        id: OPTS_OUT.parse().map_err(|error: crate::domain::IdError| CliError::Failed(error.to_string()))?,
    };
    let day = now.date_naive();
    let found = app.store.due_page(day - TimeDelta::days(30)..=day + TimeDelta::days(30), None, 1_000).await?;
    let borrower = found.into_iter().map(|Due { borrower, .. }| borrower).find(|one| one.key == key);
    let Some(phone) = borrower.and_then(|borrower| borrower.phone) else { return Ok(()) };
    let suppression = Suppression {
        merchant: Some(key.merchant),
        address: crate::domain::Address::Phone(phone).into(),
        reason: SuppressionReason::OptedOut,
        source: "demo".into(),
        since: now,
        until: None,
    };
    Ok(app.store.suppress(&[suppression], None).await?)
}

/// Plays one day: plans in its first moment, and sends whenever something falls due.
async fn play(app: &App, clock: &SimClock, day: DateTime<Utc>) -> Result<(), CliError> {
    let end = day + TimeDelta::days(1);
    step(clock, day);
    plan(app, day).await?;
    loop {
        dispatch::drain(app, &CancellationToken::new()).await?;
        let mut next = None;
        for channel in Channel::ALL {
            next = next.into_iter().chain(app.store.next_due(*channel).await?).min();
        }
        match next {
            Some(next) if next < end => step(clock, next.max(clock.now() + TimeDelta::seconds(1))),
            _ => return Ok(()),
        }
    }
}

fn step(clock: &SimClock, to: DateTime<Utc>) {
    clock.advance((to - clock.now()).to_std().unwrap_or(Duration::ZERO));
}

async fn serve(listener: TcpListener, view: http::demo::DemoView, app: &App) -> Result<(), CliError> {
    let stop = CancellationToken::new();
    let router = http::demo::router(view, Public::of(app));
    let limits = http::ConnectionLimits { total: MAX_CONNECTIONS, per_client: None };
    let server = http::serve(listener, router, limits, std::sync::Arc::new(SystemClock), stop.clone());
    tokio::select! {
        () = server => {}
        ended = tokio::signal::ctrl_c() => {
            ended?;
            stop.cancel();
        }
    }
    Ok(())
}
