//! `dueherald gateway list`: how gateways are doing. `gateway test`: one marked message, to nobody but those whom the
//! config names.

use std::sync::Arc;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{Code, GatewayState};
use dueherald::store::{GatewayStateStore, SqliteStore};

use crate::commands::Desk;

const TO: &str = "+8613800138000";

#[test]
fn a_test_message_goes_to_a_known_address_only() {
    let desk = Desk::new(None);
    let refused = desk.run(&["gateway", "test", "capture-sms", "--to", TO]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(
        refused.err.contains("test_recipients in [gateways.capture-sms]") && !refused.err.contains(TO),
        "{}",
        refused.err
    );
    assert!(desk.captured().is_empty());

    let file = desk.path("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("init wrote it");
    let section = "[gateways.capture-sms]\n";
    let config = config.replacen(section, &format!("{section}test_recipients = [\"{TO}\"]\n"), 1);
    std::fs::write(&file, config).expect("written");
    let told = desk.run(&["gateway", "test", "capture-sms", "--to", TO]).went_well();
    assert!(told.starts_with("capture-sms: accepted, reference test-"), "{told}");
    let captured = desk.captured();
    assert!(
        captured.len() == 1 && captured[0].contains("test message") && captured[0].contains("测试"),
        "{captured:?}"
    );

    let unknown = desk.run(&["gateway", "test", "nobody", "--to", TO]);
    assert_eq!(unknown.code, 2, "{}", unknown.out);
}

#[tokio::test]
async fn a_list_tells_breakers_and_the_last_error_of_all_daemons() {
    let desk = Desk::new(None);
    let listed = desk.run(&["gateway", "list"]);
    assert_eq!(listed.code, 3, "{}", listed.err);
    assert!(listed.out.contains("capture-sms") && listed.out.contains("unknown"), "{}", listed.out);
    assert!(listed.err.contains("dueherald migrate"), "{}", listed.err);

    desk.run(&["migrate"]).went_well();
    let listed = desk.run(&["gateway", "list", "--wide"]).went_well();
    assert!(listed.contains("closed") && !listed.contains("unknown"), "{listed}");

    let now = SystemClock.now();
    let url = format!("sqlite:{}", desk.path("dueherald.db").display());
    let store = SqliteStore::open(&url, Arc::new(SystemClock)).await.expect("it opens");
    let say = async |holder: &str, open_for: Option<i64>, code: &str, ago: i64| {
        let at = now - TimeDelta::minutes(ago);
        let state = GatewayState {
            gateway: "capture-sms".parse().expect("a name"),
            holder: holder.into(),
            open_since: open_for.map(|minutes| now - TimeDelta::minutes(minutes)),
            last_error: Some((Code::new(code), at)),
            at,
        };
        store.note_gateway(&state).await.expect("noted");
    };
    say("gone", Some(3000), "long-ago", 2000).await;
    say("a", Some(20), "http-500", 2).await;
    say("b", Some(10), "http-502", 1).await;
    say("c", None, "connect", 30).await;
    let listed = desk.run(&["gateway", "list", "--wide"]).went_well();
    let line = listed.lines().find(|line| line.starts_with("capture-sms")).expect("it is listed");
    let since = (now - TimeDelta::minutes(20)).format("open since %F %T +00:00 in 2 processes").to_string();
    assert!(line.contains(&since) && line.contains("http-502") && !line.contains("long-ago"), "{listed}");
    let json = desk.run(&["gateway", "list", "--format", "json"]).went_well();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let row = json.as_array().and_then(|rows| rows.iter().find(|row| row["name"] == "capture-sms")).expect("listed");
    let health = &row["health"];
    assert_eq!((&health["breaker"], &health["open_in"]), (&"open".into(), &2.into()), "{json}");
    assert_eq!(health["last_error"], "http-502", "{json}");
}

#[test]
fn a_merchants_own_gateway_carries_its_messages_and_is_named_wherever_gateways_are() {
    let desk = Desk::new(None);
    let file = desk.path("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("init wrote it");
    let mall = "[merchants.mall]\n";
    assert!(config.contains(mall));
    let config = config.replacen(mall, &format!("{mall}gateways = {{ sms = [\"mall-sms\", \"capture-sms\"] }}\n"), 1);
    let own = "\n[gateways.mall-sms]\nkind = \"capture\"\nchannel = \"sms\"\nfolder = \"captured-mall\"\n";
    crate::commands::write_private(&file, &(config + own));
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "sample.csv"]).went_well();

    let listed = desk.run(&["gateway", "list", "--wide"]).went_well();
    let place = |name: &str| listed.lines().find(|line| line.starts_with(name)).expect("it is listed").to_owned();
    assert!(place("mall-sms").contains(" 1 of mall "), "{listed}");
    assert!(place("capture-sms").contains(" 1, 2 of mall "), "{listed}");

    let (_, at) = crate::commands::today();
    let forecast = desk.run(&["forecast", "--at", &at, "--days", "2", "--format", "json"]).went_well();
    let forecast: serde_json::Value = serde_json::from_str(&forecast).expect("JSON");
    let through = |name: &str| {
        let all = forecast["gateways"].as_array().expect("gateways");
        all.iter().find(|one| one["gateway"] == name).map(|one| one["messages"].as_u64().expect("a number"))
    };
    assert!(through("mall-sms").is_some_and(|messages| messages > 0), "{forecast}");
    let all = through("mall-sms").unwrap_or_default() + through("capture-sms").unwrap_or_default();
    assert_eq!(forecast["total"]["sms"], all, "what one merchant sends is counted at its own gateway: {forecast}");

    desk.run(&["scan", "--at", &at]).went_well();
    desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    let of_mall = |texts: Vec<String>| texts.iter().filter(|text| text.starts_with("【示例商城】")).count();
    let folder = std::fs::read_dir(desk.path("captured-mall")).expect("messages are kept").flatten();
    let kept = folder.map(|file| std::fs::read_to_string(file.path()).expect("a message")).collect();
    assert!(of_mall(kept) > 0);
    assert_eq!(of_mall(desk.captured()), 0, "none leaves by the channel's gateway");
}
