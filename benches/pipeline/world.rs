//! The environment of the measurements: a config, invented borrowers, and reminders that are due.

use std::fs;
use std::path::PathBuf;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use dueherald::clock::{Clock, SystemClock};
use dueherald::config::Config;
use dueherald::domain::Channel;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tempfile::TempDir;

use crate::Anyhow;
use crate::noon::where_it_is_noon;
use crate::process::Binary;

/// A folder with a config for one database.
pub(crate) struct World {
    folder: TempDir,
    database: String,
    /// Where it is about noon, so that contact hours hold nothing back whenever this runs.
    zone: Tz,
    smtp: u16,
    http: u16,
    /// How many rules say the same. Of one rule only the latest step is sent: what falls due together is of many.
    rules: u32,
    /// Whether the SMS gateway has a rate, and people have caps: neither so low that anything waits or is skipped.
    is_limited: bool,
}

/// E-mail connections, as in the targets.
pub(crate) const CONNECTIONS: usize = 16;
/// SMS calls in flight, as in the targets.
pub(crate) const IN_FLIGHT: usize = 64;

impl World {
    /// `database` as in `database.url`; SQLite if it is none. The ports are those of the sinks.
    pub(crate) fn new(database: Option<String>, smtp: u16, http: u16) -> Anyhow<Self> {
        let folder = tempfile::tempdir()?;
        let database = database.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("bench.db").display()));
        let zone = where_it_is_noon(SystemClock.now());
        let world = Self { folder, database, zone, smtp, http, rules: 1, is_limited: false };
        world.write_config(Channel::Sms, 0)?;
        Ok(world)
    }

    /// With as many rules as [`World::fill`] has reminders of.
    pub(crate) fn with_many_rules(self) -> Self {
        Self { rules: 100, ..self }
    }

    /// With a rate and caps that have to be looked after and keep nothing back.
    pub(crate) fn with_limits(self) -> Self {
        Self { is_limited: true, ..self }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("dueherald.toml")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the config, with rules that are for `channel`, numbered from `first`.
    pub(crate) fn write_config(&self, channel: Channel, first: u32) -> Anyhow<()> {
        let Self { database, zone, smtp, http, .. } = self;
        let rule = |number| {
            format!(
                r#"
[[rules]]
name = "due-{number}"
offsets = [-3]
at = "08:30"
channels = {{ mode = "all", order = ["{channel}"] }}
"#
            )
        };
        let rules: String = (first..first + self.rules).map(rule).collect();
        let (rate, caps) = match self.is_limited {
            true => {
                ("rate = { per_second = 100000, burst = 1000 }", "[caps]\nper_7_days = 1000\nacross_merchants = true")
            }
            false => ("", ""),
        };
        let encryption = if std::env::var_os(PLAIN).is_some() { "" } else { ENCRYPTION };
        let text = format!(
            r#"
[database]
url = "{database}"

[schedule]
cron = "*/15 * * * *"
time_zone = "{zone}"

[schedule.volume]
first_month = 1000000000

[log]
filter = "warn"

[http]
public = "127.0.0.1:0"
ops = "127.0.0.1:0"

[merchants.mall]
name = "Harbour Stores"
app_name = "Harbour Pay"
locale = "en"
time_zone = "{zone}"
country = "CN"
jurisdiction = "uk"
link_base = "https://pay.example.com"
support = {{ phone = "0800 000 000", email = "help@example.com" }}

[routes.web]
merchant = "mall"
kind = "web"
url = "https://pay.example.com/bill"

{rules}
[channels.sms]
gateways = ["sms"]

[channels.email]
gateways = ["mail"]

[gateways.mail]
kind = "smtp"
host = "127.0.0.1"
port = {smtp}
security = "none"
from = "Mall <repay@mall.example>"
max_connections = {CONNECTIONS}

[gateways.sms]
kind = "http"
url = "http://127.0.0.1:{http}/send"
method = "POST"
body = {{ json = {{ to = "{{{{ to }}}}", text = "{{{{ text }}}}", reference = "{{{{ reference }}}}" }} }}
accept = {{ status = 200, json = {{ pointer = "/code", equals = 0 }} }}
message_id = {{ pointer = "/id" }}
max_in_flight = {IN_FLIGHT}
{rate}

{caps}

{encryption}
[[links.keys]]
id = 1
key = "0123456789abcdef0123456789abcdef"
"#
        );
        fs::write(self.config(), text)?;
        // The file contains the link key.
        Ok(fs::set_permissions(self.config(), std::os::unix::fs::PermissionsExt::from_mode(0o600))?)
    }

    pub(crate) fn read_config(&self) -> Anyhow<Config> {
        Ok(Config::load_file(&self.config())?)
    }

    /// The local date on which everything is three days from being due.
    pub(crate) fn due_date(&self) -> Anyhow<NaiveDate> {
        Ok(SystemClock.now().with_timezone(&self.zone).date_naive() + TimeDelta::days(3))
    }

    /// Runs a command of the binary under this config.
    pub(crate) fn binary<'a>(&self, config: &'a PathBuf) -> Binary<'a> {
        Binary { config }
    }

    /// A file of instalments, each of a borrower of its own.
    pub(crate) fn write_installments(&self, count: u64) -> Anyhow<PathBuf> {
        let due = self.due_date()?;
        let mut text = format!("{}\n", COLUMNS.join(","));
        for number in 0..count {
            text += &format!(
                "mall,b{number:08},Li \
                 Lei,+86138{number:08},b{number:08}@example.com,,,,i{number:08},A-{number:08},Sofa,3,12,\
                 CNY,1280.50,0,{due},open,\n"
            );
        }
        let file = self.file("installments.csv");
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Puts `count` due reminders of one channel into an empty PostgreSQL, in bulk: one of each of many rules for each
    /// borrower.
    pub(crate) async fn fill(&self, connection: &mut PgConnection, channel: Channel, count: u64) -> Anyhow<()> {
        let (due, borrowers) = (self.due_date()?, count.div_ceil(100));
        for statement in [UNENCRYPTED, BORROWERS, INSTALLMENTS, REMINDERS, QUEUE] {
            let text = statement
                .replace("$borrowers", &borrowers.to_string())
                .replace("$count", &count.to_string())
                .replace("$due", &due.to_string())
                .replace("$channel", channel.as_str());
            connection.execute(AssertSqlSafe(text)).await?;
        }
        let config = self.config();
        self.binary(&config).run(&["migrate"]).await?;
        connection.execute("analyze").await?;
        Ok(())
    }
}

/// The columns of an import, in the order of the sample file, whose last (tags) is left out.
pub(crate) const COLUMNS: [&str; 19] = [
    "merchant",
    "borrower_id",
    "name",
    "phone",
    "email",
    "locale",
    "time_zone",
    "account_phone",
    "installment_id",
    "order_ref",
    "product",
    "sequence",
    "of",
    "currency",
    "amount",
    "paid_amount",
    "due_date",
    "status",
    "route",
];

/// With this in the environment nothing is encrypted, to see what encryption costs.
const PLAIN: &str = "DUEHERALD_BENCH_PLAIN";

/// As `dueherald init` has it.
const ENCRYPTION: &str = r#"
[encryption]
index_key = "0123456789abcdef0123456789abcdef"
[[encryption.keys]]
id = 1
key = "fedcba9876543210fedcba9876543210"
"#;

/// Lets borrowers be put in as plain text; `dueherald migrate` encrypts them.
pub(crate) const UNENCRYPTED: &str = r#"
    delete from encryption;
    alter table borrower drop constraint encryption;
    alter table borrower add constraint encryption check (sealed is null)"#;

const BORROWERS: &str = r#"
    insert into borrower (merchant, borrower_id, name, phone, email)
    select 'mall', 'b' || lpad(n::text, 8, '0'), 'Li Lei', '+86138' || lpad(n::text, 8, '0'),
        'b' || lpad(n::text, 8, '0') || '@example.com'
    from generate_series(0, $borrowers) n"#;

const INSTALLMENTS: &str = r#"
    insert into installment (
        merchant, installment_id, borrower_id, order_ref, product, sequence, of, currency, amount, paid_amount, due_date, status
    )
    select 'mall', 'i' || lpad(n::text, 8, '0'), 'b' || lpad(n::text, 8, '0'), 'A-1001', 'Sofa', 3, 12, 'CNY', 1280.50, 0,
        '$due', 'open'
    from generate_series(0, $borrowers) n"#;

const REMINDERS: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at
    )
    select 'mall', 'b' || lpad((n / 100)::text, 8, '0'), '$due', 'due-' || n % 100 || '/-3', '$channel', 'schedule', now(),
        now() - interval '1 hour' + n * interval '10 us', now() + interval '6 hours'
    from generate_series(0, $count - 1) n"#;

const QUEUE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
    select id, not_before, 0, 0, channel, 'planned' from reminder order by id"#;
