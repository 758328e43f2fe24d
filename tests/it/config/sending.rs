//! Rates, fallback, failover and stopped merchants.

use chrono::TimeDelta;
use dueherald::config::StateDir;
use dueherald::domain::{Address, Channel, EmailAddress, Phone};
use dueherald::plan::{ChannelMode, DailyQuota, GraceDays, RateLimit, VolumeLimits};
use rstest::rstest;

use super::{MAIL, changed, checked, load, told};

const FIRST: &str = r#"{ mode = "first_available", order = ["sms", "email"] }"#;
const SMS: &str = "[gateways.capture-sms]\n";

#[test]
fn any_kind_of_gateway_may_have_a_rate() {
    let text = changed(&[(SMS, "[gateways.capture-sms]\nrate = { per_second = 50, burst = 10, per_day = 100000 }\n")]);
    let config = load(&format!("{text}{MAIL}rate.per_second = 20\n"), &[]).expect("it is sound");
    let rates: Vec<_> = config.rates.iter().map(|(name, rate)| (name.as_str(), *rate)).collect();
    let texts =
        RateLimit { per_second: 50, burst: 10, per_day: Some(DailyQuota { most: 100_000, zone: chrono_tz::Tz::UTC }) };
    let mails = RateLimit { per_second: 20, burst: 1, per_day: None };
    assert_eq!(rates, [("capture-sms", texts), ("mail", mails)]);
    let environment = [("DUEHERALD__GATEWAYS__CAPTURE_SMS__RATE__PER_SECOND", "7")];
    let config = load(&text, &environment).expect("it is sound");
    assert_eq!(config.rates["capture-sms"], RateLimit { per_second: 7, ..texts });
}

#[test]
fn days_of_grace_are_for_all_or_by_product() {
    let with = |value: &str| changed(&[("jurisdiction = \"cn\"\n", &format!("jurisdiction = \"cn\"\n{value}\n"))]);
    let grace = |value: &str| {
        let config = load(&with(value), &[]).expect("it is sound");
        config.policy.terms.get("mall").map(|terms| terms.grace.clone())
    };
    let products = [("手机分期".to_owned(), 3), ("sofa".to_owned(), 0)].into();
    assert_eq!(grace("grace_days = 5"), Some(GraceDays { all: 5, ..GraceDays::default() }));
    assert_eq!(grace(r#"grace_days = { "手机分期" = 3, sofa = 0 }"#), Some(GraceDays { all: 0, products }));
    assert_eq!(grace("# none"), None);
    for (value, expected) in [
        ("grace_days = 32", "merchants.mall.grace_days: is out of range; write a whole number from 0 to 31"),
        ("grace_days = { sofa = -1 }", "of \"sofa\" is out of range; write a whole number from 0 to 31"),
    ] {
        let told = told(&with(value), &[]);
        assert!(told.contains(expected), "{told}");
    }
}

#[rstest]
#[case::empty("{}", "rate.per_second: is missing; write for example per_second = 50")]
#[case::none("{ per_second = 0 }", "rate.per_second: is out of range; write a whole number from 1 to 100000")]
#[case::no_burst("{ per_second = 5, burst = 0 }", "rate.burst: is out of range")]
#[case::no_day("{ per_second = 5, per_day = 0 }", "rate.per_day: is out of range")]
#[case::misspelled("{ per_second = 5, per_dai = 9 }", "rate.per_dai: is no key of the config; did you mean per_day?")]
#[case::no_table("50", "rate: is a whole number; write a section: [gateways.capture-sms.rate]")]
fn a_mistaken_rate_is_told_with_its_line(#[case] rate: &str, #[case] expected: &str) {
    let told = told(&changed(&[(SMS, &format!("{SMS}rate = {rate}\n"))]), &[]);
    assert!(told.starts_with(&format!("conf/dueherald.toml:62: gateways.capture-sms.{expected}")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_fallback_names_channels_and_how_long_a_receipt_is_waited_for() {
    let fallback = r#"{ mode = "fallback", order = ["sms", "email"], after = "30m" }"#;
    let config = load(&changed(&[(FIRST, fallback)]), &[]).expect("it is sound");
    let channels = &config.policy.rules[0].channels;
    assert_eq!(channels.mode, ChannelMode::Fallback { after: TimeDelta::minutes(30) });
    assert_eq!(channels.order, [Channel::Sms, Channel::Email]);
}

#[rstest]
#[case::no_time(
    r#"mode = "fallback", order = ["sms", "email"]"#,
    r#"after: is missing; write for example after = "30m""#
)]
#[case::one_channel(
    r#"mode = "fallback", order = ["sms"], after = "30m""#,
    "order: names one channel, and a fallback needs another"
)]
#[case::of_all(r#"mode = "all", order = ["sms", "email"], after = "30m""#, r#"after: is for mode "fallback" only"#)]
#[case::of_the_first(
    r#"mode = "first_available", order = ["sms"], after = "1h""#,
    r#"after: is for mode "fallback" only"#
)]
#[case::unknown(
    r#"mode = "falback", order = ["sms"]"#,
    r#"mode: "falback" is unknown; write "all", "first_available" or "fallback""#
)]
fn a_mistaken_choice_of_channels_is_told(#[case] channels: &str, #[case] expected: &str) {
    let told = told(&changed(&[(FIRST, &format!("{{ {channels} }}"))]), &[]);
    assert!(told.starts_with(&format!("conf/dueherald.toml:47: rules[due-soon].channels.{expected}")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_merchant_is_stopped_only_if_the_config_says_so() {
    let config = load(&changed(&[("name = \"Harbour Stores\"", "name = \"Harbour Stores\"\nstopped = true")]), &[]);
    let merchants = config.expect("it is sound").policy.merchants;
    assert!(merchants["harbour"].stopped && !merchants["mall"].stopped);
    let told = told(&changed(&[("name = \"Harbour Stores\"", "name = \"Harbour Stores\"\nstopped = 1")]), &[]);
    assert!(told.contains("merchants.harbour.stopped: is a whole number; write true or false"), "{told}");
}

#[tokio::test]
async fn a_check_shows_rates_fallback_failover_and_what_is_stopped() {
    let text = changed(&[
        (FIRST, r#"{ mode = "fallback", order = ["sms", "email"], after = "30m" }"#),
        (r#"gateways = ["capture-sms"]"#, r#"gateways = ["capture-sms", "spare"]"#),
        (SMS, "[gateways.capture-sms]\nrate = { per_second = 50, burst = 10, per_day = 100000 }\n"),
        ("name = \"Harbour Stores\"", "name = \"Harbour Stores\"\nstopped = true"),
    ]);
    let config = load(&format!("{text}\n[gateways.spare]\nkind = \"capture\"\nchannel = \"sms\"\n"), &[]);
    let (_, shown) = checked(&config.expect("it is sound"), None).await;
    let lines = [
        "  harbour: Harbour Stores, en, Europe/London, contact 08:00–20:00 (uk), stopped",
        "  due-soon: 3 days before, 1 day before at 10:00 by sms, then email, the next one if it has not arrived \
         after 30m",
        "  sms: capture-sms (capture), or else spare (capture); the next takes over what one refuses as a whole or \
         cannot take",
        "  email: capture-email (capture)",
        "  capture-sms: at most 50 a second, 10 at once, 100000 a day, by all machines together",
        "  merchants.harbour is stopped: its reminders are skipped, not kept for later",
    ];
    for line in lines {
        assert!(shown.lines().any(|shown| shown == line), "no line {line:?} in\n{shown}");
    }
}

const FALLBACK: &str = r#"{ mode = "fallback", order = ["sms", "email"], after = "30m" }"#;
const MAIL_FIRST: &str = r#"{ mode = "fallback", order = ["email", "sms"], after = "30m" }"#;
const KANNEL: &str = "kind = \"http\"\nurl = \"https://sms.example.com/send\"\nmethod = \"GET\"\naccept = { status = \
    202 }\n\
    query = { to = \"{{ to }}\", text = \"{{ text }}\" }\n";
const RECEIPTS: &str = "receipts = { status = { query = \"status\" }, delivered = [1], undelivered = [2] }\n";
const SECRET: &str = "callback_secret = \"0123456789abcdef01234567\"\n";
const LOOK_UP: &str = "look_up = { url = \"https://sms.example.com/s\", query = { id = \"{{ reference }}\" }, \
    accepted = { status = 200 } }\n";
const TWILIO: &str =
    "kind = \"twilio\"\naccount = { sid = \"AC1\", token = \"token\" }\nfrom = { messaging_service = \"MG1\" }\n";

/// The sound config with this choice of channels, and texts by a gateway `first`, or else one of those keys.
fn falling_back(channels: &str, gateway: &str) -> String {
    let text = changed(&[
        (FIRST, channels),
        (r#"gateways = ["capture-sms"]"#, r#"gateways = ["first", "second"]"#),
        (r#"gateways = ["capture-email"]"#, r#"gateways = ["mail"]"#),
    ]);
    let reporting =
        format!("[gateways.first]\n{KANNEL}{RECEIPTS}{SECRET}\n[links]\nbase = \"https://pay.example.com\"\n");
    format!("{text}{MAIL}\n[gateways.second]\n{gateway}\n{reporting}")
}

#[rstest]
#[case::no_receipts(KANNEL.to_owned(), "write receipts = { … } and callback_secret = \"…\" in [gateways.second]")]
#[case::what_is_looked_up_is_only_the_unknown(format!("{KANNEL}{LOOK_UP}"), "write receipts = { … }")]
#[case::nothing_means_delivered(
    format!("{KANNEL}{}{SECRET}", RECEIPTS.replace("[1]", "[]")),
    "name in gateways.second.receipts.delivered what it says then"
)]
#[case::nobody_calls_back(TWILIO.to_owned(), "write callback_secret = \"…\" in [gateways.second]")]
fn a_fallback_from_a_gateway_that_never_reports_is_a_mistake(#[case] gateway: String, #[case] advice: &str) {
    let text = falling_back(FALLBACK, &gateway);
    let line = text.lines().position(|line| line.contains("fallback")).expect("it is there") + 1;
    let told = told(&text, &[]);
    let begin = format!(
        "conf/dueherald.toml:{line}: rules[due-soon].channels.mode: waits for receipts, and gateway \"second\" never \
         reports"
    );
    assert!(told.starts_with(&begin) && told.contains(advice), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_fallback_from_mail_is_a_mistake_as_only_bounces_are_known() {
    let text = falling_back(MAIL_FIRST, &format!("{KANNEL}{RECEIPTS}{SECRET}"));
    let told = told(&text, &[]);
    assert!(told.contains("gateway \"mail\" never reports") && told.contains("name email last"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[rstest]
#[case::reports(FALLBACK, format!("{KANNEL}{RECEIPTS}{SECRET}"))]
#[case::calls_back(FALLBACK, format!("{TWILIO}{SECRET}"))]
#[case::waits_for_nothing(r#"{ mode = "first_available", order = ["email", "sms"] }"#, KANNEL.to_owned())]
#[case::on_all(r#"{ mode = "all", order = ["email", "sms"] }"#, TWILIO.to_owned())]
fn what_reports_or_does_not_fall_back_is_sound(#[case] channels: &str, #[case] gateway: String) {
    load(&falling_back(channels, &gateway), &[]).expect("it is sound");
}

#[test]
fn a_trial_may_fall_back_from_a_capture_and_its_check_says_what_happens() {
    let config = load(&changed(&[(FIRST, FALLBACK)]), &[]).expect("a trial");
    let told = config.check_captures().expect_err("everything comes twice").to_string();
    let begin = "conf/dueherald.toml:47: rules[due-soon].channels.mode: waits for receipts, and gateway \"capture-sms\" never reports";
    assert!(told.starts_with(begin), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    load(&changed(&[]), &[]).expect("a trial").check_captures().expect("nothing falls back");
}

#[test]
fn who_alone_may_be_written_to_is_named_in_any_spelling() {
    let text = format!("{}[dispatch]\nonly_to = [\"+8613800138000\", \"Me@Example.com\"]\n", changed(&[]));
    let config = load(&text, &[]).expect("it is sound");
    let only_to = config.policy.only_to.expect("there is a list");
    let mail = |text| Address::Email(EmailAddress::new(text).expect("a mailbox"));
    let phone = |text| Address::Phone(Phone::new(text).expect("a number"));
    assert!(only_to.names(&mail("me@EXAMPLE.com")) && only_to.names(&phone("+8613800138000")));
    assert!(!only_to.names(&mail("you@example.com")) && !only_to.names(&phone("+8613800138001")));
    let told = told(&format!("{}[dispatch]\nonly_to = [\"li wei\"]\n", changed(&[])), &[]);
    assert!(told.contains("dispatch.only_to") && !told.contains("li wei"), "{told}");
}

#[test]
fn the_state_directory_has_a_place_by_default_and_can_be_switched_off() {
    let state_dir = |line: &str| {
        let config = load(&format!("{}[dispatch]\n{line}\n", changed(&[])), &[]).expect("it is sound");
        config.dispatch.state_dir
    };
    assert!(matches!(state_dir(""), StateDir::Default(folder) if folder.to_string_lossy().ends_with(".db.state")));
    assert_eq!(state_dir("state_dir = \"off\""), StateDir::Off);
    assert_eq!(state_dir("state_dir = \"/var/lib/d\""), StateDir::Folder("/var/lib/d".into()));
}

#[rstest]
#[case::two("postgres://u:p,w@one:5432,two:5433/due?sslmode=verify-full&target_session_attrs=read-write")]
#[case::sockets("postgres://u@localhost/due?host=/run/one,/run/two")]
fn a_database_may_have_several_servers(#[case] url: &str) {
    load(&changed(&[("sqlite:dueherald.db", url)]), &[]).expect("it is sound");
}

/// Clear text to another host, or an address open to everybody, needs explicit permission in the config.
#[rstest]
#[case::database(
    &[("url = \"sqlite:dueherald.db\"", "url = \"postgres://u:p@db.example/x?sslmode=disable\"EXTRA")],
    "database.url: does not insist on encryption on the way to another host",
    "\nallow_plaintext = true"
)]
#[case::database_that_may_choose(
    &[("url = \"sqlite:dueherald.db\"", "url = \"postgres://u:p@db.example:5432,127.0.0.1/x\"EXTRA")],
    "database.url: does not insist on encryption on the way to another host",
    "\nallow_plaintext = true"
)]
#[case::source_that_may_choose(
    &[("[templates]", "[[sources]]\nname = \"core\"\nkind = \"sql\"\nurl = \"postgres://u:p@10.0.0.5/x\"EXTRA\ncron = \"0 * * * *\"\n\
        query = \"select i where t >= :after and k > :after_key order by t, k limit :limit\"\n[templates]")],
    "sources[core].url: does not insist on encryption on the way to another host",
    "\nallow_plaintext = true"
)]
#[case::ops(
    &[("[templates]", "[http]\nops = \"0.0.0.0:9090\"EXTRA\n[templates]")],
    "http.ops: is on all addresses of this machine",
    "\nallow_ops_on_all_addresses = true"
)]
#[case::ops_v6(
    &[("[templates]", "[http]\nops = \"[::]:9090\"EXTRA\n[templates]")],
    "http.ops: is on all addresses of this machine",
    "\nallow_ops_on_all_addresses = true"
)]
#[case::api(
    &[("[templates]", "[api]\nlisten = \"0.0.0.0:8081\"\ntokens = [{ name = \"crm\", token = \"0123456789abcdef0123456789abcdef\", \
        merchants = [\"mall\"], actions = [\"read_preferences\"] }]EXTRA\n[templates]")],
    "api.listen: is on all addresses of this machine",
    "\nallow_all_addresses = true"
)]
#[case::mail(
    &[("[templates]", "[gateways.relay]\nkind = \"smtp\"\nhost = \"mail.example\"\nsecurity = \"none\"\nfrom = \"a@mall.example\"EXTRA\n[templates]")],
    "gateways.relay.security: lets mail travel in the clear to another host",
    "\nallow_plaintext = true"
)]
fn what_is_open_to_others_has_to_be_allowed(
    #[case] changes: &[(&str, &str)],
    #[case] expected: &str,
    #[case] permission: &str,
) {
    let written = changed(changes);
    let told = told(&written.replace("EXTRA", ""), &[]);
    assert!(told.contains(expected) && !told.contains(":p@"), "{told}");
    load(&written.replace("EXTRA", permission), &[]).expect("it is allowed");
}

#[test]
fn the_volume_guard_has_limits_of_its_own() {
    let config = load(&changed(&[]), &[]).expect("it is sound");
    assert_eq!(config.scans.volume, VolumeLimits::default());
    let environment = [("DUEHERALD__SCHEDULE__VOLUME__LEAST", "50"), ("DUEHERALD__SCHEDULE__VOLUME__FACTOR", "2")];
    let config = load(&changed(&[]), &environment).expect("it is sound");
    assert_eq!(config.scans.volume, VolumeLimits { factor: 2, least: 50, ..VolumeLimits::default() });
}

#[rstest]
#[case::none("FACTOR", "0", "is out of range; write a whole number from 1 to 1000")]
#[case::text("LEAST", "many", "is text; write a whole number")]
#[case::misspelled(
    "FIRST_MOTH",
    "5",
    "is no key of the config; did you mean DUEHERALD__SCHEDULE__VOLUME__FIRST_MONTH?"
)]
fn a_mistaken_limit_of_the_volume_guard_is_told(#[case] key: &str, #[case] value: &str, #[case] expected: &str) {
    let told = told(&changed(&[]), &[(&format!("DUEHERALD__SCHEDULE__VOLUME__{key}"), value)]);
    assert!(told.contains(expected), "{told}");
}
