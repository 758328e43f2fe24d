//! Forecasts must come true: small worlds drawn by a seed, predicted by `forecast` and `explain`, and then simulated,
//! hour by hour, by scans and lanes over SQLite.
//!
//! `FORETOLD_SEED=17 cargo test --test it -- foretold::` plays one of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SimClock};
use dueherald::config::Config;
use dueherald::domain::{
    Address, BorrowerId, Channel, EmailAddress, EventKind, Phone, Step, Suppression, SuppressionReason,
};
use dueherald::pipeline::{ExplainRequest, ScanScope, drain, explain, plan_start, scan};
use dueherald::plan::Span;
use dueherald::store::ReminderFilter;
use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use crate::commands::{Desk, write_private};
use crate::fixtures::{at, day};

/// Half past midnight in Shanghai.
const START: &str = "2026-12-01T00:30:00+08:00";
const DAYS: u64 = 7;
const BORROWERS: u32 = 6;

const FIXED: &str = r#"
[database]
url = "sqlite:dueherald.db"
[schedule]
cron = "*/15 * * * *"
time_zone = "Asia/Shanghai"
[merchants.mall]
name = "示例商城"
app_name = "示例金融"
locale = "zh-CN"
time_zone = "Asia/Shanghai"
country = "CN"
jurisdiction = "cn"
link_base = "https://mall.example.com/"
support = { phone = "400-000-0000" }
[routes.mall-web]
merchant = "mall"
kind = "web"
url = "https://pay.mall.example.com/bill"
[channels.sms]
gateways = ["capture-sms"]
[channels.email]
gateways = ["capture-email"]
[gateways.capture-sms]
kind = "capture"
channel = "sms"
[gateways.capture-email]
kind = "capture"
channel = "email"
[[links.keys]]
id = 1
key = "0123456789abcdef0123456789abcdef"
"#;

fn of<'t>(rng: &mut Rng, texts: &[&'t str]) -> &'t str {
    texts[rng.usize(..texts.len())]
}

fn rule(rng: &mut Rng, number: usize) -> String {
    let offsets = of(rng, &["[-3]", "[-3, -1]", "[0]", "[-7]", "[-2]", "[-1, 0, 1]", "[-7, -3, -1, 0, 1, 3]"]);
    let time = of(rng, &["08:30", "10:00", "10:00", "10:00", "15:00"]);
    let mode = of(rng, &["mode = \"all\"", "mode = \"all\"", "mode = \"first_available\"", FALLBACK]);
    let orders = [r#"["sms", "email"]"#, r#"["email", "sms"]"#, r#"["sms"]"#, r#"["email"]"#];
    let order = of(rng, &orders[..if mode == FALLBACK { 2 } else { 4 }]);
    let priority = of(rng, &["", "", "priority = 5\n", "priority = -5\n"]);
    let digest = of(rng, &["", "", "", "digest = \"2d\"\n"]);
    let products = of(rng, &["", "", "products = [\"sofa\"]\n"]);
    let holiday = of(rng, &["", "", "on_holiday = \"next_working_day\"\n"]);
    format!(
        "[[rules]]\nname = \"r{number}\"\noffsets = {offsets}\nat = \"{time}\"\nchannels = {{ {mode}, order = {order} \
         }}\n{priority}{digest}{products}{holiday}"
    )
}

/// It falls back too late to be of use: the forecast leaves fallbacks out.
const FALLBACK: &str = "mode = \"fallback\", after = \"20h\"";

fn config(rng: &mut Rng) -> String {
    let caps = [
        "",
        "per_day = 1\n",
        "per_day = 1\n",
        "per_day = 2\n",
        "per_7_days = 1\n",
        "per_7_days = 3\n",
        "per_day = 2\nper_7_days = 3\n",
        "per_day = 2\nsms = { per_day = 1 }\n",
        "per_7_days = 4\nemail = { per_7_days = 1 }\n",
    ];
    let caps = of(rng, &caps);
    let caps = if caps.is_empty() { String::new() } else { format!("[caps]\n{caps}") };
    let matching = of(rng, &["all", "all", "first"]);
    let rules: String = (0..rng.usize(1..=4)).map(|number| rule(rng, number)).collect();
    let schedule = format!("[schedule]\nrules_match = \"{matching}\"");
    format!("{rules}{caps}{}", FIXED.replace("[schedule]", &schedule))
}

/// A ledger, and the addresses in it that must not be contacted.
fn ledger(rng: &mut Rng) -> (String, Vec<Address>) {
    let mut rows =
        "merchant,borrower_id,installment_id,amount,currency,due_date,phone,email,product,status,preferred_channel\n"
            .to_owned();
    let mut suppressed = Vec::new();
    for who in 0..BORROWERS {
        let (mobile, mail) = (format!("+861380013800{who}"), format!("b{who}@example.com"));
        let phone = of(rng, &["mobile", "mobile", "mobile", "+861065529988", ""]).replace("mobile", &mobile);
        let email = of(rng, &["mail", "mail", "mail", ""]).replace("mail", &mail);
        if rng.u8(..5) == 0 && phone == mobile {
            suppressed.push(Address::Phone(Phone::new(&mobile).expect("a number")));
        }
        if rng.u8(..6) == 0 && !email.is_empty() {
            suppressed.push(Address::Email(EmailAddress::new(&mail).expect("an address")));
        }
        let preferred = of(rng, &["", "", "", "sms", "email"]);
        for number in 0..rng.u32(1..=4) {
            let due = day("2026-12-01") + Days::new(rng.u64(..11));
            let product = of(rng, &["sofa", "table", ""]);
            let status = of(rng, &["open", "open", "open", "open", "paid"]);
            rows += &format!(
                "mall,B{who},I{who}-{number},12.50,CNY,{due},{phone},{email},{product},{status},{preferred}\n"
            );
        }
    }
    (rows, suppressed)
}

/// A message: due date, step, channel and borrower.
type Message = (NaiveDate, String, Channel, String);

struct World {
    desk: Desk,
    app: App,
    clock: SimClock,
    /// In which order the lanes run.
    reversed: bool,
}

impl World {
    async fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let desk = Desk::new(None);
        write_private(&desk.path("dueherald.toml"), &config(&mut rng));
        let (rows, suppressed) = ledger(&mut rng);
        std::fs::write(desk.path("rows.csv"), rows).expect("written");
        desk.run(&["migrate"]).went_well();
        desk.run(&["import", "rows.csv"]).went_well();
        let clock = SimClock::at(at(START));
        let config = Config::load_file(&desk.path("dueherald.toml")).expect("a sound config");
        let app = App::start(config, &Time::Rehearsal(clock.clone())).await.expect("it starts");
        let suppressed = suppressed.into_iter().map(|address| Suppression {
            merchant: None,
            address: address.into(),
            reason: SuppressionReason::OptedOut,
            source: "test".into(),
            since: at(START),
            until: None,
        });
        app.store.suppress(&suppressed.collect::<Vec<_>>(), None).await.expect("suppressed");
        Self { desk, app, clock, reversed: rng.bool() }
    }

    /// By day and channel, how many `forecast` says are sent; and by day and reason, skipped.
    fn forecast(&self) -> BTreeMap<(String, String), u64> {
        let days = DAYS.to_string();
        let told = self.desk.run(&["forecast", "--at", START, "--days", &days, "--format", "json"]).went_well();
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        let mut all = BTreeMap::new();
        for one in told["days"].as_array().expect("a list") {
            let date = one["date"].as_str().expect("a date").to_owned();
            for channel in ["sms", "email"] {
                all.insert((date.clone(), channel.to_owned()), one[channel].as_u64().expect("a number"));
            }
            for (reason, count) in one["skipped"].as_object().expect("reasons") {
                all.insert((date.clone(), reason.clone()), count.as_u64().expect("a number"));
            }
        }
        all.retain(|_, count| *count > 0);
        all
    }

    /// The predictions of `explain`: the messages that are certain, and those that may follow after a deferral.
    async fn promised(&self) -> (BTreeSet<Message>, BTreeSet<Message>) {
        let order = self.app.scan_order(at(START), ScanScope::Aside);
        let start = plan_start(&*self.app.store, &order).await.expect("it is read");
        let gates = self.app.gates().await.expect("they are read");
        let (mut sent, mut put_off) = (BTreeSet::new(), BTreeSet::new());
        for who in 0..BORROWERS {
            let borrower: BorrowerId = format!("B{who}").parse().expect("an id");
            let request = ExplainRequest { borrower, merchant: None, date: None };
            let scans = Span { horizon: order.horizon, start };
            let told = explain(&*self.app.store, &self.app.policy, &gates, &request, scans).await.expect("explained");
            for due in told.due_dates {
                for step in due.rules.iter().flat_map(|rule| &rule.steps) {
                    let (Some(key), Some(answer)) = (&step.key, &step.answer) else { continue };
                    let message = (key.due_date, key.step.to_string(), key.channel, key.borrower.id.to_string());
                    match answer.decision {
                        "send" if is_within(answer.at) => drop(sent.insert(message)),
                        "defer" => drop(put_off.insert(message)),
                        _ => {}
                    }
                }
            }
        }
        (sent, put_off)
    }

    /// Lives through the days.
    async fn live(&self) {
        let mut lanes = self.app.lanes(&self.app.dispatcher());
        if self.reversed {
            lanes.reverse();
        }
        for half_hour in 0..DAYS * 48 - 1 {
            let now = at(START) + TimeDelta::minutes(30) * i32::try_from(half_hour).expect("few");
            self.clock.advance((now - self.clock.now()).to_std().unwrap_or_default());
            if half_hour % 8 == 0 {
                let order = self.app.scan_order(now, ScanScope::News);
                scan(&*self.app.store, &self.app.policy, &order).await.expect("scanned");
            }
            drain(&lanes, &CancellationToken::new()).await.expect("dispatched");
        }
    }

    /// The messages that were sent, and the outcomes counted by day and channel or reason.
    async fn happened(&self) -> (BTreeSet<Message>, BTreeMap<(String, String), u64>) {
        let filter = ReminderFilter { limit: 10_000, ..ReminderFilter::default() };
        let (mut sent, mut counts) = (BTreeSet::new(), BTreeMap::new());
        for view in self.app.store.reminders(&filter).await.expect("listed") {
            let Some(last) = view.last else { continue };
            let key = view.reminder.plan.key;
            let what = match last.kind {
                EventKind::Accepted => key.channel.to_string(),
                EventKind::Skipped => last.detail.unwrap_or_default(),
                _ => continue,
            };
            let date = last.at.with_timezone(&chrono_tz::Asia::Shanghai).date_naive().to_string();
            *counts.entry((date, what)).or_default() += 1;
            if last.kind == EventKind::Accepted {
                assert!(matches!(key.step, Step::Rule { .. }));
                sent.insert((key.due_date, key.step.to_string(), key.channel, key.borrower.id.to_string()));
            }
        }
        (sent, counts)
    }
}

fn is_within(instant: DateTime<Utc>) -> bool {
    instant < at("2026-12-08T00:00:00+08:00")
}

async fn play(seed: u64) -> Result<usize, String> {
    let world = World::of(seed).await;
    let (forecast, (promised, put_off)) = (world.forecast(), world.promised().await);
    world.live().await;
    let (sent, happened) = world.happened().await;
    let wrong = |what: &str, foretold: String, lived: String| {
        let config = std::fs::read_to_string(world.desk.path("dueherald.toml")).unwrap_or_default();
        let rows = std::fs::read_to_string(world.desk.path("rows.csv")).unwrap_or_default();
        let config = config.split("[database]").next().unwrap_or_default().to_owned()
            + if config.contains("\"first\"") { "first" } else { "all" };
        format!("seed {seed}: {what}\nforetold {foretold}\nhappened {lived}\n{config}\n{rows}")
    };
    if forecast != happened {
        let only = |one: &BTreeMap<(String, String), u64>, other: &BTreeMap<(String, String), u64>| {
            format!("{:?}", one.iter().filter(|(key, count)| other.get(*key) != Some(*count)).collect::<Vec<_>>())
        };
        return Err(wrong("the forecast", only(&forecast, &happened), only(&happened, &forecast)));
    }
    let broken: Vec<_> = promised.difference(&sent).collect();
    let unforeseen: Vec<_> = sent.difference(&promised).filter(|one| !put_off.contains(*one)).collect();
    if !broken.is_empty() || !unforeseen.is_empty() {
        return Err(wrong("explain", format!("only {broken:?}"), format!("only {unforeseen:?}")));
    }
    Ok(sent.len())
}

#[tokio::test]
async fn what_is_foretold_happens() {
    let one = std::env::var("FORETOLD_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let most = std::env::var("FORETOLD_SEEDS").ok().and_then(|most| most.parse::<u64>().ok()).unwrap_or(10);
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for seed in one.map_or(0..most, |seed| seed..seed + 1) {
        match play(seed).await {
            Ok(count) => sent += count,
            Err(told) => wrong.push(told),
        }
    }
    assert!(wrong.is_empty(), "{} worlds went otherwise\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(sent > 0, "nothing happened");
}
