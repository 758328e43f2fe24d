//! Merchants with gateways of their own: what is read, what is refused, and what a check shows.

use dueherald::domain::{Channel, GatewayName, MerchantId};
use rstest::rstest;

use super::{changed, checked, load, told};

const MALL: &str = "support = { phone = \"400-000-0000\" }";
const SHARED: &str = "[channels.sms]\ngateways = [\"capture-sms\"]\n";
const OWN: &str = "\n[gateways.mall-sms]\nkind = \"capture\"\nchannel = \"sms\"\n";

/// The sound config, in which the mall names gateways so.
fn with(gateways: &str, changes: &[(&str, &str)]) -> String {
    let mall = format!("{MALL}\ngateways = {gateways}");
    changed(&[&[(MALL, mall.as_str())], changes].concat()) + OWN
}

fn of(lists: &dueherald::plan::GatewayLists, channel: Channel, merchant: &str) -> Vec<String> {
    let merchant: MerchantId = merchant.parse().expect("an id");
    lists.of(channel, &merchant).iter().map(GatewayName::to_string).collect()
}

#[tokio::test]
async fn a_merchant_has_its_own_gateways_and_the_others_the_channels() {
    let text = with(r#"{ sms = ["mall-sms", "capture-sms"] }"#, &[]);
    let config = load(&text, &[]).expect("it is sound");
    let lists = &config.policy.gateways;
    assert_eq!(of(lists, Channel::Sms, "mall"), ["mall-sms", "capture-sms"]);
    assert_eq!(of(lists, Channel::Sms, "harbour"), ["capture-sms"]);
    assert_eq!(of(lists, Channel::Email, "mall"), ["capture-email"], "it names none for e-mail");
    let (_, shown) = checked(&config, None).await;
    let own = "  sms of mall: mall-sms (capture), or else capture-sms (capture); the next takes over";
    assert!(shown.lines().any(|line| line.starts_with(own)), "{shown}");
    assert!(!shown.contains("gateways.mall-sms is named by no channel"), "{shown}");
}

#[rstest]
#[case::misspelled(
    r#"{ sms = ["mal-sms"] }"#,
    "gateways.sms: there is no gateway \"mal-sms\"; did you mean \"mall-sms\"?"
)]
#[case::wrong_channel(r#"{ sms = ["capture-email"] }"#, "gateways.sms: \"capture-email\" carries email, not sms; name")]
#[case::empty(r#"{ sms = [] }"#, "gateways.sms: is empty; name a gateway, or leave it out")]
#[case::twice(r#"{ sms = ["mall-sms", "mall-sms"] }"#, "gateways.sms: names the same twice; leave one out")]
#[case::no_list(r#"{ sms = "mall-sms" }"#, "gateways.sms: is text; write a list: sms = [ ... ]")]
#[case::no_table(r#"["mall-sms"]"#, "gateways: is a list; write for example gateways = { sms = [")]
#[case::none(r#"{}"#, "gateways: names no channel; write for example gateways = { sms = [")]
#[case::no_channel(r#"{ smss = ["mall-sms"] }"#, "gateways.smss: is no key of the config; did you mean sms?")]
fn mistaken_gateways_of_a_merchant_are_told(#[case] gateways: &str, #[case] expected: &str) {
    let told = told(&with(gateways, &[]), &[]);
    assert!(told.starts_with(&format!("conf/dueherald.toml:17: merchants.mall.{expected}")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_list_is_no_longer_than_the_outbox_reckons_with() {
    let names: Vec<_> = (0..17).map(|number| format!("\"g{number}\"")).collect();
    let many: String =
        (0..17).map(|number| format!("\n[gateways.g{number}]\nkind = \"capture\"\nchannel = \"sms\"\n")).collect();
    let list = names.join(", ");
    let told_of_own = told(&(with(&format!("{{ sms = [{list}] }}"), &[]) + &many), &[]);
    assert!(told_of_own.contains("merchants.mall.gateways.sms: names 17 gateways; name 16 at most"), "{told_of_own}");
    let shared = SHARED.replace("\"capture-sms\"", &list);
    let told_of_shared = told(&(changed(&[(SHARED, &shared)]) + &many), &[]);
    assert!(told_of_shared.contains("channels.sms.gateways: names 17 gateways; name 16 at most"), "{told_of_shared}");
    assert!(load(&(with(&format!("{{ sms = [{}] }}", names[..16].join(", ")), &[]) + &many), &[]).is_ok());
}

#[test]
fn a_channel_needs_no_list_where_every_merchant_of_its_rules_has_one() {
    let text = with(r#"{ sms = ["mall-sms"] }"#, &[(SHARED, "")]);
    let told = told(&text, &[]);
    let expected = "rules[due-soon].channels: needs gateways for sms of harbour; write gateways = { sms = [\"…\"] } in \
                    [merchants.harbour], or [channels.sms] for every merchant";
    assert!(told.contains(expected), "{told}");
    let for_mall = text.replace("[[rules]]", "[[rules]]\nmerchants = [\"mall\"]");
    let config = load(&for_mall, &[]).expect("the harbour is sent no SMS");
    assert_eq!(config.policy.gateways.channels().collect::<Vec<_>>(), [Channel::Sms, Channel::Email]);
    assert!(of(&config.policy.gateways, Channel::Sms, "harbour").is_empty());
}

#[test]
fn only_the_gateways_of_a_merchant_need_its_approved_templates() {
    let aliyun = r#"
[gateways.aliyun]
kind = "aliyun"
account = { access_key_id = "LTAI-fake", access_key_secret = "sesame" }
[gateways.aliyun.templates.before-due]
merchant = "mall"
code = "SMS_1"
text = "账单${amount}将到期"
parameters = { amount = "{{ total }}" }
[gateways.aliyun.templates.on-due]
merchant = "mall"
code = "SMS_2"
text = "账单${amount}今天到期"
parameters = { amount = "{{ total }}" }
"#;
    let own = load(&(with(r#"{ sms = ["aliyun"] }"#, &[]) + aliyun), &[]);
    own.expect("the harbour's messages leave by another gateway");
    let shared = SHARED.replace("\"capture-sms\"", "\"capture-sms\", \"aliyun\"");
    let told = told(&(with(r#"{ sms = ["mall-sms"] }"#, &[(SHARED, &shared)]) + aliyun), &[]);
    assert!(told.contains("whose provider has approved no such template for harbour"), "{told}");
    assert!(!told.contains("for mall"), "{told}");
}

#[test]
fn a_fallback_waits_for_receipts_of_the_gateways_of_its_merchants() {
    let rule = "channels = { mode = \"first_available\", order = [\"sms\", \"email\"] }";
    let fallback =
        "merchants = [\"mall\"]\nchannels = { mode = \"fallback\", order = [\"sms\", \"email\"], after = \"30m\" }";
    let silent = r#"
[gateways.silent]
kind = "http"
url = "https://sms.example.com/send"
method = "GET"
accept = { status = 202 }
query = { to = "{{ to }}", text = "{{ text }}" }
"#;
    let shared = SHARED.replace("\"capture-sms\"", "\"silent\"");
    let text = with(r#"{ sms = ["mall-sms"] }"#, &[(rule, fallback), (SHARED, &shared)]) + silent;
    load(&text, &[]).expect("the mall's gateway is asked, not the channel's");
    let told = told(&text.replace("{ sms = [\"mall-sms\"] }", "{ sms = [\"mall-sms\", \"silent\"] }"), &[]);
    assert!(told.contains("gateway \"silent\" never reports that a message arrived"), "{told}");
}
