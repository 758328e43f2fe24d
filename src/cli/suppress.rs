//! `dueherald suppress stop|lift|stops`: the kill switch, effective at the next claim on every machine; `hold|release`
//! for one borrower; `list|add|remove|import|export` for addresses; `history` for what people have changed about stops
//! and addresses.

mod export;
mod history;
mod hold;
mod import;
mod list;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::borrower::BorrowerSearchPlace;
use super::merchant::find as known;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::clock::Clock;
use crate::domain::{Channel, ManualChange, Merchant, MerchantId};
use crate::pipeline::AuditNote;
use crate::store::{Stop, Store};

/// Stop sending, altogether, to one borrower or to an address, and lift it again.
#[derive(Debug, Args)]
pub(super) struct SuppressArgs {
    #[command(subcommand)]
    command: SuppressCommand,
}

#[derive(Debug, Subcommand)]
enum SuppressCommand {
    /// Stop sending from the next claim on; what is due waits until the stop is lifted, or expires
    Stop(StopArgs),
    /// Lift a stop
    Lift(LiftArgs),
    /// Send nothing to one borrower for a while: a dispute, hardship, a legal matter
    Hold(hold::HoldArgs),
    /// End a borrower's hold
    Release(hold::HoldTarget),
    /// List the addresses that must not be contacted
    List(list::ListArgs),
    /// Send nothing to an address any more
    Add(list::AddArgs),
    /// Take an address off the list
    Remove(list::RemoveArgs),
    /// Add addresses from a CSV file
    Import(import::ImportArgs),
    /// Write the list as CSV to the standard output, addresses in full
    Export(list::SuppressionSelection),
    /// List who set and lifted stops, added and removed addresses, when and why, newest first
    History(history::HistoryArgs),
    /// List what is stopped
    Stops {
        #[command(flatten)]
        format: ListFormat,
    },
}

#[derive(Debug, Args)]
struct StopArgs {
    #[command(flatten)]
    scope: StopScope,
    #[command(flatten)]
    signed: SignedArgs,
}

#[derive(Debug, Args)]
struct LiftArgs {
    #[command(flatten)]
    scope: StopScope,
    #[command(flatten)]
    signed: SignedArgs,
}

/// The person who makes a change, and the reason.
#[derive(Debug, Args)]
struct SignedArgs {
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
}

impl SignedArgs {
    fn change(&self, now: DateTime<Utc>) -> Result<ManualChange, CliError> {
        signed(&self.actor, &self.reason, now)
    }
}

fn signed(actor: &str, reason: &str, now: DateTime<Utc>) -> Result<ManualChange, CliError> {
    Ok(AuditNote::new(actor, reason).map_err(|error| CliError::Use(error.to_string()))?.at(now))
}

/// The scope of a stop.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("scope").required(true).multiple(true).args(["merchant", "channel", "all"])))]
pub(super) struct StopScope {
    /// Of this merchant only
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// On this channel only: sms or email
    #[arg(long)]
    channel: Option<Channel>,
    /// Of every merchant on every channel
    #[arg(long, conflicts_with_all = ["merchant", "channel"])]
    all: bool,
}

impl fmt::Display for StopScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Stop::scope_of(self.merchant.as_ref(), self.channel))
    }
}

impl SuppressArgs {
    /// Whether a borrower is named by a link, for which the config's link keys are needed.
    pub(super) fn needs_links(&self) -> bool {
        match &self.command {
            SuppressCommand::Hold(args) => args.needs_links(),
            SuppressCommand::Release(who) => who.needs_links(),
            _ => false,
        }
    }
}

/// Runs it.
pub(super) async fn run(
    args: SuppressArgs,
    at: BorrowerSearchPlace<'_>,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let BorrowerSearchPlace { store, merchants, .. } = at;
    match args.command {
        SuppressCommand::Stop(args) => stop(args, store, merchants, clock.now(), out).await?,
        SuppressCommand::Hold(args) => hold::hold(args, &at, clock.now(), out).await?,
        SuppressCommand::Release(who) => hold::release(who, &at, clock.now(), out).await?,
        SuppressCommand::List(args) => list::list(args, store, merchants, out).await?,
        SuppressCommand::Add(args) => list::add(args, store, merchants, clock.now(), out).await?,
        SuppressCommand::Remove(args) => list::remove(args, store, merchants, clock.now(), out).await?,
        SuppressCommand::Import(args) => return import::import(args, store, merchants, clock.now(), out).await,
        SuppressCommand::Export(which) => export::export(which, store, out).await?,
        SuppressCommand::History(args) => history::list(args, store, merchants, out).await?,
        SuppressCommand::Lift(args) => lift(&args, store, clock.now(), out).await?,
        SuppressCommand::Stops { format } => {
            let rows: Vec<_> = store.stops().await?.iter().map(StopRow::of).collect();
            table::print(out, format, &format.times(merchants), &rows)?;
        }
    }
    Ok(Exit::Done)
}

async fn stop(
    args: StopArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let StopArgs { scope, signed } = args;
    // A misspelled name would stop nothing while everybody believes it did.
    if let Some(merchant) = &scope.merchant {
        known(merchants, merchant)?;
    }
    let ManualChange { actor, reason, at: since } = signed.change(now)?;
    let (merchant, channel) = (scope.merchant.clone(), scope.channel);
    store.stop(&Stop { merchant, channel, actor, reason, since }).await?;
    writeln!(out, "{scope} is stopped; what is with a gateway already cannot be called back")?;
    Ok(())
}

async fn lift(args: &LiftArgs, store: &dyn Store, now: DateTime<Utc>, out: &mut dyn Write) -> Result<(), CliError> {
    let scope = &args.scope;
    if !store.lift_stop(scope.merchant.as_ref(), scope.channel, &args.signed.change(now)?).await? {
        let text = format!("no stop of {scope} is set; `dueherald suppress stops` lists what is");
        return Err(CliError::Failed(text));
    }
    writeln!(out, "the stop of {scope} is lifted; what waited goes out within ten minutes")?;
    for other in store.stops().await? {
        writeln!(out, "still stopped: {}", other.scope())?;
    }
    Ok(())
}

/// A stop as it is listed.
#[derive(Debug, Serialize)]
struct StopRow {
    merchant: Option<String>,
    channel: Option<&'static str>,
    since: DateTime<Utc>,
    actor: String,
    reason: String,
}

impl StopRow {
    fn of(stop: &Stop) -> Self {
        Self {
            merchant: stop.merchant.as_ref().map(ToString::to_string),
            channel: stop.channel.map(Channel::as_str),
            since: stop.since,
            actor: stop.actor.clone(),
            reason: stop.reason.clone(),
        }
    }
}

impl Row for StopRow {
    const TITLES: &'static [&'static str] = &["MERCHANT", "CHANNEL", "SINCE", "BY", "WHY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.merchant.clone().unwrap_or_else(|| "all".to_owned()),
            self.channel.unwrap_or("all").to_owned(),
            times.at(self.merchant.as_deref(), self.since),
            self.actor.clone(),
            self.reason.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{SuppressArgs, run};
    use crate::cli::CliError;
    use crate::clock::SimClock;
    use crate::domain::Locale;
    use crate::render::sample_merchant;
    use crate::store::MemoryStore;
    use chrono::{DateTime, Utc};
    use clap::Parser;
    use rstest::rstest;
    use std::sync::Arc;

    #[derive(Parser)]
    struct SuppressionText {
        #[command(flatten)]
        args: SuppressArgs,
    }

    fn parse(line: &str) -> Result<SuppressArgs, clap::Error> {
        SuppressionText::try_parse_from(std::iter::once("suppress").chain(line.split(' '))).map(|line| line.args)
    }

    async fn told(lines: &[&str]) -> String {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let merchant = sample_merchant(&Locale::new("en").expect("a locale"));
        let merchants = [(merchant.id.clone(), merchant)].into();
        let mut out = Vec::new();
        for line in lines {
            let args = parse(line).expect("sound arguments");
            let place = super::BorrowerSearchPlace { store: &store, links: None, merchants: &merchants };
            if let Err(error) = run(args, place, &clock, &mut out).await {
                let code = if matches!(error, CliError::Use(_)) { 2 } else { 1 };
                out.extend(format!("({code}) {error}\n").bytes());
            }
        }
        // Whatever the zone of this machine is.
        let local = super::ListFormat::TABLE.times(&merchants).at(None, DateTime::<Utc>::UNIX_EPOCH);
        String::from_utf8(out).expect("it is text").replace(&local, "1970-01-01 00:00 +00:00")
    }

    #[tokio::test]
    async fn what_is_stopped_is_listed_until_it_is_lifted() {
        let lines = [
            "stop --channel sms --actor wang --reason trial",
            "stop --all --actor li --reason fire",
            "stops",
            "lift --all --actor wang --reason out",
            "lift --all --actor wang --reason out",
            "lift --channel sms --actor wang --reason done",
            "stops --format json",
            "history",
        ];
        insta::assert_snapshot!(told(&lines).await, @r#"
        everything on sms is stopped; what is with a gateway already cannot be called back
        everything is stopped; what is with a gateway already cannot be called back
        MERCHANT  CHANNEL  SINCE                    BY    WHY    
        all       sms      1970-01-01 00:00 +00:00  wang  trial  
        all       all      1970-01-01 00:00 +00:00  li    fire   
        the stop of everything is lifted; what waited goes out within ten minutes
        still stopped: everything on sms
        (1) no stop of everything is set; `dueherald suppress stops` lists what is
        the stop of everything on sms is lifted; what waited goes out within ten minutes
        []
        ID  AT                       ACTION  WHAT               BY    WHY    
        4   1970-01-01 00:00 +00:00  lift    everything on sms  wang  done   
        3   1970-01-01 00:00 +00:00  lift    everything         wang  out    
        2   1970-01-01 00:00 +00:00  stop    everything         li    fire   
        1   1970-01-01 00:00 +00:00  stop    everything on sms  wang  trial  
        "#);
    }

    #[tokio::test]
    async fn a_merchant_that_is_not_there_is_not_stopped() {
        let told = told(&["stop --merchant mal --actor wang --reason x", "stops"]).await;
        assert!(told.starts_with("(2) unknown merchant mal; configured: "), "{told}");
        assert!(told.ends_with("nothing to show\n"), "{told}");
    }

    #[rstest]
    #[case::nobody_stops_everything_by_accident("stop --actor wang --reason x")]
    #[case::nor_lifts_everything("lift --actor wang --reason x")]
    #[case::who_lifts_is_on_record("lift --all --reason x")]
    #[case::why_is_on_record("lift --all --actor wang")]
    #[case::who_removes_is_on_record("remove +8613800138000 --all --reason x")]
    #[case::all_is_all("stop --all --channel sms --actor wang --reason x")]
    #[case::who_is_on_record("stop --all --reason x")]
    fn a_stop_has_to_say_what_and_who(#[case] line: &str) {
        assert!(parse(line).is_err());
    }
}
