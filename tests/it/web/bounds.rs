//! The limits on how much one client may request, and how much one link may write.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use dueherald::domain::{Channel, Locale, PreferredHours};
use dueherald::http::ops::Figures;
use dueherald::http::public;
use futures_util::FutureExt;

use super::fake::{TOKEN, UNSUBSCRIBE_TOKEN, World};
use super::{Answer, answered, get, post_form};

async fn from(router: &Router, peer: [u8; 4], path: &str) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 4711))));
    answered(router.clone(), request).await
}

#[tokio::test]
async fn pages_to_unsubscribe_are_limited_too_though_less() {
    let mut world = World::new();
    world.http.requests_per_minute = 2;
    let router = public::router(world.public());
    let (mail_program, other) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let mut served = 0;
    while from(&router, mail_program, "/u/nobodys").await.status == StatusCode::NOT_FOUND {
        served += 1;
    }
    assert_eq!(served, 40);
    assert_eq!(from(&router, mail_program, "/u/nobodys").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from(&router, other, "/u/nobodys").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wished_for_already_is_put_on_record_once() {
    let mut world = World::new();
    let borrower = world.borrower();
    borrower.locale = Some(Locale::new("en").expect("a locale"));
    borrower.preferred_channel = Some(Channel::Sms);
    borrower.preferred_hours = Some("18:00-21:00".parse::<PreferredHours>().expect("hours"));
    let wished = Arc::clone(&world.store.wished);
    let router = public::router(world.public());
    let path = format!("/u/{UNSUBSCRIBE_TOKEN}");
    for _ in 0..3 {
        let same = "preferences=save&language=en&channel=sms&hours=18%3A00-21%3A00";
        let answer = post_form(router.clone(), &path, same).await;
        assert_eq!((answer.status, answer.body.contains("Saved")), (StatusCode::OK, true), "{}", answer.body);
    }
    assert!(wished.lock().unwrap().is_empty(), "nothing changed");
    post_form(router, &path, "preferences=save&language=en&channel=&hours=").await;
    assert_eq!(wished.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn one_link_changes_preferences_no_more_than_ten_times_an_hour() {
    let world = World::new();
    let (wished, clock) = (Arc::clone(&world.store.wished), world.clock.clone());
    let router = public::router(world.public());
    let change = async |number: usize| {
        let hours = ["09%3A00-12%3A00", "18%3A00-21%3A00"][number % 2];
        let form = format!("preferences=save&language=en&channel=sms&hours={hours}");
        post_form(router.clone(), &format!("/u/{UNSUBSCRIBE_TOKEN}"), form).await.status
    };
    for number in 0..200 {
        let expected = if number < 10 { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(change(number).await, expected, "change {number}");
    }
    assert_eq!(wished.lock().unwrap().len(), 10);
    let one_click = post_form(router.clone(), &format!("/u/{UNSUBSCRIBE_TOKEN}"), "List-Unsubscribe=One-Click").await;
    assert_eq!(one_click.status, StatusCode::OK, "an opt-out is always taken");
    clock.advance(std::time::Duration::from_secs(360));
    assert_eq!(change(0).await, StatusCode::OK);
}

#[tokio::test]
async fn a_thousand_clicks_on_one_link_lead_on_and_few_are_put_on_record() {
    let world = World::new();
    let clicks = Arc::clone(&world.store.clicks);
    let router = public::router(world.public());
    for _ in 0..1_000 {
        let answer = post_form(router.clone(), &format!("/r/{TOKEN}/go"), "route=web").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(answer.header("location").starts_with("https://"), "{}", answer.header("location"));
    }
    assert_eq!(clicks.lock().unwrap().len(), 20);
}

#[test]
fn refusals_are_counted_by_reason() {
    let figures = Figures::new();
    let text = figures.locally(|| {
        let mut world = World::new();
        world.http.requests_per_minute = 3;
        let router = public::router(world.public());
        let now = "every step of it is in memory";
        get(router.clone(), "/r/nobodys").now_or_never().expect(now);
        get(router.clone(), "/nowhere").now_or_never().expect(now);
        post_form(router.clone(), &format!("/r/{TOKEN}"), "digits=0000").now_or_never().expect(now);
        for _ in 0..5 {
            from(&router, [192, 0, 2, 1], "/verify").now_or_never().expect(now);
        }
        figures.text()
    });
    let count = |reason: &str| {
        let line = format!("dueherald_requests_refused_total{{reason=\"{reason}\"}} ");
        text.lines().find_map(|text| text.strip_prefix(&line)).map(str::to_owned)
    };
    let counts = ["not_found", "wrong_digits", "too_many", "unauthorized"].map(count);
    assert_eq!(counts.map(Option::unwrap_or_default), ["2", "1", "2", "0"], "{text}");
}
