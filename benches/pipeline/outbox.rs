//! A large outbox: what a claim costs, what a dispatcher weighs, and how soon it is at work.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{Channel, NewReminder, Next, Outcome, Settlement};
use dueherald::plan::{Account, decide};
use dueherald::store::{ClaimRequest, ClaimResult};
use sqlx::Executor;

use crate::postgres::{Server, connect};
use crate::process::ask_to_stop;
use crate::report::Target::AtMost;
use crate::report::{Report, median};
use crate::sinks::{Protocol, Sink};
use crate::world::World;
use crate::{Anyhow, Sizes};

/// How many reminders a claim takes here, as in the default config.
const BATCH: u32 = 64;

/// How many claims make a median.
const CLAIMS: usize = 200;

/// Claim latency and memory, with few and with many in the outbox.
pub(crate) async fn large(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let mut few = None;
    for count in [sizes.small_outbox, sizes.middle_outbox, sizes.large_outbox] {
        let url = server.database("bench_outbox").await?;
        let sink = Sink::start(Protocol::Smtp)?;
        let world = World::new(Some(url.clone()), sink.port, 1)?.with_many_rules();
        world.write_config(Channel::Email, 0)?;
        let config = world.config();
        world.binary(&config).run(&["migrate"]).await?;
        let mut connection = connect(&url).await?;
        world.fill(&mut connection, Channel::Email, count).await?;
        connection.execute("checkpoint").await?;

        let app = App::start(world.read_config()?, &Time::Real).await?;
        let latencies = claims(&app, CLAIMS).await?;
        let median = median(&latencies);
        report.add("claim", format!("of {BATCH} with {count} in the outbox"), median * 1000.0, "ms");
        match few {
            None => few = Some(median),
            Some(few) => {
                let what = format!("with {count}, of that with {}", sizes.small_outbox);
                report.judge("claim", what, median / few, "ratio", AtMost(1.3));
            }
        }
        if count == sizes.small_outbox {
            under_a_snapshot(report, &app, &url, sizes).await?;
        } else {
            drop(app);
            let limit = Some(Duration::from_secs(sizes.dispatch_seconds));
            let ran = world.binary(&config).run_for(&["run", "--roles", "dispatch"], limit).await?;
            let what = format!("dispatch with {count} due, peak");
            report.judge("memory", what, ran.peak_mb, "MB", AtMost(40.0));
        }
    }
    Ok(())
}

/// Claims and settles under a snapshot that keeps every dead row version from being cleared away.
async fn under_a_snapshot(report: &mut Report, app: &App, url: &str, sizes: Sizes) -> Anyhow<()> {
    let mut holder = connect(url).await?;
    holder.execute("begin isolation level repeatable read read only").await?;
    holder.execute("select count(*) from queue").await?;
    let rounds = usize::try_from(sizes.small_outbox * 9 / 10)? / BATCH as usize - CLAIMS;
    let latencies = claims(app, rounds).await?;
    let tenth = latencies.len() / 10;
    let (start, end) = (median(&latencies[..tenth]), median(&latencies[latencies.len() - tenth..]));
    report.add("claim", "at the start under a held snapshot", start * 1000.0, "ms");
    report.add("claim", format!("after {} claims under it", latencies.len()), end * 1000.0, "ms");
    report.judge("claim", "at the end, of that at the start", end / start, "ratio", AtMost(2.0));
    holder.execute("rollback").await?;
    Ok(())
}

/// Claims and settles so many times; gives the seconds of each claim.
async fn claims(app: &App, rounds: usize) -> Anyhow<Vec<f64>> {
    let gateway = app.policy.gateways.shared(Channel::Email).first().ok_or("no gateway")?.clone();
    let mut latencies = Vec::with_capacity(rounds);
    let policy = Arc::clone(&app.policy);
    let decider = move |new: &NewReminder, account: &Account, now: DateTime<Utc>| decide(&policy, new, account, now);
    for _ in 0..rounds {
        let request = ClaimRequest {
            channel: Channel::Email,
            gateway_index: 0,
            gateway: gateway.clone(),
            limit: BATCH,
            lease: TimeDelta::seconds(60),
            rate: None,
            fence: None,
            recent_contacts: None,
        };
        let begun = SystemClock.elapsed();
        let claimed = app.store.claim(&request, &decider).await?;
        latencies.push((SystemClock.elapsed() - begun).as_secs_f64());
        let ClaimResult { now, sending, .. } = claimed;
        if sending.len() != BATCH as usize {
            return Err(format!("claimed {} of {BATCH}", sending.len()).into());
        }
        let accepted = |claimed: dueherald::store::ClaimedReminder| {
            claimed.attempt.settle(Outcome::Accepted { provider_id: None }, Next::Accepted, now)
        };
        let settlements: Vec<Settlement> = sending.into_iter().map(accepted).collect();
        app.store.settle(&settlements).await?;
    }
    Ok(latencies)
}

/// From spawn to the first message on record.
pub(crate) async fn spawn(report: &mut Report, server: &Server) -> Anyhow<()> {
    for (name, is_postgres) in [("PostgreSQL", true), ("SQLite", false)] {
        let mut tries = Vec::new();
        for number in 0..9 {
            let sink = Sink::start(Protocol::Http)?;
            let database = match is_postgres {
                true => Some(server.database(&format!("bench_spawn_{number}")).await?),
                false => None,
            };
            let world = World::new(database.clone(), 1, sink.port)?;
            let config = world.config();
            let file = world.write_installments(1)?;
            let binary = world.binary(&config);
            for args in [&["migrate"][..], &["import", file.to_str().ok_or("text")?], &["scan"]] {
                binary.run(args).await?;
            }
            let begun = SystemClock.elapsed();
            let mut child = binary.command(&["run", "--roles", "dispatch"]).spawn()?;
            let app = App::start(world.read_config()?, &Time::Real).await?;
            while app.store.events(dueherald::domain::ReminderId(1)).await?.is_empty() {
                SystemClock.sleep(Duration::from_millis(1)).await;
            }
            tries.push((SystemClock.elapsed() - begun).as_secs_f64());
            ask_to_stop(&child)?;
            child.wait()?;
        }
        report.judge(
            "spawn",
            format!("{name}, to the first message on record"),
            median(&tries) * 1000.0,
            "ms",
            AtMost(100.0),
        );
    }
    Ok(())
}
