//! Instalments that come by HTTP, beside the same instalments given to the store itself.

use std::process::Child;
use std::time::Duration;

use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{BorrowerKey, Currency, EmailAddress, FieldUpdate, LedgerRow, Money, PersonName, Phone};
use dueherald::store::WriteMode;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::postgres::Server;
use crate::process::{ask_to_stop, resident};
use crate::report::Target::{AtLeast, AtMost};
use crate::report::{Report, median};
use crate::world::World;
use crate::{Anyhow, Sizes};

const TOKEN: &str = "a-token-of-the-benchmark-0123456789";

/// The instalments of one request: the most that it may have.
const BATCH: u64 = 10_000;

/// The rows of one call of the store: as many as an import and the API write at once.
const PART: usize = 1_000;

/// New instalments by HTTP and into the store, batch by batch in turns, so that both meet the same machine; the memory
/// of the daemon meanwhile.
pub(crate) async fn ingest(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let served = World::new(Some(server.database("bench_api").await?), 1, 1)?;
    let direct = World::new(Some(server.database("bench_api_store").await?), 1, 1)?;
    for world in [&served, &direct] {
        world.binary(&world.config()).run(&["migrate"]).await?;
    }
    let app = App::start(direct.read_config()?, &Time::Real).await?;
    let api = ServedApi::open(&served).await?;
    let batches = sizes.ingested / BATCH;
    let (mut by_http, mut by_store, mut memory) = (0.0, 0.0, vec![api.resident_mb()?]);
    for number in 0..batches {
        let instalments = number * BATCH..(number + 1) * BATCH;
        let rows = instalments.clone().map(|number| row(&direct, number)).collect::<Anyhow<Vec<_>>>()?;
        let items = instalments.map(|number| item(&served, number)).collect::<Anyhow<Vec<_>>>()?;
        let body = serde_json::to_vec(&json!({ "merchant": "mall", "installments": items }))?;
        let begun = SystemClock.elapsed();
        for part in rows.chunks(PART) {
            app.store.import(part, WriteMode::Commit).await?;
        }
        by_store += (SystemClock.elapsed() - begun).as_secs_f64();
        let begun = SystemClock.elapsed();
        api.post(number, body).await?;
        by_http += (SystemClock.elapsed() - begun).as_secs_f64();
        memory.push(api.resident_mb()?);
    }
    let count = (batches * BATCH) as f64;
    report.add("api", "the store's own upsert, 1,000 rows at once", count / by_store, "rows/s");
    report.add("api", "instalments by HTTP, 10,000 in a request", count / by_http, "rows/s");
    report.judge("api", "by HTTP, of the store's own upsert", by_store / by_http, "ratio", AtLeast(0.5));
    // Memory that was freed stays resident for a while: quarters are compared, not moments.
    let quarter = memory.len() / 4;
    let (middle, end) = (median(&memory[quarter * 2..quarter * 3]), median(&memory[memory.len() - quarter..]));
    report.add("api", "memory of the daemon at the start", memory[0], "MB");
    report.add("api", "median of the third quarter", middle, "MB");
    report.add("api", "median of the last quarter", end, "MB");
    report.judge("api", "last quarter, of the third", end / middle, "ratio", AtMost(1.1));
    Ok(())
}

/// The values of both forms are the same, and those of the file of [`World::write_installments`].
fn item(world: &World, number: u64) -> Anyhow<Value> {
    Ok(json!({
        "borrower_id": format!("b{number:08}"),
        "name": "Li Lei",
        "phone": format!("+86138{number:08}"),
        "email": format!("b{number:08}@example.com"),
        "installment_id": format!("i{number:08}"),
        "order_ref": format!("A-{number:08}"),
        "product": "Sofa",
        "sequence": 3,
        "of": 12,
        "currency": "CNY",
        "amount": "1280.50",
        "due_date": world.due_date()?.to_string(),
    }))
}

fn row(world: &World, number: u64) -> Anyhow<LedgerRow> {
    let borrower = BorrowerKey { merchant: "mall".parse()?, id: format!("b{number:08}").parse()? };
    let amount = Money::parse("1280.50", Currency::new("CNY")?)?;
    Ok(LedgerRow {
        name: FieldUpdate::Set(Some(PersonName::new("Li Lei")?)),
        phone: FieldUpdate::Set(Some(Phone::new(&format!("+86138{number:08}"))?)),
        email: FieldUpdate::Set(Some(EmailAddress::new(&format!("b{number:08}@example.com"))?)),
        order_ref: FieldUpdate::Set(Some(format!("A-{number:08}"))),
        product: FieldUpdate::Set(Some("Sofa".to_owned())),
        sequence: FieldUpdate::Set(Some(3)),
        of: FieldUpdate::Set(Some(12)),
        ..LedgerRow::new(borrower, format!("i{number:08}").parse()?, amount, world.due_date()?)
    })
}

/// A daemon that serves the API.
struct ServedApi {
    daemon: Child,
    base: String,
    client: Client,
}

impl Drop for ServedApi {
    fn drop(&mut self) {
        _ = ask_to_stop(&self.daemon);
        _ = self.daemon.wait();
    }
}

impl ServedApi {
    async fn open(world: &World) -> Anyhow<Self> {
        // Free a moment ago; a benchmark may take its chance.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = world.config();
        let tokens = format!(
            "[{{ name = \"bench\", token = \"{TOKEN}\", merchants = [\"mall\"], actions = [\"change_ledger\"] }}]"
        );
        let daemon = world
            .binary(&config)
            .command(&["run", "--roles", "web"])
            .env("DUEHERALD__API__LISTEN", format!("127.0.0.1:{port}"))
            .env("DUEHERALD__API__TOKENS", tokens)
            .env("DUEHERALD__HTTP__UNLIMITED_CLIENTS", "true")
            .spawn()?;
        let client = Client::builder().no_proxy().tls_backend_preconfigured(crate::bare::no_trust()?).build()?;
        let mut api = Self { daemon, base: format!("http://127.0.0.1:{port}/api/v1"), client };
        while let Err(error) = api.client.get(format!("{}/openapi.json", api.base)).send().await {
            if api.daemon.try_wait()?.is_some() {
                return Err(error.into());
            }
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
        Ok(api)
    }

    /// Sends a batch. Every item must be new.
    async fn post(&self, number: u64, body: Vec<u8>) -> Anyhow<()> {
        let request = self.client.post(format!("{}/installments", self.base)).body(body);
        let request =
            request.header(AUTHORIZATION, format!("Bearer {TOKEN}")).header("content-type", "application/json");
        let answer = request.header("idempotency-key", format!("batch-{number}")).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        let told: Value = serde_json::from_str(&text)?;
        if status != StatusCode::OK || told["changed"] != BATCH {
            let shown: String = text.chars().take(500).collect();
            return Err(format!("a batch is answered with {status}: {shown}").into());
        }
        Ok(())
    }

    fn resident_mb(&self) -> Anyhow<f64> {
        Ok(resident(self.daemon.id(), "VmRSS:").ok_or("the daemon has ended")?)
    }
}
