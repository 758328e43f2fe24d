//! The console over a large database: each page as a browser asks for it.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use sqlx::{AssertSqlSafe, Executor};

use crate::postgres::{Server, connect};
use crate::process::ask_to_stop;
use crate::report::Report;
use crate::report::Target::AtMost;
use crate::world::{UNENCRYPTED, World};
use crate::{Anyhow, Sizes};

/// How many different borrowers are looked up.
const BORROWERS: u64 = 200;

/// How often each of the other pages is asked for.
const TIMES: usize = 40;

const PASSWORD: &str = "correct horse battery";

/// A borrower has ten reminders about two instalments, of the last 90 days; each went out and arrived. Rows are put in
/// in the order of time, as in use.
const FILL: [&str; 7] = [
    r#"insert into borrower (merchant, borrower_id, name, phone, email)
       select 'mall', 'b' || lpad(n::text, 8, '0'), 'Wang ' || n, '+86138' || lpad(n::text, 8, '0'),
           'b' || lpad(n::text, 8, '0') || '@example.com'
       from generate_series(0, $borrowers - 1) n"#,
    r#"insert into installment (
           merchant, installment_id, borrower_id, order_ref, product, sequence, of, currency, amount, paid_amount,
           due_date, status
       )
       select 'mall', 'i' || lpad(n::text, 8, '0') || '-' || k, 'b' || lpad(n::text, 8, '0'), 'A-' || n, 'Sofa', 3, 12,
           'CNY', 1280.50, 0, date '$due' - 30 * k, case k when 0 then 'open' else 'paid' end
       from generate_series(0, $borrowers - 1) n, generate_series(0, 1) k"#,
    r#"insert into reminder (
           merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at
       )
       select 'mall', 'b' || lpad((n % $borrowers)::text, 8, '0'), date '$due' - 30 * (n / $borrowers % 2)::int,
           'due-0/-' || (3 + n / $borrowers / 2), 'sms', 'schedule', t.at, t.at, t.at + interval '6 hours'
       from generate_series(0, $count - 1) n,
           lateral (select now() - interval '90 days' * ($count - n) / $count as at) t"#,
    r#"insert into event (reminder_id, at, attempt, kind, gateway)
       select r.id, r.not_before, 1, k.kind, 'sms'
       from reminder r, (values ('accepted'), ('delivered')) k (kind)
       order by r.id"#,
    r#"insert into click (at, reminder_id, route_key)
       select not_before, id, 'web' from reminder where id % 50 = 0"#,
    r#"insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state, gateway)
       select id, not_before, 1, 0, 'sms', 'unknown', 'sms' from reminder order by id desc limit 200"#,
    r#"insert into event (reminder_id, at, attempt, kind, gateway)
       select reminder_id, not_before, 1, 'unknown', 'sms' from queue"#,
];

/// The time that each page takes, from the request to the last byte.
pub(crate) async fn pages(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let url = server.database("bench_desk").await?;
    let world = World::new(Some(url.clone()), 1, 1)?;
    let config = world.config();
    let binary = world.binary(&config);
    binary.run(&["migrate"]).await?;
    let mut connection = connect(&url).await?;
    let borrowers = sizes.large_outbox / 10;
    for statement in [UNENCRYPTED].iter().chain(&FILL) {
        let text = statement
            .replace("$borrowers", &borrowers.to_string())
            .replace("$count", &sizes.large_outbox.to_string())
            .replace("$due", &world.due_date()?.to_string());
        connection.execute(AssertSqlSafe(text)).await?;
    }
    binary.run(&["migrate"]).await?;
    connection.execute("vacuum analyze").await?;
    connection.execute("checkpoint").await?;
    let desk = Desk::open(&world).await?;
    let (step, due) = (borrowers / BORROWERS, world.due_date()?);
    let mut looks = Looks::default();
    for number in 0..BORROWERS {
        let number = number * step;
        let found = looks.search.time(desk.find(&format!("138{number:08}"))).await?;
        if found.status() != StatusCode::SEE_OTHER {
            return Err(format!("the search for borrower {number} answers {}", found.status()).into());
        }
        let page = looks.borrower.time(desk.get(&desk.location(&found)?)).await?;
        for text in ["Wang", "took it over", "What comes next"] {
            if !page.contains(text) {
                return Err(format!("{text} is not on the page of borrower {number}").into());
            }
        }
        looks.name.time(desk.find(&format!("wang {number}"))).await?;
        looks.tail.time(desk.find(&format!("{:04}", number % 10_000))).await?;
        let preview = format!("{}/preview?channel=sms&due_date={due}", desk.location(&found)?);
        looks.preview.time(desk.get(&preview)).await?;
    }
    for (what, times) in looks.all() {
        judge(report, what, &times.0);
    }
    for page in ["queues", "figures", "routes", "gateways", "audit"] {
        let mut times = Times::default();
        for _ in 0..TIMES {
            times.time(desk.get(&format!("/console/{page}"))).await?;
        }
        judge(report, page, &times.0);
    }
    let mut times = Times::default();
    times.time(desk.get("/console/funnel")).await?;
    report.add("desk", "the funnel of a day, once", times.0.first().copied().unwrap_or_default() * 1000.0, "ms");
    Ok(())
}

fn judge(report: &mut Report, what: &str, seconds: &[f64]) {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let p95 = sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(f64::NAN);
    report.judge("desk", format!("{what}, 95 of 100 within"), p95 * 1000.0, "ms", AtMost(200.0));
}

#[derive(Default)]
struct Looks {
    search: Times,
    name: Times,
    tail: Times,
    borrower: Times,
    preview: Times,
}

impl Looks {
    fn all(&self) -> [(&'static str, &Times); 5] {
        [
            ("search by phone", &self.search),
            ("search by name", &self.name),
            ("search by the end of a phone", &self.tail),
            ("page of a borrower", &self.borrower),
            ("preview of a resend", &self.preview),
        ]
    }
}

#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    async fn time<T>(&mut self, answer: impl Future<Output = Anyhow<T>>) -> Anyhow<T> {
        let begun = SystemClock.elapsed();
        let answer = answer.await?;
        self.0.push((SystemClock.elapsed() - begun).as_secs_f64());
        Ok(answer)
    }
}

/// A daemon that serves the console, and a person who is logged in.
struct Desk {
    daemon: Child,
    base: String,
    client: Client,
    cookies: BTreeMap<String, String>,
    csrf: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        _ = ask_to_stop(&self.daemon);
        _ = self.daemon.wait();
    }
}

impl Desk {
    async fn open(world: &World) -> Anyhow<Self> {
        let config = world.config();
        let binary = world.binary(&config);
        let user = ["user", "add", "li", "--role", "admin", "--merchant", "mall", "--actor", "bench"];
        let mut add = binary.command(&user).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        std::io::Write::write_all(&mut add.stdin.take().ok_or("no input")?, PASSWORD.as_bytes())?;
        if !add.wait()?.success() {
            return Err("the user was not added".into());
        }
        // Free a moment ago; a benchmark may take its chance.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let daemon = binary
            .command(&["run", "--roles", "console"])
            .env("DUEHERALD__CONSOLE__ENABLED", "true")
            .env("DUEHERALD__CONSOLE__LISTEN", format!("127.0.0.1:{port}"))
            .env("DUEHERALD__CONSOLE__URL", format!("http://127.0.0.1:{port}"))
            .env("DUEHERALD__CONSOLE__REQUESTS_PER_MINUTE", "60000")
            .spawn()?;
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.tls_backend_preconfigured(crate::bare::no_trust()?).build()?;
        let base = format!("http://127.0.0.1:{port}");
        let mut desk = Self { daemon, base, client, cookies: BTreeMap::new(), csrf: String::new() };
        desk.log_in().await?;
        Ok(desk)
    }

    async fn log_in(&mut self) -> Anyhow<()> {
        let form = loop {
            match self.client.get(format!("{}/console/login", self.base)).send().await {
                Ok(form) => break form,
                Err(_) if self.daemon.try_wait()?.is_none() => SystemClock.sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(error.into()),
            }
        };
        self.take_cookies(&form);
        self.csrf = csrf(&form.text().await?)?;
        let entered = self.post("/console/login", &[("name", "li"), ("password", PASSWORD)]).await?;
        self.take_cookies(&entered);
        if entered.status() != StatusCode::SEE_OTHER {
            return Err(format!("the login answers {}", entered.status()).into());
        }
        self.csrf = csrf(&self.get("/console").await?)?;
        Ok(())
    }

    fn take_cookies(&mut self, answer: &Response) {
        let lines = answer.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.filter_map(|line| line.split(';').next()?.split_once('='));
        self.cookies.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    fn cookies(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    async fn get(&self, path: &str) -> Anyhow<String> {
        let answer = self.client.get(format!("{}{path}", self.base)).header(COOKIE, self.cookies()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status == StatusCode::OK { Ok(text) } else { Err(format!("{path} answers {status}").into()) }
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Anyhow<Response> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).append_pair("csrf", &self.csrf).finish();
        let request = self.client.post(format!("{}{path}", self.base)).header(COOKIE, self.cookies());
        let request = request.header(ORIGIN, &self.base).header("content-type", "application/x-www-form-urlencoded");
        Ok(request.body(body).send().await?)
    }

    async fn find(&self, text: &str) -> Anyhow<Response> {
        self.post("/console/find", &[("text", text)]).await
    }

    fn location(&self, answer: &Response) -> Anyhow<String> {
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        Ok(location.ok_or("it leads nowhere")?.to_owned())
    }
}

fn csrf(page: &str) -> Anyhow<String> {
    let after = page.split("name=\"csrf\" value=\"").nth(1).ok_or("the page has no form")?;
    Ok(after.split('"').next().unwrap_or_default().to_owned())
}
