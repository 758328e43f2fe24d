//! Reading valid configs, and the messages about mistakes.

mod api;
mod calendars;
mod gateways;
mod jurisdictions;
mod own_gateways;
mod probes;
mod routes;
mod sending;
mod sources;
mod webhooks;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::NaiveDate;
use dueherald::cli::check::{self, CheckResult, CheckedEndpoint};
use dueherald::cli::init;
use dueherald::clock::SystemClock;
use dueherald::config::{Config, DatabaseUrl, GatewayConfig, Inputs};
use dueherald::domain::{Channel, Currency, GatewayName, Jurisdiction, Money};
use rstest::rstest;
use secrecy::ExposeSecret;

const SAMPLE: &str = include_str!("../../deploy/config/dueherald.toml");

/// A small config without mistakes: tests change it, so that a new comment in the sample moves no line here.
const SOUND: &str = include_str!("config/sound.toml");

pub(crate) fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment: BTreeMap<_, _> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let read_file = |path: &Path| match path.to_str() {
        Some("conf/link.key" | "conf/encryption.key" | "conf/index.key") => {
            Ok("0123456789abcdef0123456789abcdef\n".to_owned())
        }
        Some("conf/short.key" | "conf/kannel.password") => Ok("s3cret".to_owned()),
        Some("conf/holidays.ics") => Ok(include_str!("config/holidays.ics").to_owned()),
        Some("conf/broken.ics") => Ok(include_str!("config/broken.ics").to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let file = Path::new("conf/dueherald.toml");
    Config::load(&Inputs { file, text, environment: &environment, read_file: &read_file, exposure: &|_| None })
        .map_err(|error| error.to_string())
}

/// The sound config with some of its text changed.
pub(crate) fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SOUND.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "how often {from:?} is there");
        text.replacen(from, to, 1)
    })
}

fn told(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).map(|_| ()).expect_err("a mistaken config was taken")
}

#[test]
fn the_sample_passes() {
    load(SAMPLE, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
}

#[test]
fn three_mistakes_in_three_sections_all_show() {
    let text = changed(&[
        ("*/15 * * * *\"\ntime_zone = \"Asia/Shanghai", "*/15 * * * *\"\ntime_zone = \"Asia/Peking"),
        ("kind = \"app\"", "kind = \"ap\""),
        ("offsets = [0]", "offset = [0]"),
    ]);
    insta::assert_snapshot!(told(&text, &[]), @r#"
    conf/dueherald.toml:6: schedule.time_zone: "Asia/Peking" is no time zone of the IANA data; write a place, such as Asia/Shanghai
    conf/dueherald.toml:35: routes.mall-app.kind: "ap" is unknown; write "web", "app" or "support"
    conf/dueherald.toml:51: rules[due-today].offset: is no key of the config; did you mean offsets?
    "#);
}

#[test]
fn three_mistakes_in_one_section_all_show() {
    let text = changed(&[
        ("country = \"CN\"", "country = \"China\""),
        ("\"zh-CN\"\ntime_zone", "\"Chinese\"\ntimezone"),
        ("app_name = \"示例金融\"\n", ""),
        ("link_base = \"https://mall", "link_base = \"https://me:pw@mall"),
    ]);
    insta::assert_snapshot!(told(&text, &[]), @r#"
    conf/dueherald.toml:8: merchants.mall.app_name: is missing; write for example app_name = "示例金融"
    conf/dueherald.toml:10: merchants.mall.locale: "Chinese" is not a language tag such as zh-CN or en; write for example "zh-CN"
    conf/dueherald.toml:11: merchants.mall.timezone: is no key of the config; did you mean time_zone?
    conf/dueherald.toml:12: merchants.mall.country: "China" is no country code of two letters by ISO 3166; write for example "CN"
    conf/dueherald.toml:14: merchants.mall.link_base: names a user or a password, which must not be part of an address; remove the part before the @
    "#);
}

#[test]
fn what_is_no_toml_shows_once_per_section() {
    let text = changed(&[
        ("name = \"示例商城\"", "name = \"示例商城"),
        ("offsets = [-3, -1]", "offsets = [-3, -1"),
        ("[templates]", "[templates"),
    ]);
    insta::assert_snapshot!(told(&text, &[]), @r#"
    conf/dueherald.toml:9:13: is no TOML: invalid basic string, expected `"`
    conf/dueherald.toml:46:1: is no TOML: missing comma between array elements, expected `,`
    conf/dueherald.toml:74:11: is no TOML: unclosed table, expected `]`
    "#);
    insta::assert_snapshot!(told(&changed(&[("[templates]", "[schedule]")]), &[]), @r#"conf/dueherald.toml:74:2: is no TOML: duplicate key"#);
}

#[test]
fn an_empty_file_is_told_what_it_needs() {
    insta::assert_snapshot!(told("", &[]), @r#"
    conf/dueherald.toml: database.url: is missing; write for example url = "sqlite:dueherald.db"
    conf/dueherald.toml: links.keys: is missing; write [[links.keys]] with id = 1 and key = { file = "link.key" }
    conf/dueherald.toml: merchants: is missing; write a section for each brand, for example [merchants.mall]
    conf/dueherald.toml: rules: is missing; begin at least one rule with a line [[rules]]
    conf/dueherald.toml: schedule.cron: is missing; write for example cron = "*/15 * * * *"
    conf/dueherald.toml: schedule.time_zone: is missing; write for example time_zone = "Asia/Shanghai"
    "#);
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let environment = [
        ("DUEHERALD__", "x"),
        ("DUEHERALD__DATABASE__MAX_CONNECTION", "4"),
        ("DUEHERALD__DATABASE__URL", "mysql://user:s3cret@host/db"),
        ("DUEHERALD__DATABSE__URL", "x"),
        ("DUEHERALD__HTTP__PUBLIC__PORT", "5"),
        ("DUEHERALD__RULES__DUE_SON__AT", "9:00"),
        ("DUEHERALD__RULES__DUE_SOON__AT", "25:00"),
        // Kubernetes sets the like for a service of that name.
        ("DUEHERALD_PORT", "tcp://10.0.0.1:80"),
    ];
    insta::assert_snapshot!(told(SOUND, &environment), @r#"
    DUEHERALD__: names no key; write DUEHERALD__SECTION__KEY
    DUEHERALD__DATABASE__MAX_CONNECTION: database.max_connection: is no key of the config; did you mean DUEHERALD__DATABASE__MAX_CONNECTIONS?
    DUEHERALD__DATABASE__URL: database.url: is neither sqlite: nor postgres://; write for example "sqlite:dueherald.db" or "postgres://dueherald@127.0.0.1/dueherald"
    DUEHERALD__DATABSE__URL: databse: is no key of the config; did you mean DUEHERALD__DATABASE__…?
    DUEHERALD__HTTP__PUBLIC__PORT: http.public: is a table; write text in quotes
    DUEHERALD__RULES__DUE_SON__AT: finds no "DUE_SON" in rules; there is "DUE_SOON" or "DUE_TODAY"
    DUEHERALD__RULES__DUE_SOON__AT: rules[due-soon].at: "25:00" is no time of day; write for example "10:00"
    "#);
}

#[test]
fn the_environment_goes_before_the_file() {
    let text = changed(&[("at = \"10:00\"", "at = \"noon\"")]);
    let environment = [
        ("DUEHERALD__DATABASE__URL", "postgres://user:s3cret@host/db?sslmode=verify-full"),
        ("DUEHERALD__DATABASE__MAX_CONNECTIONS", "4"),
        ("DUEHERALD__RULES__DUE_SOON__AT", "09:30"),
        ("DUEHERALD__MERCHANTS__MALL__SUPPORT__PHONE", "95188"),
        ("DUEHERALD__CHANNELS__SMS__GATEWAYS", "[\"second\", \"capture-sms\"]"),
        ("DUEHERALD__GATEWAYS__SECOND__KIND", "capture"),
        ("DUEHERALD__GATEWAYS__SECOND__CHANNEL", "sms"),
    ];
    let config = load(&text, &environment).expect("the file's mistake is not read");
    assert_eq!(config.database.max_connections, 4);
    assert_eq!(config.policy.rules[0].at.earliest().to_string(), "09:30:00");
    assert_eq!(config.policy.merchants["mall"].support.phone.as_deref(), Some("95188"));
    let sms: Vec<_> = config.policy.gateways.shared(Channel::Sms).iter().map(GatewayName::as_str).collect();
    assert_eq!(sms, ["second", "capture-sms"]);
    let DatabaseUrl::Postgres { url } = &config.database.url else { panic!("it was set to PostgreSQL") };
    assert_eq!(url.expose_secret(), "postgres://user:s3cret@host/db?sslmode=verify-full");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn secrets_that_are_not_there_are_told_with_their_line_and_no_secret_is_ever_told() {
    let text = changed(&[
        ("link.key", "short.key"),
        ("url = \"sqlite:dueherald.db\"", "url = { env = \"DB_URL\" }"),
        ("\n\n[schedule]", "\nmax_connections = { env = \"SECRET\" }\n\n[schedule]"),
        ("[templates]", "[log]\nformat = { file = \"nowhere\" }\nfilter = { env = \"EMPTY\" }\n[templates]"),
        ("jurisdiction = \"cn\"", "jurisdiction = { env = \"SECRET\" }"),
    ]);
    let told = told(&text, &[("SECRET", "s3cret"), ("EMPTY", "")]);
    assert!(!told.contains("s3cret"), "{told}");
    let jurisdictions: Vec<_> = Jurisdiction::all().map(|one| format!("{:?}", one.code())).collect();
    let (last, others) = jurisdictions.split_last().expect("there are some");
    let told = told.replace(&format!("{} or {last}", others.join(", ")), "one that there is");
    insta::assert_snapshot!(told, @r#"
    conf/dueherald.toml:2: database.url: the environment variable DB_URL is not set; set it, or name another
    conf/dueherald.toml:3: database.max_connections: is no number; write a whole number from 1 to 500
    conf/dueherald.toml:15: merchants.mall.jurisdiction: the value is unknown; write one that there is
    conf/dueherald.toml:73: links.keys.key: is shorter than 32 bytes; make one with `openssl rand -hex 32`
    conf/dueherald.toml:76: log.format: the file conf/nowhere cannot be read (entity not found); make it, or name another
    conf/dueherald.toml:77: log.filter: the environment variable EMPTY is empty; set it
    "#);
}

#[test]
fn secrets_are_taken_from_variables_and_files() {
    let config = load(SOUND, &[]).expect("it is sound");
    assert_eq!(
        config.links.keys[0].secret.expose_secret(),
        "0123456789abcdef0123456789abcdef",
        "without the line break"
    );
    let text = format!(
        "{SOUND}{MAIL}port = {{ env = \"PORT\" }}\ncredentials.password = {{ env = \"PASSWORD\" \
         }}\ncredentials.username = \"x\"\n"
    );
    // Digits are a number where one is wanted and text where that is wanted.
    let config = load(&text, &[("PORT", "2525"), ("PASSWORD", "12345")]).expect("digits are either");
    let GatewayConfig::Smtp(mail) = &config.gateways["mail"] else { panic!("it is a mail relay") };
    assert_eq!(mail.port, Some(2525));
    let account = &mail.credentials.as_ref().expect("there is one").all()[0];
    assert_eq!(account.password.all()[0].expose_secret(), "12345");
}

const MAIL: &str = "\n[gateways.mail]\nkind = \"smtp\"\nhost = \"mail.example.com\"\nfrom = \"no-reply@example.com\"\n";

#[test]
fn a_gateway_shows_all_its_mistakes() {
    let mail = r#"
[gateways.mail]
kind = "smtp"
hosst = "mail.example.com"
port = 70000
security = "ssl"
connect_timeout = 5
credentials = { username = 5, pass = { env = "PASSWORD" } }
max_connections = "s3cret"
"#;
    let told = told(&format!("{SOUND}{mail}"), &[("PASSWORD", "12345")]);
    insta::assert_snapshot!(told, @r#"
    conf/dueherald.toml:77: gateways.mail.from: is missing; write it
    conf/dueherald.toml:79: gateways.mail.hosst: is no key of the config; did you mean host?
    conf/dueherald.toml:80: gateways.mail.port: is not what is expected here; write a whole number from 0 to 65535
    conf/dueherald.toml:81: gateways.mail.security: is unknown; write "none", "starttls" or "tls"
    conf/dueherald.toml:82: gateways.mail.connect_timeout: is a whole number; write text in quotes
    conf/dueherald.toml:83: gateways.mail.credentials.pass: is no key of the config; here you can write "username" or "password"
    conf/dueherald.toml:83: gateways.mail.credentials.username: is a whole number; write text in quotes
    conf/dueherald.toml:84: gateways.mail.max_connections: is text; write a whole number, not negative
    "#);
    assert!(!told.contains("s3cret") && !told.contains("12345"), "{told}");
}

#[test]
fn a_gateway_shows_all_that_is_missing() {
    let mail = "\n[gateways.mail]\nkind = \"smtp\"\ncredentials = { username = \"x\" }\n[gateways.nothing]\n";
    insta::assert_snapshot!(told(&format!("{SOUND}{mail}"), &[]), @r#"
    conf/dueherald.toml:77: gateways.mail.from: is missing; write it
    conf/dueherald.toml:77: gateways.mail.host: is missing; write it
    conf/dueherald.toml:79: gateways.mail.credentials.password: is missing; write it
    conf/dueherald.toml:80: gateways.nothing.kind: is missing; write for example kind = "capture"
    "#);
}

#[test]
fn sections_have_to_fit_together() {
    let text = changed(&[
        ("\nat = \"10:00\"", "\nmerchants = [\"mal\"]\nat = \"ten\""),
        ("name = \"due-today\"", "name = \"manual\""),
        ("gateways = [\"capture-sms\"]", "gateways = [\"capture-email\", \"capture-smss\"]"),
        ("[channels.email]", "[channels.emial]"),
        ("{ email = \"help@harbour.example.com\" }", "{}"),
        ("[routes.harbour-web]\nmerchant = \"harbour\"", "[routes.harbour-web]\nmerchant = \"harbor\""),
        ("[templates]", "[http]\nops = \"127.0.0.1:8080\"\n[dispatch]\nlease = \"10s\"\n[templates]"),
        ("cron = \"*/15 * * * *\"", "cron = \"0 0 31 2 *\""),
    ]);
    insta::assert_snapshot!(told(&format!("{text}{MAIL}"), &[]), @r#"
    conf/dueherald.toml:5: schedule.cron: never comes: no year has such a day; write another day or month
    conf/dueherald.toml:26: merchants.harbour.support: names neither phone nor email, so borrowers could ask nobody; write for example phone = "95188"
    conf/dueherald.toml:39: routes.harbour-web.merchant: there is no merchant "harbor"; did you mean "harbour"?
    conf/dueherald.toml:46: rules[due-soon].merchants: there is no merchant "mal"; did you mean "mall"?
    conf/dueherald.toml:47: rules[due-soon].at: "ten" is no time of day; write for example "10:00"
    conf/dueherald.toml:48: rules[due-soon].channels: needs gateways for email; write [channels.email] with gateways = ["…"]
    conf/dueherald.toml:51: rules[manual].name: "manual" is what resends by hand are called; choose another name
    conf/dueherald.toml:54: rules[manual].channels: needs gateways for email; write [channels.email] with gateways = ["…"]
    conf/dueherald.toml:57: channels.sms.gateways: "capture-email" carries email, not sms; name another gateway
    conf/dueherald.toml:57: channels.sms.gateways: there is no gateway "capture-smss"; did you mean "capture-sms"?
    conf/dueherald.toml:59: channels.emial: is no channel; write "sms" or "email"
    conf/dueherald.toml:76: http.ops: is the address of http.public as well; choose another port, so that health and metrics are not public
    conf/dueherald.toml:78: dispatch.lease: is not longer than gateways.mail.connect_timeout (10s); write a longer lease or a shorter time-out
    "#);
}

#[rstest]
#[case::closed("closed = true")]
#[case::for_one_product("product = \"card\"")]
fn a_merchant_without_an_open_way_to_repay_is_refused(#[case] limit: &str) {
    let route = "[routes.harbour-web]";
    let told = told(&changed(&[(route, &format!("{route}\n{limit}"))]), &[]);
    assert!(told.contains(":18: merchants.harbour: has no open way to repay"), "{told}");
}

#[test]
fn paths_start_from_the_folder_of_the_config() {
    let config = load(SOUND, &[]).expect("it is sound");
    assert_eq!(config.templates.folder.as_deref(), Some(Path::new("conf/templates")));
    let DatabaseUrl::Sqlite { file } = &config.database.url else { panic!("it uses SQLite") };
    assert_eq!(file, Path::new("conf/dueherald.db"));
    let GatewayConfig::Capture(capture) = &config.gateways["capture-sms"] else { panic!("it captures") };
    assert_eq!(capture.folder.as_deref(), Some(Path::new("conf/captured")));
}

/// A default in a comment of the sample equals the value without it, so the sample cannot state a stale one.
#[test]
fn the_sample_tells_the_defaults() {
    let mut section = String::new();
    let mut text = String::new();
    for line in SAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        let is_default =
            ["database", "schedule", "http", "api", "dispatch", "dispatch.retry", "log"].contains(&section.as_str());
        let lateness = line.starts_with("# max_lateness = ");
        let setting = line.strip_prefix("# ").filter(|rest| rest.split(' ').nth(1) == Some("="));
        text += setting.filter(|_| is_default || lateness).unwrap_or(line);
        text += "\n";
    }
    assert!(text.matches("\n# ").count() < SAMPLE.matches("\n# ").count() - 9, "the defaults were found");
    let (told, left_out) = (load(&text, &[]).expect("defaults pass"), load(SAMPLE, &[]).expect("the sample passes"));
    assert_eq!(format!("{:?}", told.policy), format!("{:?}", left_out.policy));
    assert_eq!((told.http, told.dispatch, told.log), (left_out.http, left_out.dispatch, left_out.log));
    assert_eq!(told.api.listen, left_out.api.listen);
    assert_eq!(told.scans.horizon, left_out.scans.horizon);
    assert_eq!(told.scans.full_check.expression(), left_out.scans.full_check.expression());
    assert_eq!(told.database.max_connections, left_out.database.max_connections);
}

/// The gateways that the sample shows as comments are sound as well.
#[test]
fn the_examples_of_the_sample_pass() {
    let mut in_example = false;
    let uncommented = SAMPLE.lines().map(|line| {
        in_example = line.starts_with("# [gateways.") || (in_example && line.starts_with('#'));
        let setting =
            line.strip_prefix("# ").filter(|rest| in_example && (rest.starts_with('[') || rest.contains(" = ")));
        setting.unwrap_or(line).to_owned() + "\n"
    });
    // The key of RFC 8463, appendix A.2.
    let key = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let config = load(
        &uncommented.collect::<String>().replace("#   base = ", "base = "),
        &[
            ("SMTP_PASSWORD", "s3cret"),
            ("KANNEL_CALLBACK_SECRET", "abcdefghijklmnopqrstuvwxyz012345"),
            ("DKIM_KEY", key),
            ("ALIYUN_SECRET", "s3cret"),
            ("TENCENT_KEY", "s3cret"),
            ("TWILIO_TOKEN", "s3cret"),
        ],
    );
    let kinds: Vec<_> = match &config {
        Ok(config) => config.gateways.iter().map(|(name, gateway)| (name.as_str(), gateway.kind())).collect(),
        Err(told) => panic!("{told}"),
    };
    let captures = [("capture-email", "capture"), ("capture-sms", "capture")];
    let rest = [("kannel", "http"), ("mail", "smtp"), ("tencent", "tencent"), ("twilio", "twilio")];
    assert_eq!(kinds, [&[("aliyun", "aliyun")], &captures[..], &rest].concat());
}

#[test]
fn a_template_that_is_not_there_is_told_with_its_line() {
    let config =
        load(&changed(&[("offsets = [0]", "offsets = [0]\ntemplate = \"gentle\"")]), &[]).expect("the name is a name");
    assert!(config.check_templates(&|name| name.as_str() == "gentle").is_ok());
    let told = config.check_templates(&|_| false).expect_err("there is no such template").to_string();
    insta::assert_snapshot!(told, @r#"conf/dueherald.toml:52: rules[due-today].template: there is no template "gentle"; make its folder, or leave the key out"#);
    let later = config.mistake("gateways.capture-sms.nothing", "was refused".into()).to_string();
    insta::assert_snapshot!(later, @r#"conf/dueherald.toml:62: gateways.capture-sms.nothing: was refused"#);
}

async fn checked(config: &Config, ends: Option<Vec<CheckedEndpoint<'_>>>) -> (CheckResult, String) {
    let mut out = Vec::new();
    let now = "2026-11-22T19:01:00Z".parse().expect("it is a time");
    let checked = check::run(config, None, now, ends, &mut out).await.expect("memory can be written");
    (checked, String::from_utf8(out).expect("it is text"))
}

#[tokio::test]
async fn a_check_shows_what_the_config_means() {
    let text = changed(&[
        ("sqlite:dueherald.db", "postgres://me:s3cret@db.example.com:5433/dueherald?sslmode=require&password=s3cret"),
        ("at = \"10:30\"", "at = \"21:00\"\nmerchants = [\"harbour\", \"mall\"]"),
        ("*/15 * * * *", "0 6 * * MON"),
    ]);
    let config = load(&format!("{text}{MAIL}"), &[]).expect("it is sound");
    let (ended, shown) = checked(&config, None).await;
    insta::assert_snapshot!(shown, @r#"
    conf/dueherald.toml has no mistakes.

    Database
      PostgreSQL at db.example.com:5433/dueherald, at most 8 connections, 2 of them for pages, callbacks and the API
      personal data is not encrypted

    Scans
      0 6 * * MON in Asia/Shanghai, 2d ahead
      full check: 30 3 * * *
      next: 2026-11-23 06:00:00 +08:00
      next: 2026-11-30 06:00:00 +08:00
      next: 2026-12-07 06:00:00 +08:00

    Merchants
      harbour: Harbour Stores, en, Europe/London, contact 08:00–20:00 (uk)
        hours: no contact before 8:00 or after 20:00; the law names no hours and forbids unreasonable times (FCA Handbook, CONC 7.9; a default, not a rule of law) https://www.handbook.fca.org.uk/handbook/CONC/7/9.html
        duty: pay due regard to reasonable requests about when, where and how to be contacted (FCA Handbook, CONC 7.9; in force) https://www.handbook.fca.org.uk/handbook/CONC/7/9.html
        route harbour-web: https://pay.harbour.example.com/
      mall: 示例商城, zh-CN, Asia/Shanghai, contact 08:00–22:00 (cn)
        hours: no collection between 22:00 and 8:00 without the debtor's consent (GB/T 45251—2025, number of the clause not confirmed; in force since 2025-02-28) https://openstd.samr.gov.cn/
        duty: collect from the debtor only; contact nobody who has no part in the debt (GB/T 45251—2025, number of the clause not confirmed; in force since 2025-02-28) https://openstd.samr.gov.cn/
        duty: for its member banks the same hours and the same ban on contacting third parties (China Banking Association, 金融机构个人消费类贷款催收工作指引（试行）, published on 30 January 2026; in force since 2026-01-30, not confirmed) https://www.china-cba.net/
        route mall-web: https://pay.mall.example.com/bill
        route mall-app: mallfinance://bill

    Rules
      due-soon: 3 days before, 1 day before at 10:00 by sms, or else email
      due-today: on the due date at 21:00 by sms and email, for harbour, mall

    Gateways
      sms: capture-sms (capture)
      email: capture-email (capture)

    Secrets
      database.url: in the config, of unknown age; write since = "2026-11-22" beside env or file to have it shown
      links.keys.key: conf/link.key, of unknown age; write since = "2026-11-22" beside env or file to have it shown

    Please note
      merchants.harbour.link_base is on this machine: borrowers cannot open links that begin so
      [encryption] has no keys: the database holds phone numbers, e-mail addresses and names as plain text, and keeps no verifiers; to encrypt it, add the section as `dueherald init` writes it, and run `dueherald migrate`
      `dueherald run` serves no pages: conf/dueherald.toml: http.client_header: is missing: links are https, so visitors come by a front server, and all of them look like one client; name the header in which it says for whom it asks, for example "x-forwarded-for", or write unlimited_clients = true if it limits them itself
      rule due-today at 21:00 lies outside the contact hours of harbour: it goes out when they next begin, at 08:00
      gateways.capture-email keeps messages and sends nothing
      gateways.capture-sms keeps messages and sends nothing
      gateways.mail is named by no channel and no merchant, so nothing is sent by it
      there is no scan from 2026-11-23 06:00 to 2026-11-30 06:00 +08:00, longer than the horizon of 2d: what falls due in between is planned late
    "#);
    assert_eq!(ended.exit_code(), 0);
}

#[tokio::test]
async fn a_check_online_asks_every_end_and_fails_if_one_does() {
    let config = load(SOUND, &[]).expect("it is sound");
    let ends = vec![
        CheckedEndpoint::new("database", async { Err("run `dueherald migrate`".to_owned()) }),
        CheckedEndpoint::new("capture-sms", async { Ok(()) }),
    ];
    let (ended, shown) = checked(&config, Some(ends)).await;
    assert!(shown.ends_with("\nOnline\n  database: run `dueherald migrate`\n  capture-sms: ready\n"), "{shown}");
    assert_eq!(ended.exit_code(), 1);
}

/// A config written by `init` loads unchanged, and its sample rows name nothing that the config does not know.
#[test]
fn what_init_writes_passes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = init::InitArgs { folder: folder.path().to_owned(), force: false };
    init::run(&args, &SystemClock, &[], &mut Vec::new()).expect("an empty folder");
    let config = Config::load_file(&folder.path().join("dueherald.toml")).expect("what init writes passes");
    assert_eq!(config.database.max_connections, 8);
    let mut rows = csv::Reader::from_path(folder.path().join("sample.csv")).expect("it was written");
    for row in rows.deserialize::<BTreeMap<String, String>>() {
        let row = row.expect("a row is sound");
        let merchant = &config.policy.merchants[row["merchant"].as_str()];
        let country = merchant.country.parse().ok();
        for column in
            ["phone", "account_phone"].map(|name| row[name].as_str()).into_iter().filter(|phone| !phone.is_empty())
        {
            let valid = phonenumber::parse(country, column).is_ok_and(|number| phonenumber::is_valid(&number));
            assert!(valid, "{column:?} is no phone number of {}", merchant.country);
        }
        Money::parse(&row["amount"], Currency::new(&row["currency"]).expect("a currency")).expect("an amount");
        row["due_date"].parse::<NaiveDate>().expect("a date");
    }
}

#[test]
fn caps_and_digests_are_read() {
    let text = changed(&[("name = \"due-soon\"\n", "name = \"due-soon\"\npriority = 5\ndigest = \"3d\"\n")]);
    let caps = "\n[caps]\nper_day = 2\nper_7_days = 5\nacross_merchants = true\nsms = { per_day = 1 }\n";
    let policy = load(&format!("{text}{caps}"), &[]).expect("it is sound").policy;
    let caps = policy.caps.as_ref().expect("there are caps");
    assert_eq!((caps.all.per_day, caps.all.per_7_days, caps.across_merchants), (Some(2), Some(5), true));
    assert_eq!(caps.channels[&Channel::Sms].per_day, Some(1));
    assert_eq!((policy.rules[0].priority, policy.rules[0].digest), (5, Some(3)));
    let recent_contacts = policy.recent_contacts().expect("there is something to read");
    assert!(recent_contacts.across_merchants && recent_contacts.days_ahead == 3);
    assert_eq!(load(SOUND, &[]).expect("it is sound").policy.recent_contacts(), None, "nothing is read for nothing");
}

#[test]
fn mistaken_caps_are_told() {
    let text = changed(&[("name = \"due-soon\"\n", "name = \"due-soon\"\ndigest = \"36h\"\n")]);
    let caps = "\n[caps]\nper_day = 3\nper_7_days = 2\nsms = { per_week = 1 }\n";
    insta::assert_snapshot!(told(&format!("{text}{caps}"), &[]), @r#"
    conf/dueherald.toml:45: rules[due-soon].digest: is not in whole days, or more than 31; write for example "3d"
    conf/dueherald.toml:79: caps.per_day: is more than per_7_days; write a smaller number
    conf/dueherald.toml:81: caps.sms.per_week: is no key of the config; here you can write "per_day" or "per_7_days"
    "#);
    insta::assert_snapshot!(told(&format!("{SOUND}\n[caps]\n"), &[]), @"conf/dueherald.toml:77: caps: caps nothing; \
        write for example per_day = 2, or sms = { per_7_days = 4 }, or leave the section out");
}
