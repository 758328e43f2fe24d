//! The way to repay moves after the messages were sent: the real binary on one side, the borrowers' links on the other.

use std::time::Duration;

use axum::Router;
use chrono::{Days, NaiveDate, TimeDelta};
use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SimClock, SystemClock};
use dueherald::config::Config;
use dueherald::http::public::{Public, router};

use crate::commands::Desk;
use crate::fixtures::at;
use crate::web::{get, post_form};

const SIGNED: [&str; 4] = ["--actor", "wang", "--reason", "入口搬迁"];

pub(crate) fn today() -> NaiveDate {
    SystemClock.now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive()
}

pub(crate) fn half_past_ten() -> String {
    format!("{}T10:30:00+08:00", today())
}

/// A desk with a reminder for each of so many borrowers that is due today.
pub(crate) fn planned(borrowers: u32, config: &[(&str, &str)]) -> Desk {
    let desk = Desk::new(None);
    let mut text = std::fs::read_to_string(desk.path("dueherald.toml")).expect("the config");
    for (from, to) in config {
        assert_eq!(text.matches(from).count(), 1, "how often {from:?} is there");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(desk.path("dueherald.toml"), text).expect("written");
    let due = today() + Days::new(3);
    let rows = (0..borrowers).map(|n| format!("mall,B{n},I{n},128.50,CNY,{due},138001{n:05},open\n"));
    let header = "merchant,borrower_id,installment_id,amount,currency,due_date,phone,status\n".to_owned();
    std::fs::write(desk.path("some.csv"), std::iter::once(header).chain(rows).collect::<String>()).expect("written");
    desk.run(&["migrate"]).went_well();
    desk.run(&["import", "some.csv"]).went_well();
    desk.run(&["scan", "--at", &half_past_ten()]).went_well();
    desk
}

fn sent(desk: &Desk) -> Vec<String> {
    desk.run(&["dispatch", "--drain", "--at", &half_past_ten()]).went_well();
    desk.captured()
}

#[track_caller]
fn route(desk: &Desk, words: &[&str]) -> String {
    desk.run(&[&["route"], words, &SIGNED].concat()).went_well()
}

/// The pages of a daemon that runs all the while.
async fn pages(desk: &Desk, clock: &SimClock) -> Router {
    let config = Config::load_file(&desk.path("dueherald.toml")).expect("a sound config");
    let app = App::start(config, &Time::Rehearsal(clock.clone())).await.expect("it starts");
    router(Public::of(&app))
}

fn link(text: &str) -> String {
    let start = text.find("/r/").expect("a personal link");
    let token = |c: char| c == '/' || c == '_' || c == '-' || c.is_ascii_alphanumeric();
    text[start..].chars().take_while(|c| token(*c)).collect()
}

async fn seen(router: &Router, link: &str) -> String {
    get(router.clone(), link).await.body.replace("&#x2f;", "/")
}

/// Where the buttons of the page lead, in its order.
async fn ways(router: &Router, link: &str) -> Vec<String> {
    let page = seen(router, link).await;
    let mut ways = Vec::new();
    for rest in page.split("name=\"route\" value=\"").skip(1) {
        let route = rest.split('"').next().expect("a key");
        let gone = post_form(router.clone(), &format!("{link}/go"), format!("route={route}")).await;
        ways.push(gone.header("location").to_owned());
    }
    ways
}

#[tokio::test]
async fn old_links_lead_to_the_new_entry() {
    let desk = planned(20, &[]);
    let links: Vec<_> = sent(&desk).iter().map(|text| link(text)).collect();
    assert_eq!(links.len(), 20);
    let clock = SimClock::at(at(&half_past_ten()));
    let pages = pages(&desk, &clock).await;
    for link in &links {
        assert!(ways(&pages, link).await.contains(&"https://pay.mall.example.com/bill".to_owned()));
    }

    let url = "https://pay.mall.example.com/moved";
    route(&desk, &["set", "moved", "--merchant", "mall", "--kind", "web", "--url", url, "--product", "none-has-it"]);
    route(&desk, &["replace", "mall-web", "--by", "moved"]);
    clock.advance(Duration::from_secs(5));
    for link in &links {
        assert_eq!(ways(&pages, link).await, ["https://app.mall.example.com/open/bill", url]);
    }

    let told = route(&desk, &["close", "moved"]);
    assert!(told.contains("moved is closed") && !told.contains("no open route"), "the app is left: {told}");
    clock.advance(Duration::from_secs(5));
    let page = seen(&pages, &links[0]).await;
    assert!(!page.contains("pay.mall.example.com"), "{page}");
    assert!(page.contains("href=\"tel:"), "{page}");
    assert_eq!(ways(&pages, &links[0]).await, ["https://app.mall.example.com/open/bill"]);

    let later = "https://pay.mall.example.com/later";
    // Links live longer.
    let from = SystemClock.now() + TimeDelta::days(60);
    route(
        &desk,
        &["set", "later", "--merchant", "mall", "--kind", "web", "--url", later, "--valid-from", &from.to_rfc3339()],
    );
    clock.advance(Duration::from_secs(5));
    assert!(!ways(&pages, &links[0]).await.contains(&later.to_owned()), "it is not valid yet");
    clock.step_to(from);
    assert!(ways(&pages, &links[0]).await.contains(&later.to_owned()));

    let listed = desk.run(&["route", "list", "--merchant", "mall", "--format", "json"]).went_well();
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let states: Vec<_> = listed.iter().map(|one| (one["key"].as_str(), one["status"].as_str())).collect();
    let expected = [("mall-web", "closed"), ("mall-app", "open"), ("later", "early"), ("moved", "closed")];
    assert_eq!(states, expected.map(|(key, status)| (Some(key), Some(status))));
    let shown = desk.run(&["route", "show", "mall-web", "--wide"]).went_well();
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.contains("the config") && shown.contains("wang") && shown.contains("入口搬迁"), "{shown}");
    let told = route(&desk, &["close", "mall-app"]);
    assert!(told.contains("mall has no open route for every product"), "{told}");
}

#[test]
fn no_message_leaves_with_a_fixed_link_to_a_closed_route() {
    let fixed = ("channel = \"sms\"\n# Where", "channel = \"sms\"\nlink_mode = \"fixed\"\n# Where");
    let [open, moved, closed] = [(); 3].map(|()| planned(1, &[fixed]));
    assert!(sent(&open)[0].contains("https://pay.mall.example.com/bill"));

    let url = "https://pay.mall.example.com/moved";
    route(&moved, &["set", "moved", "--merchant", "mall", "--kind", "web", "--url", url]);
    route(&moved, &["close", "mall-web", "--replace-by", "moved"]);
    let text = sent(&moved).remove(0);
    assert!(text.contains(url) && !text.contains("/bill"), "{text}");

    route(&closed, &["close", "mall-web"]);
    let at = format!("{}T10:30:00+08:00", today());
    let done = closed.run(&["dispatch", "--drain", "--at", &at]);
    assert_eq!((done.code, closed.captured().len()), (3, 0), "it waits for a way: {}", done.out);
    let url = "https://pay.mall.example.com/again";
    route(&closed, &["set", "mall-web", "--url", url]);
    let later = format!("{}T10:35:00+08:00", today());
    closed.run(&["dispatch", "--drain", "--at", &later]).went_well();
    assert!(closed.captured()[0].contains(url));
}

#[test]
fn a_change_that_would_lead_astray_is_refused_and_leaves_no_trace() {
    let desk = Desk::new(None);
    desk.run(&["migrate"]).went_well();
    let made = ["set", "m", "--merchant", "mall", "--kind", "web", "--url"];
    let set = |url: &'static str| [&made[..], &[url]].concat();
    for (words, told) in [
        (set("https://evil.example/"), "not on the merchant's list"),
        (set("https://pay.mall.example.com@evil.example/"), "names a user"),
        (set("https://192.0.2.1/"), "IP address"),
        (set("https://p\u{430}y.mall.example.com/"), "look like another host"),
        (set("http://pay.mall.example.com/"), "begins with http:"),
        (set("javascript:alert(1)"), "begins with javascript:"),
        (vec!["set", "m", "--kind", "web", "--url", "https://pay.mall.example.com/"], "say its --merchant"),
        (vec!["set", "mall-web", "--merchant", "harbor"], "is mall's"),
        (set("https://pay.mall.example.com/{phone}"), "has {phone} in it, which is unknown"),
        (set("https://{order}.mall.example.com/"), "brace before its path"),
        (set("https://pay.mall.example.com/?s={signature}"), "route_key in [merchants.mall]"),
        (
            vec!["set", "mall-app", "--store", "https://apps.example.org/"],
            "--store leads to apps.example.org, which is not on the merchant's list",
        ),
        (vec!["set", "mall-app", "--step", "fr=Ouvrir"], "is no step"),
        (vec!["set", "mall-web", "--step", "en=Open it"], "is for routes of kind app only"),
        (
            vec!["set", "care", "--merchant", "mall", "--kind", "support", "--hours", "daily 09:00-21:00 UTC"],
            "--hours are of nobody",
        ),
        (vec!["close", "mal-web"], "no route mal-web"),
        (vec!["replace", "mall-web", "--by", "mall-web"], "leads back"),
        (vec!["replace", "mall-web", "--by", "harbor-web"], "another merchant's"),
    ] {
        let done = desk.run(&[&["route"], &words[..], &SIGNED].concat());
        assert_eq!(done.code, 2, "{words:?}: {}{}", done.out, done.err);
        assert!(done.err.contains(told), "{words:?}: {}", done.err);
    }
    let unsigned = desk.run(&["route", "close", "mall-web", "--actor", "wang", "--reason", " "]);
    assert_eq!(unsigned.code, 2, "{}", unsigned.err);
    let shown = desk.run(&["route", "show", "mall-web", "--wide"]).went_well();
    assert_eq!(shown.lines().count(), 2, "only what the config says: {shown}");
    assert_eq!(desk.run(&["route", "show", "m"]).code, 1);

    // A circle of replacements: each step alone is valid, the last one is refused.
    let url = "https://pay.mall.example.com/b";
    route(&desk, &["set", "b", "--merchant", "mall", "--kind", "web", "--url", url]);
    route(&desk, &["replace", "mall-web", "--by", "b"]);
    let round = desk.run(&[&["route", "replace", "b", "--by", "mall-web"], &SIGNED[..]].concat());
    assert!(round.code == 2 && round.err.contains("leads back to b"), "{}", round.err);
}

#[tokio::test]
async fn what_is_said_of_an_app_and_of_whom_to_ask_stands_on_the_page() {
    let desk = planned(1, &[]);
    let link = link(&sent(&desk)[0]);
    let clock = SimClock::at(at(&half_past_ten()));
    let pages = pages(&desk, &clock).await;
    let store = "https://apps.apple.com/cn/app/id1";
    route(&desk, &["set", "mall-app", "--store", store, "--step", "zh-CN=点“我的账单”", "--step", "zh-CN=点“还款”"]);
    route(&desk, &["set", "care", "--merchant", "mall", "--kind", "support", "--phone", "95000"]);
    route(&desk, &["set", "mall-web", "--url", "https://pay.mall.example.com/bill/{installment}"]);
    clock.advance(Duration::from_secs(5));
    let page = seen(&pages, &link).await;
    for shown in ["App Store", store, "<li>点“我的账单”</li>", "<li>点“还款”</li>", "tel:95000"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let gone = post_form(pages.clone(), &format!("{link}/go"), "route=mall-web&bill=1").await;
    assert_eq!(gone.header("location"), "https://pay.mall.example.com/bill/I0");

    // An option that is left out keeps its value; another kind starts afresh.
    route(&desk, &["set", "mall-app", "--url", "https://app.mall.example.com/moved"]);
    let shown = desk.run(&["route", "show", "mall-app", "--format", "json"]).went_well();
    let shown: Vec<serde_json::Value> = serde_json::from_str(&shown).expect("JSON");
    let last = shown.last().expect("a version");
    assert_eq!(last["url"], "https://app.mall.example.com/moved");
    assert_eq!(last["tells"], serde_json::json!([store, "点“我的账单”", "点“还款”"]));
    clock.advance(Duration::from_secs(5));
    assert!(seen(&pages, &link).await.contains("<li>点“还款”</li>"));
}

#[tokio::test]
async fn links_are_short_and_may_leave_out_the_r() {
    for (config, before) in [(None, "/r/"), (Some(("# bare_links = false", "bare_links = true")), "/")] {
        let desk = planned(1, config.as_slice());
        let text = sent(&desk).pop().expect("a message");
        let (_, link) = text.split_once("http://127.0.0.1:8080").expect("a link");
        let token = link.strip_prefix(before).expect("as the config says").split_whitespace().next().expect("a token");
        let token: String = token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        assert_eq!(token.len(), 16, "{text}");
        let pages = pages(&desk, &SimClock::at(at(&half_past_ten()))).await;
        assert!(seen(&pages, &format!("{before}{token}")).await.contains("name=\"route\""));
    }
}
