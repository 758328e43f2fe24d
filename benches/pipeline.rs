//! The measured pipeline: `cargo bench --bench pipeline -- [--quick] [--only NAME] [--json FILE]`.
//!
//! Every figure that depends on the machine stands beside a bare loop over the same library in the same run: what
//! counts is the ratio. Databases, gateways and dueherald itself are real; only the other side of the gateways is a
//! sink. `DUEHERALD_BENCH_POSTGRES` names a PostgreSQL to use; without it one is started that keeps what it commits.
#![expect(clippy::float_arithmetic, reason = "rates and ratios are no money")]

#[path = "pipeline/api.rs"]
mod api;
#[path = "pipeline/bare.rs"]
mod bare;
#[path = "pipeline/desk.rs"]
mod desk;
#[path = "../tests/faults/noon.rs"]
mod noon;
#[path = "pipeline/outbox.rs"]
mod outbox;
#[path = "pipeline/postgres.rs"]
mod postgres;
#[path = "pipeline/process.rs"]
mod process;
#[path = "pipeline/report.rs"]
mod report;
#[path = "pipeline/scan.rs"]
mod scan;
#[path = "pipeline/sinks.rs"]
mod sinks;
#[path = "pipeline/stages.rs"]
mod stages;
#[path = "pipeline/webhooks.rs"]
mod webhooks;
#[path = "pipeline/world.rs"]
mod world;

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

use crate::postgres::Server;
use crate::report::Report;
use crate::sinks::{Protocol, Sink};

/// A benchmark that fails tells why, and needs no types for it.
type Anyhow<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measure the pipeline.
#[derive(Debug, Parser)]
struct Args {
    /// Small sizes: to see that it runs, not what it can do
    #[arg(long)]
    quick: bool,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Write the figures to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Be a sink (of the benchmark itself)
    #[arg(long, hide = true)]
    sink: Option<String>,
    /// The argument that cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Import and plan
    Ledger,
    /// Scans of a large ledger
    Scan,
    /// Rendering
    Render,
    /// SMS and e-mail end to end
    Send,
    /// Claims and memory with a large outbox
    Outbox,
    /// Pages of the console with a large database
    Desk,
    /// Instalments by HTTP, and the memory of the daemon
    Api,
    /// Sending beside a webhook endpoint that never answers
    Webhooks,
    /// From spawn to the first message
    Spawn,
}

/// How much of each is done.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    ledger: u64,
    /// Instalments, of which a tenth comes into view.
    scanned: u64,
    renders: u64,
    messages: u64,
    small_outbox: u64,
    middle_outbox: u64,
    large_outbox: u64,
    dispatch_seconds: u64,
    /// Instalments that come by HTTP.
    ingested: u64,
}

const FULL: Sizes = Sizes {
    ledger: 200_000,
    scanned: 1_000_000,
    renders: 200_000,
    messages: 100_000,
    small_outbox: 100_000,
    middle_outbox: 1_000_000,
    large_outbox: 10_000_000,
    dispatch_seconds: 20,
    ingested: 1_000_000,
};

const QUICK: Sizes = Sizes {
    ledger: 20_000,
    scanned: 100_000,
    renders: 20_000,
    messages: 10_000,
    small_outbox: 50_000,
    middle_outbox: 100_000,
    large_outbox: 200_000,
    dispatch_seconds: 3,
    ingested: 50_000,
};

fn main() -> Anyhow<()> {
    let args = Args::parse();
    // As dueherald itself: one thread runs everything.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &args.sink {
        Some(protocol) => runtime.block_on(sinks::serve(protocol)),
        None => runtime.block_on(measure(&args)),
    }
}

async fn measure(args: &Args) -> Anyhow<()> {
    let sizes = if args.quick { QUICK } else { FULL };
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let mut report = Report::default();
    let server = Server::start().await?;
    if wanted(Part::Render) {
        stages::render(&mut report, sizes).await?;
    }
    if wanted(Part::Spawn) {
        outbox::spawn(&mut report, &server).await?;
    }
    if wanted(Part::Ledger) {
        stages::ledger(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Scan) {
        scan::large_ledger(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Send) {
        stages::send(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Outbox) {
        outbox::large(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Desk) {
        desk::pages(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Api) {
        api::ingest(&mut report, &server, sizes).await?;
    }
    if wanted(Part::Webhooks) {
        webhooks::beside_a_dead_one(&mut report, &server, sizes).await?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, report.json()?)?;
    }
    writeln!(std::io::stdout(), "{} of the targets missed", report.missed())?;
    Ok(())
}
