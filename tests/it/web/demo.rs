//! The demo page.

use axum::http::StatusCode;
use dueherald::domain::{Channel, EmailParts, Locale, Message, SkipReason, SmsText};
use dueherald::http::demo::{DemoMessage, DemoSkipped, DemoView, router, skip_words};

use super::fake::{Health, TOKEN, World, date};
use super::{get, without_style};

fn at(text: &str) -> chrono::DateTime<chrono::FixedOffset> {
    text.parse().expect("a time with its offset")
}

pub(crate) fn sms(link: &str) -> DemoMessage {
    DemoMessage {
        borrower: "林晓".into(),
        merchant: "云帆商城".into(),
        from: "云帆商城".into(),
        to: "+86 138 0013 8000".into(),
        locale: Locale::new("zh-CN").expect("a tag"),
        message: Message::Sms(SmsText(format!("【云帆商城】您有2笔账单将于11月25日到期：{link} 客服400-820-8820"))),
        link: Some(link.into()),
        at: at("2026-11-22T09:00:00+08:00"),
        segments: Some(2),
    }
}

pub(crate) fn email(link: &str) -> DemoMessage {
    DemoMessage {
        borrower: "Grace Lee".into(),
        merchant: "Yunfan Mall".into(),
        from: "Yunfan Mall <notice@yunfan.example>".into(),
        to: "grace@mail.example".into(),
        locale: Locale::new("en").expect("a tag"),
        message: Message::Email(EmailParts {
            subject: "Your bill is due on 25 November".into(),
            text: format!("Repay here: {link}"),
            html: format!("<p style=\"color:teal\">Repay <a href=\"{link}\">here</a></p><script>alert(1)</script>"),
            unsubscribe: None,
        }),
        link: Some(link.into()),
        at: at("2026-11-22T09:00:01+08:00"),
        segments: None,
    }
}

fn view(messages: Vec<DemoMessage>) -> DemoView {
    let skipped = |borrower: &str, channel, reason| DemoSkipped {
        borrower: borrower.into(),
        merchant: "云帆商城".into(),
        channel,
        reason,
        due_date: date("2026-11-25"),
    };
    DemoView {
        title: "What arrived".into(),
        messages,
        skipped: vec![
            skipped("王磊", Channel::Sms, SkipReason::Paid),
            skipped("赵敏", Channel::Email, SkipReason::OptedOut),
        ],
    }
}

fn link() -> String {
    format!("https://l.yunfan.example/r/{TOKEN}")
}

#[tokio::test]
async fn the_page_shows_messages_skips_and_links() {
    let page = get(router(view(vec![sms(&link()), email(&link())]), World::new().public()), "/").await;
    assert_eq!(page.status, StatusCode::OK);
    insta::assert_snapshot!("demo", without_style(&page.body));
}

#[tokio::test]
async fn a_link_is_called_working_only_if_its_page_is_there() {
    let own = format!("/r/{TOKEN}");
    let demo = || view(vec![sms(&link()), sms("https://l.yunfan.example/r/broken")]);
    let page = get(router(demo(), World::new().public()), "/").await;
    assert!(page.body.contains(r#"class="good"><span class="en">Works: shows the ways to repay"#));
    assert!(page.body.contains(r#"class="bad"><span class="en">Does not work"#));
    assert!(page.body.contains("<b>1<small>/2</small></b>"), "one link of two works");
    assert_eq!(get(router(demo(), World::new().public()), &own).await.status, StatusCode::OK);
    assert_eq!(get(router(demo(), World::new().public()), "/r/broken").await.status, StatusCode::NOT_FOUND);

    let mut paid = World::new();
    paid.set_status(dueherald::domain::InstallmentStatus::Paid);
    assert!(get(router(demo(), paid.public()), "/").await.body.contains("Works: says that it is paid"));

    let mut failing = World::new();
    failing.store.health = Health::Failing;
    let page = get(router(demo(), failing.public()), "/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Could not be checked") && !page.body.contains("Works:"));
}

#[tokio::test]
async fn what_a_message_says_stays_inside_its_frame() {
    let mut hostile = sms(&link());
    hostile.message = Message::Sms(SmsText("<script>alert(1)</script>".into()));
    let page = get(router(view(vec![hostile, email(&link())]), World::new().public()), "/").await;
    assert!(!page.body.contains("<script") && page.body.contains(r#"sandbox="""#));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src data:;"), "{policy}");
    assert!(!policy.contains("script-src"));
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn messages_to_one_phone_stand_on_one_screen() {
    let mut other = sms(&link());
    other.to = "+86 139 0000 0000".into();
    let page = get(router(view(vec![sms(&link()), other, sms(&link())]), World::new().public()), "/").await;
    assert_eq!(page.body.matches(r#"<article class="phone">"#).count(), 2);
    assert_eq!(page.body.matches(r#"class="bubble""#).count(), 3);
}

#[tokio::test]
async fn a_demo_of_nothing_says_so() {
    let empty = DemoView { title: "Nothing".into(), messages: Vec::new(), skipped: Vec::new() };
    let page = get(router(empty, World::new().public()), "/").await;
    for said in ["No SMS was sent.", "No e-mail was sent.", "Everything that was planned was sent."] {
        assert!(page.body.contains(said), "{said}");
    }
}

#[test]
fn every_reason_has_words_of_its_own_in_both_languages() {
    let mut seen = std::collections::BTreeSet::new();
    for reason in SkipReason::ALL {
        let words = skip_words(*reason);
        assert!(seen.insert(words.en) && seen.insert(words.zh), "{reason} is told like another");
        assert!(!words.en.contains(reason.as_str()) || *reason == SkipReason::Paid || *reason == SkipReason::Cancelled);
    }
}
