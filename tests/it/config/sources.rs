//! `[[sources]]`.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::cli::check;
use dueherald::clock::{Clock, SystemClock};
use dueherald::config::{DatabaseSource, Source, SourceKind};
use dueherald::domain::AmountUnit;
use dueherald::source::sql::Dialect;
use secrecy::ExposeSecret;

use super::{SAMPLE, SOUND, load, told};

const SOURCES: &str = r#"
[[sources]]
name = "core"
kind = "sql"
url = { env = "CORE_URL" }
merchant = "mall"
cron = "*/5 * * * *"
time_zone = "Asia/Shanghai"
page = 500
overlap = "10m"
max_ledger_age = "2h"
query = """
select id as installment_id from t
where u >= :after and (u > :after or id > :after_key) order by u, id limit :limit
"""

[[sources]]
name = "payments"
kind = "sql"
url = "sqlite:lending.db"
cron = "@hourly"
query = "select :after, :after_key, :limit"
amount_unit = "minor"
"#;

const URL: (&str, &str) = ("CORE_URL", "mysql://reader:s3cret@db.example.com/lending?ssl-mode=VERIFY_IDENTITY");

fn database(source: &Source) -> &DatabaseSource {
    let SourceKind::Sql(source) = &source.kind else { panic!("it is of kind sql") };
    source
}

#[tokio::test]
async fn a_source_is_what_is_written_and_its_url_is_a_secret() {
    let text = format!("{SOUND}{}", SOURCES.replace("@hourly", "0 * * * *"));
    let config = load(&text, &[URL]).expect("it is sound");
    let [core, payments] = config.sources.as_slice() else { panic!("there are two") };
    assert_eq!((core.max_ledger_age, payments.max_ledger_age), (Some(TimeDelta::hours(2)), None));
    assert_eq!((core.amount_unit, payments.amount_unit), (None, Some(AmountUnit::Minor)));
    let (core, payments) = (database(core), database(payments));
    assert_eq!(payments.settings.amount_unit, Some(AmountUnit::Minor));
    assert_eq!(core.settings.dialect, Dialect::MySql);
    assert_eq!((core.settings.page, core.settings.zone), (500, Some(chrono_tz::Asia::Shanghai)));
    assert_eq!((core.overlap, payments.overlap), (TimeDelta::minutes(10), TimeDelta::minutes(5)));
    assert_eq!(payments.settings.url.expose_secret(), "sqlite:conf/lending.db", "from the folder of the config");
    assert!(!format!("{config:?}").contains("s3cret"));

    let mut out = Vec::new();
    check::run(&config, None, SystemClock.now(), None, &mut out).await.expect("it can be written");
    let shown = String::from_utf8(out).expect("UTF-8");
    let sources = shown.split("\n\n").find(|part| part.starts_with("Sources")).expect("they are shown");
    insta::assert_snapshot!(sources, @"
    Sources
      core: MySQL at db.example.com/lending, */5 * * * * in Asia/Shanghai, pages of 500, read again from 10m before; \
      nothing is sent when it was not pulled for 2h
      payments: SQLite in conf/lending.db, 0 * * * * in Asia/Shanghai, pages of 1000, read again from 5m before; \
      reminders go out however old it is
    ");
}

#[test]
fn a_source_whose_payments_are_elsewhere_overrules_none() {
    let sources =
        SOURCES.replace("@hourly", "0 * * * *").replace("amount_unit = \"minor\"", "payments = \"elsewhere\"");
    let config = load(&format!("{SOUND}{sources}"), &[URL]).expect("it is sound");
    let telling = config.sources.iter().map(Source::tells_of_payments);
    assert_eq!(telling.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_source_shows_all_its_mistakes() {
    let text = format!("{SOUND}{}", SOURCES)
        .replace("merchant = \"mall\"\ncron", "merchant = \"mal\"\ncron")
        .replace(":after_key) order", ":after_ky) order")
        .replace("page = 500", "page = 0")
        .replace("max_ledger_age = \"2h\"", "max_ledger_age = \"2 hours\"")
        .replace("name = \"payments\"", "name = \"core\"")
        .replace("sqlite:lending.db", "oracle://s3cret@db");
    let told = told(&text, &[URL]);
    insta::assert_snapshot!(told, @r#"
    conf/dueherald.toml:81: sources[core].merchant: there is no merchant "mal"; did you mean "mall"?
    conf/dueherald.toml:84: sources[core].page: is out of range; write a whole number from 1 to 100000
    conf/dueherald.toml:86: sources[core].max_ledger_age: "2 hours" is no duration; write a whole number and ms, s, m, h or d, for example "90s", "15m", "12h" or "2d"
    conf/dueherald.toml:87: sources[core].query: has a parameter :after_ky that is not known; there are :after, :after_key and :limit
    conf/dueherald.toml:93: sources[core].name: is the name of another source too; choose another name
    conf/dueherald.toml:95: sources[core].url: is no address of a PostgreSQL, MySQL, MariaDB or SQLite database; write for example "postgres://reader@db.example.com/lending", "mysql://reader@db.example.com/lending" or "sqlite:lending.db"
    conf/dueherald.toml:96: sources[core].cron: has 1 fields; write five, minute hour day month weekday, for example "*/15 * * * *", or six with seconds before them
    "#);
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_query_must_page() {
    let text = format!("{SOUND}{}", SOURCES.replace("@hourly", "0 * * * *").replace("select :after, ", "select "));
    insta::assert_snapshot!(told(&text, &[URL]), @"conf/dueherald.toml:97: sources[payments].query: must read on from \
        a place and in pages; end it with: where updated_at >= :after and (updated_at > :after or KEY > :after_key) \
        order by updated_at, KEY limit :limit (it has no :after)");
}

/// A source with branches.
const BRANCHES: &str = r#"
[[sources]]
name = "core"
kind = "sql"
url = "sqlite:lending.db"
merchant = "mall"
cron = "*/5 * * * *"
statement_timeout = "10s"
freshness = "select max(at) from heartbeat;"

[[sources.branches]]
name = "rows"
query = "select :after, :after_key, :limit"

[[sources.branches]]
name = "loans"
query = "select :after, :after_key, :limit, 1"
"#;

#[test]
fn a_source_may_have_branches() {
    let config = load(&format!("{SOUND}{BRANCHES}"), &[]).expect("it is sound");
    let settings = &database(&config.sources[0]).settings;
    let names: Vec<_> = settings.branches.iter().map(|branch| branch.name.as_ref().expect("named").as_str()).collect();
    assert_eq!(names, ["rows", "loans"]);
    assert_eq!(settings.freshness.as_deref(), Some("select max(at) from heartbeat"));
    assert_eq!(settings.statement_timeout, Duration::from_secs(10));
    assert!(config.sources[0].asks_data_age());
}

#[test]
fn branches_show_all_their_mistakes() {
    let text = format!("{SOUND}{BRANCHES}")
        .replace("cron = \"*/5", "query = \"select :after\"\ncron = \"*/5")
        .replace("\"10s\"", "\"10ms\"")
        .replace("from heartbeat", "from heartbeat where at > :after")
        .replace("name = \"loans\"", "name = \"rows\"")
        .replace(":limit, 1", ":limt, 1");
    let all = told(&text, &[]);
    for mistake in [
        "sources[core].query: stands beside branches; write the query of each branch in its [[sources.branches]], or no \
         branches",
        "sources[core].statement_timeout: is out of range; write 100ms to 1h",
        "sources[core].freshness: has the parameter :after; it is asked without any",
        "sources[core].branches[rows].name: is the name of another branch too; choose another name",
        "sources[core].branches[rows].query: has a parameter :limt that is not known;",
    ] {
        assert!(all.contains(mistake), "no {mistake} in\n{all}");
    }
    assert_eq!(all.lines().count(), 5, "{all}");
    let text = format!("{SOUND}{}branches = []", BRANCHES.split("[[sources.branches]]").next().expect("a part"));
    let all = told(&text, &[]);
    assert!(
        all.ends_with("sources[core].branches: is empty; begin each branch with a line [[sources.branches]]"),
        "{all}"
    );
}

/// The source that the sample shows as comments is sound as well.
#[test]
fn the_example_of_the_sample_passes() {
    let example = SAMPLE.lines().skip_while(|line| *line != "# [[sources]]");
    let example = example.take_while(|line| !line.starts_with("# A query without")).map(|line| &line[2..]);
    let text = format!("{SAMPLE}\n{}", example.collect::<Vec<_>>().join("\n"));
    let config = load(&text, &[("CORE_URL", "postgres://reader@db/lending?sslmode=verify-full")]).expect("it is sound");
    assert_eq!(config.sources[0].max_ledger_age, Some(TimeDelta::hours(2)));
}

#[test]
fn durations_are_as_long_as_they_say() {
    let text = format!("{SOUND}{}", SOURCES.replace("@hourly", "0 * * * *").replace("\"10m\"", "\"1d\""));
    let config = load(&text, &[URL]).expect("it is sound");
    assert_eq!(database(&config.sources[0]).overlap.to_std(), Ok(Duration::from_secs(24 * 60 * 60)));
}

const PRESET: &str = r#"
[[sources]]
name = "core"
kind = "sql"
url = { env = "CORE_URL" }
merchant = "mall"
cron = "*/5 * * * *"
preset = "fineract"

[sources.options]
charged_off = "open"
open_statuses = [300]
"#;

#[test]
fn a_preset_takes_the_place_of_a_query() {
    let config = load(&format!("{SOUND}{PRESET}"), &[URL]).expect("it is sound");
    let core = database(&config.sources[0]);
    let names: Vec<_> =
        core.settings.branches.iter().map(|branch| branch.name.as_ref().map(ToString::to_string)).collect();
    assert_eq!(names, ["loan", "schedule", "client", "untouched"].map(|name| Some(name.to_owned())));
    let whole: Vec<_> = core.settings.branches.iter().map(|branch| branch.has_whole_orders).collect();
    assert_eq!(whole, [true, false, false, false]);
    let query = core.settings.branches[0].query.written();
    assert!(query.contains("not in (300) or") && query.contains("then 'open'\n"), "{query}");
    assert_eq!((core.settings.zone, core.overlap), (Some(chrono_tz::UTC), TimeDelta::minutes(15)));
    assert!(core.settings.freshness.is_some());

    let own = PRESET
        .replace("preset =", "freshness = \"select 1\"\noverlap = \"1h\"\ntime_zone = \"Asia/Shanghai\"\npreset =");
    let config = load(&format!("{SOUND}{own}"), &[URL]).expect("it is sound");
    let core = database(&config.sources[0]);
    assert_eq!((core.settings.zone, core.overlap), (Some(chrono_tz::Asia::Shanghai), TimeDelta::hours(1)));
    assert_eq!(core.settings.freshness.as_deref(), Some("select 1"));
}

#[test]
fn a_preset_shows_its_mistakes() {
    for (from, to, expected) in [
        ("\"fineract\"", "\"finract\"", "preset: \"finract\" is unknown; write \"fineract\", \"erpnext-lending\""),
        ("preset = ", "query = \"select 1\"\npreset = ", "query: stands beside preset"),
        ("\"fineract\"", "\"odoo\"", "options.charged_off: is no key of the config"),
        ("[300]", "[300, 300]", "options.open_statuses: names the same twice"),
        ("[300]", "[\"active\"]", "options.open_statuses: is text; write a whole number from 0 to"),
        (
            "\"open\"",
            "\"forgiven\"",
            "options.charged_off: \"forgiven\" is unknown; write \"written_off\", \"open\" or",
        ),
        ("preset = \"fineract\"", "preset = \"erpnext-lending\"", "time_zone"),
    ] {
        let text = format!("{SOUND}{}", PRESET.replacen(from, to, 1));
        let told = told(&text, &[URL]);
        assert!(told.contains(expected), "{to}: {told}");
    }
    let only_postgres =
        PRESET.replace("\"fineract\"", "\"odoo\"").replace("charged_off = \"open\"\nopen_statuses = [300]\n", "");
    let told = told(&format!("{SOUND}{only_postgres}"), &[URL]);
    let expected = "preset: is of a system that does not run on this database; give a url of PostgreSQL, or";
    assert!(told.contains(expected), "{told}");
}
