//! The stages in the order of the data: import, plan, render, send; each beside a bare counterpart in the same run.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{NaiveDate, TimeDelta};
use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{Channel, LinkMode, Message, ReminderId};
use dueherald::plan::{Account, Decision, Due, Horizon, decide, plan};
use dueherald::store::InstallmentFilter;
use futures_util::TryStreamExt;
use sqlx::Executor;

use crate::bare::{self, Building, Letter};
use crate::postgres::{Server, connect};
use crate::process::Ran;
use crate::report::Target::{AtLeast, AtMost};
use crate::report::{Report, median};
use crate::world::{COLUMNS, CONNECTIONS, IN_FLIGHT, World};
use crate::{Anyhow, Sizes};

/// Import and plan: lines and rows a second on both databases.
pub(crate) async fn ledger(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let url = server.database("bench_ledger").await?;
    let copied = copy_rate(&url, sizes).await?;
    report.add("import", "bare COPY of the same lines into one table", copied, "lines/s");
    for (name, database) in [("PostgreSQL", Some(url.clone())), ("SQLite", None)] {
        let world = World::new(database, 1, 1)?;
        let config = world.config();
        let (binary, file) = (world.binary(&config), world.write_installments(sizes.ledger)?);
        let file = file.to_str().ok_or("a path of this machine is text")?.to_owned();
        binary.run(&["migrate"]).await?;
        let rate = |ran: &Ran| sizes.ledger as f64 / ran.seconds;
        let first = binary.run(&["import", &file]).await?;
        report.add("import", format!("{name}, all new"), rate(&first), "lines/s");
        if name == "PostgreSQL" {
            report.add("import", "of the bare COPY into one table", rate(&first) / copied, "ratio");
            let shaped = twins_rate(&url, sizes.ledger).await?;
            report.add("import", "bare COPY of what it wrote into twins of its tables", shaped, "lines/s");
            report.judge("import", "of the bare COPY into twins", rate(&first) / shaped, "ratio", AtLeast(0.3));
        }
        let again = binary.run(&["import", &file]).await?;
        report.add("import", format!("{name}, all the same"), rate(&again), "lines/s");
        if name == "PostgreSQL" {
            let bare = insert_rate(&url, world.due_date()?, sizes.ledger).await?;
            report.add("plan", "bare INSERT ... SELECT of the same shape", bare, "rows/s");
            let scanned = binary.run(&["scan"]).await?;
            report.add("plan", format!("{name}, all new"), rate(&scanned), "rows/s");
            report.add("plan", "of the bare INSERT", rate(&scanned) / bare, "ratio");
        } else {
            report.add("plan", format!("{name}, all new"), rate(&binary.run(&["scan"]).await?), "rows/s");
        }
        let again = binary.run(&["scan"]).await?;
        report.add("plan", format!("{name}, all planned before"), rate(&again), "rows/s");
    }
    Ok(())
}

/// Lines a second that COPY takes into a table with the columns of an import and its key.
async fn copy_rate(url: &str, sizes: Sizes) -> Anyhow<f64> {
    let world = World::new(Some(url.to_owned()), 1, 1)?;
    let text = std::fs::read(world.write_installments(sizes.ledger)?)?;
    let mut connection = connect(url).await?;
    let columns = COLUMNS.map(|column| match column {
        "sequence" | "of" => format!("{column} bigint"),
        "amount" | "paid_amount" => format!("{column} numeric(18, 4)"),
        "due_date" => format!("{column} date"),
        text => format!("{text} text"),
    });
    let table = format!("create table bare ({}, primary key (installment_id, merchant))", columns.join(", "));
    connection.execute(sqlx::AssertSqlSafe(table)).await?;
    let begun = SystemClock.elapsed();
    let mut copy = connection.copy_in_raw("copy bare from stdin (format csv, header)").await?;
    for chunk in text.chunks(64 * 1024) {
        copy.send(chunk).await?;
    }
    copy.finish().await?;
    let seconds = (SystemClock.elapsed() - begun).as_secs_f64();
    connection.execute("drop table bare").await?;
    Ok(sizes.ledger as f64 / seconds)
}

/// Lines a second that COPY takes into twins of `borrower` and `installment`, with all their keys and indexes, of what
/// `count` lines have brought into these.
async fn twins_rate(url: &str, count: u64) -> Anyhow<f64> {
    let mut connection = connect(url).await?;
    let mut seconds = 0.0;
    for table in ["borrower", "installment"] {
        let statement = |text: String| sqlx::AssertSqlSafe(text);
        connection.execute(statement(format!("create table twin (like {table} including all)"))).await?;
        let rows: Vec<Bytes> = connection.copy_out_raw(&format!("copy {table} to stdout")).await?.try_collect().await?;
        let begun = SystemClock.elapsed();
        let mut copy = connection.copy_in_raw("copy twin from stdin").await?;
        for chunk in rows.concat().chunks(64 * 1024) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        seconds += (SystemClock.elapsed() - begun).as_secs_f64();
        connection.execute("drop table twin").await?;
    }
    Ok(count as f64 / seconds)
}

/// Rows a second that one statement puts into twins of `reminder` and `queue`, with all their keys and indexes, for
/// `count` instalments of that due date.
pub(crate) async fn insert_rate(url: &str, due: NaiveDate, count: u64) -> Anyhow<f64> {
    let mut connection = connect(url).await?;
    connection.execute("create table bare_reminder (like reminder including all)").await?;
    connection.execute("create table bare_queue (like queue including all)").await?;
    let begun = SystemClock.elapsed();
    let statement = r#"
            with planned as (
                insert into bare_reminder (
                    merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at
                )
                select i.merchant, i.borrower_id, i.due_date, 'due/-3', 'sms', 'schedule', now(), now(), now()
                from installment i join borrower b using (borrower_id, merchant) where i.status = 'open' and i.due_date = '$due'
                on conflict do nothing
                returning id, channel, not_before
            )
            insert into bare_queue (reminder_id, not_before, attempt, gateway_index, channel, state)
            select id, not_before, 0, 0, channel, 'planned' from planned"#;
    connection.execute(sqlx::AssertSqlSafe(statement.replace("$due", &due.to_string()))).await?;
    let seconds = (SystemClock.elapsed() - begun).as_secs_f64();
    connection.execute("drop table bare_reminder, bare_queue").await?;
    Ok(count as f64 / seconds)
}

/// Messages a second that one thread renders.
pub(crate) async fn render(report: &mut Report, sizes: Sizes) -> Anyhow<()> {
    for (channel, mode) in [(Channel::Sms, LinkMode::Personal), (Channel::Email, LinkMode::Personal)] {
        let samples = Samples::make(channel).await?;
        let begun = SystemClock.elapsed();
        for number in 0..sizes.renders {
            samples.compose(i64::try_from(number)?, mode)?;
        }
        let seconds = (SystemClock.elapsed() - begun).as_secs_f64();
        report.add("render", channel.as_str(), sizes.renders as f64 / seconds, "messages/s");
    }
    Ok(())
}

/// One borrower with one open instalment, and all that makes a message of it.
struct Samples {
    app: App,
    reminder: dueherald::domain::NewReminder,
    account: Account,
    _world: World,
}

impl Samples {
    async fn make(channel: Channel) -> Anyhow<Self> {
        let world = World::new(None, 1, 1)?;
        world.write_config(channel, 0)?;
        let config = world.config();
        let file = world.write_installments(1)?;
        world.binary(&config).run(&["migrate"]).await?;
        world.binary(&config).run(&["import", file.to_str().ok_or("text")?]).await?;
        let app = App::start(world.read_config()?, &Time::Real).await?;
        let filter = InstallmentFilter { limit: 1, ..InstallmentFilter::default() };
        let installment = app.store.installments(&filter).await?.pop().ok_or("nothing was imported")?;
        let key =
            dueherald::domain::BorrowerKey { merchant: installment.merchant.clone(), id: installment.borrower.clone() };
        let account = app.store.account(&key, installment.due_date, channel).await?;
        let due = Due {
            borrower: account.borrower.clone().ok_or("no borrower")?,
            due_date: installment.due_date,
            installments: account.installments.clone(),
            suppressed: Vec::new(),
        };
        let now = app.clock.now();
        let horizon = Horizon { now, until: now + TimeDelta::days(1) };
        let reminder = plan(&app.policy, &due, horizon).pop().ok_or("nothing is planned")?;
        Ok(Self { app, reminder, account, _world: world })
    }

    fn compose(&self, id: i64, mode: LinkMode) -> Anyhow<Message> {
        let Self { app, reminder, account, .. } = self;
        let merchant = app.policy.merchants.get(&reminder.key.borrower.merchant).ok_or("no merchant")?;
        let Decision::Send(to_send) = decide(&app.policy, reminder, account, app.clock.now()) else {
            return Err("it is not sent".into());
        };
        let borrower = account.borrower.as_ref().ok_or("no borrower")?;
        Ok(app.composer.compose(ReminderId(id), merchant, borrower, &to_send, mode, None)?.message)
    }
}

/// SMS and e-mail from the outbox to the gateway and back into the books, on both databases. A machine is not equally
/// quick from one second to the next: what is judged is sent several times, each time right after its bare loop, and
/// the medians count.
pub(crate) async fn send(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let sinks = Arc::new((crate::Sink::start(crate::Protocol::Smtp)?, crate::Sink::start(crate::Protocol::Http)?));
    let (smtp, http) = (sinks.0.port, sinks.1.port);
    let (sms, email) = (BareSms::make(http, sizes).await?, BareEmail::make(smtp, sizes).await?);
    let pool = email.others(report).await?;
    for (name, database) in [("PostgreSQL", Some(server.database("bench_send").await?)), ("SQLite", None)] {
        let is_judged = database.is_some();
        let world = World::new(database, smtp, http)?;
        let config = world.config();
        let (binary, file) = (world.binary(&config), world.write_installments(sizes.messages)?);
        binary.run(&["migrate"]).await?;
        binary.run(&["import", file.to_str().ok_or("text")?]).await?;
        let mut without_limits = 0.0;
        for channel in [Channel::Sms, Channel::Email] {
            let mut sent = Sent { name, is_judged, count: sizes.messages, rounds: Vec::new() };
            for round in 0..if is_judged { ROUNDS } else { 1 } {
                // Other rules, so that there is something to be planned again.
                world.write_config(channel, round)?;
                binary.run(&["scan"]).await?;
                let bare = match channel {
                    Channel::Sms => sms.rate().await?,
                    Channel::Email => email.rate().await?,
                };
                let before = server.cpu().await;
                let ran = binary.run(&["dispatch", "--drain"]).await?;
                if !ran.output.starts_with(&format!("{} sent, 0 skipped", sizes.messages)) {
                    return Err(format!("not everything was sent: {}", ran.output).into());
                }
                let database_cpu = if is_judged { server.cpu().await - before } else { 0.0 };
                sent.rounds.push(Round { ran, database_cpu, bare });
            }
            match channel {
                Channel::Sms => {
                    without_limits = sent.rate();
                    sent.report(report, "sms", &sms.name(), "a bare reqwest loop", 0.40);
                }
                Channel::Email => {
                    sent.report(report, "email", &email.name(), "a bare lettre loop with TCP_NODELAY", 0.55);
                    sent.judge(report, "email", "lettre's pool as shipped", sent.rate() / pool, 25.0);
                }
            }
        }
        if is_judged {
            let limited = world.with_limits();
            let mut rates = Vec::new();
            for round in 0..ROUNDS {
                limited.write_config(Channel::Sms, ROUNDS + round)?;
                binary.run(&["scan"]).await?;
                let ran = binary.run(&["dispatch", "--drain"]).await?;
                if !ran.output.starts_with(&format!("{} sent, 0 skipped", sizes.messages)) {
                    return Err(format!("not everything was sent: {}", ran.output).into());
                }
                rates.push(sizes.messages as f64 / ran.seconds);
            }
            let rate = median(&rates);
            report.add("sms", format!("{name}, with a rate and caps, end to end"), rate, "messages/s");
            report.add("sms", format!("{name}, with a rate and caps, of without"), rate / without_limits, "ratio");
        }
    }
    Ok(())
}

/// How often it is sent what is judged.
const ROUNDS: u32 = 3;

struct Sent {
    name: &'static str,
    /// Only PostgreSQL is held to the targets: SQLite is for one small machine.
    is_judged: bool,
    count: u64,
    rounds: Vec<Round>,
}

/// One sending of everything, and what the bare loop did right before it.
struct Round {
    ran: Ran,
    database_cpu: f64,
    bare: f64,
}

impl Sent {
    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(&self.rounds.iter().map(figure).collect::<Vec<_>>())
    }

    fn rate(&self) -> f64 {
        self.median(|round| self.count as f64 / round.ran.seconds)
    }

    fn judge(&self, report: &mut Report, group: &'static str, what: &str, ratio: f64, least: f64) {
        let what = format!("{}, of {what}", self.name);
        match self.is_judged {
            true => report.judge(group, what, ratio, "ratio", AtLeast(least)),
            false => report.add(group, what, ratio, "ratio"),
        }
    }

    fn report(&self, report: &mut Report, group: &'static str, bare: &str, against: &str, least: f64) {
        let (name, count, thousands) = (self.name, self.count as f64, self.count as f64 / 1000.0);
        report.add(group, bare, self.median(|round| round.bare), "messages/s");
        report.add(group, format!("{name}, end to end"), self.rate(), "messages/s");
        self.judge(report, group, against, self.median(|round| count / round.ran.seconds / round.bare), least);
        let worker = self.median(|round| round.ran.cpu) / thousands;
        report.add(group, format!("{name}, worker"), worker, "CPU s/1000");
        let whole = self.median(|round| round.ran.cpu + round.database_cpu) / thousands;
        let what = format!("{name}, worker and database");
        match self.is_judged && group == "email" {
            true => report.judge(group, what, whole, "CPU s/1000", AtMost(0.13)),
            false => report.add(group, what, whole, "CPU s/1000"),
        }
        let peak = self.rounds.iter().map(|round| round.ran.peak_mb).fold(0.0, f64::max);
        report.add(group, format!("{name}, peak memory"), peak, "MB");
    }
}

struct BareSms {
    port: u16,
    body: String,
    count: u64,
}

impl BareSms {
    async fn make(port: u16, sizes: Sizes) -> Anyhow<Self> {
        let Message::Sms(text) = Samples::make(Channel::Sms).await?.compose(1, LinkMode::Personal)? else {
            return Err("no SMS".into());
        };
        let reference = "x".repeat(34);
        let body = serde_json::json!({ "to": "+8613800138000", "text": text.0, "reference": reference }).to_string();
        Ok(Self { port, body, count: sizes.messages * 2 })
    }

    fn name(&self) -> String {
        format!("bare reqwest, {IN_FLIGHT} in flight, {} bytes", self.body.len())
    }

    async fn rate(&self) -> Anyhow<f64> {
        bare::reqwest_loop(self.port, IN_FLIGHT, self.count, &self.body).await
    }
}

struct BareEmail {
    port: u16,
    letter: Letter,
    bytes: usize,
    count: u64,
}

impl BareEmail {
    async fn make(port: u16, sizes: Sizes) -> Anyhow<Self> {
        let Message::Email(parts) = Samples::make(Channel::Email).await?.compose(1, LinkMode::Personal)? else {
            return Err("no e-mail".into());
        };
        let letter = Letter { subject: parts.subject, text: parts.text, html: parts.html };
        let bytes = letter.build()?.formatted().len();
        Ok(Self { port, letter, bytes, count: sizes.messages })
    }

    fn name(&self) -> String {
        format!("bare lettre, nodelay, built once, {} bytes", self.bytes)
    }

    /// The loop that builds nothing, which is what ours is held to.
    async fn rate(&self) -> Anyhow<f64> {
        bare::lettre_loop(self.port, CONNECTIONS, self.count, &self.letter, Building::Once).await
    }

    /// One that builds each mail, and lettre's own pool, whose rate it gives.
    async fn others(&self, report: &mut Report) -> Anyhow<f64> {
        let Self { port, letter, bytes, count } = self;
        let each = bare::lettre_loop(*port, CONNECTIONS, *count, letter, Building::EachTime).await?;
        report.add("email", format!("bare lettre, nodelay, each built, {bytes} bytes"), each, "messages/s");
        let pool = bare::lettre_pool(*port, u32::try_from(CONNECTIONS)?, count / 25, letter).await?;
        report.add("email", "bare lettre, its own pool as shipped", pool, "messages/s");
        Ok(pool)
    }
}
