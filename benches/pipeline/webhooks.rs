//! The cost of a webhook endpoint that never answers: sending goes on beside it.
//!
//! No target is judged: with no endpoint in any run, the ratio of the rates was 0.92 to 0.95 too (November 2026, two
//! cores: autovacuum falls into the runs in the middle). The CPU of the processes tells more: over 6 s of sending, the
//! connection that reads for webhooks took 0.04 to 0.07 of 9.5 CPU seconds.

use std::io::Write;
use std::time::Duration;

use dueherald::domain::Channel;
use sqlx::Connection;
use tokio::net::TcpListener;

use crate::postgres::{Server, connect};
use crate::process::Ran;
use crate::report::{Report, median};
use crate::sinks::{Protocol, Sink};
use crate::world::World;
use crate::{Anyhow, Sizes};

/// Pairs of runs, one without and one with the endpoint.
const PAIRS: usize = 2;

/// One run of a daemon, and how many messages a gateway took over in it.
struct Sending {
    ran: Ran,
    /// From its spawn to the signal that stops it, in seconds.
    window: f64,
    database_cpu: f64,
    messages: f64,
}

impl Sending {
    fn rate(&self) -> f64 {
        self.messages / self.window
    }

    /// CPU seconds of daemon and database for 1,000 messages.
    fn cpu(&self) -> f64 {
        (self.ran.cpu + self.database_cpu) * 1000.0 / self.messages
    }
}

/// SMS a second of a daemon beside an endpoint that takes connections and says nothing, of that without one.
pub(crate) async fn beside_a_dead_one(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let url = server.database("bench_webhooks").await?;
    let sink = Sink::start(Protocol::Http)?;
    let world = World::new(Some(url.clone()), 1, sink.port)?.with_many_rules();
    let config = world.config();
    world.binary(&config).run(&["migrate"]).await?;
    let mut connection = connect(&url).await?;
    world.fill(&mut connection, Channel::Sms, sizes.middle_outbox).await?;
    connection.close().await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}/hooks", silent.local_addr()?);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..PAIRS * 2 {
        world.write_config(Channel::Sms, 0)?;
        // Neither is always the first of its pair.
        let is_with = (number + number / 2) % 2 == 1;
        if is_with {
            let section = format!(
                "\n[[merchants.mall.webhooks]]\nname = \"dead\"\nurl = \"{endpoint}\"\nsecret = \"{SECRET}\"\n"
            );
            std::fs::OpenOptions::new().append(true).open(&config)?.write_all(section.as_bytes())?;
        }
        let sending = one(&world, server, &url, sizes).await?;
        if is_with { with.push(sending) } else { without.push(sending) }
    }
    let of = |runs: &[Sending], figure: fn(&Sending) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>());
    let rates = (of(&without, Sending::rate), of(&with, Sending::rate));
    let cpu = (of(&without, Sending::cpu), of(&with, Sending::cpu));
    report.add("webhooks", "SMS, no endpoint", rates.0, "messages/s");
    report.add("webhooks", "SMS, one endpoint that never answers", rates.1, "messages/s");
    report.add("webhooks", "of that without", rates.1 / rates.0, "ratio");
    report.add("webhooks", "daemon and database, no endpoint", cpu.0, "CPU s/1000");
    report.add("webhooks", "daemon and database, one that never answers", cpu.1, "CPU s/1000");
    Ok(())
}

async fn one(world: &World, server: &Server, url: &str, sizes: Sizes) -> Anyhow<Sending> {
    let accepted = "select count(*) from event where kind = 'accepted'";
    let count = async || -> Anyhow<i64> {
        let mut connection = connect(url).await?;
        let count = sqlx::query_scalar(accepted).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    };
    let (before, cpu) = (count().await?, server.cpu().await);
    let window = Duration::from_secs(sizes.dispatch_seconds) / 2;
    let ran = world.binary(&world.config()).run_for(&["run", "--roles", "dispatch"], Some(window)).await?;
    let database_cpu = server.cpu().await - cpu;
    let messages = (count().await? - before) as f64;
    if messages == 0.0 {
        return Err("nothing was sent".into());
    }
    Ok(Sending { ran, window: window.as_secs_f64(), database_cpu, messages })
}

/// Of no system.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
