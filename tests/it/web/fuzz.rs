//! Forms, paths and headers of borrowers' pages with hostile values: no answer but those that a page knows, nothing on
//! record that was not asked for in due form, and no redirect off the merchant's hosts.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use dueherald::render::Purpose;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::{Builder, Runtime};

use super::fake::{REMINDER, World};
use super::refusals::{keys, router};
use super::{Answer, answered};
use crate::fuzz::{cases, damaged, watched};

const FORMS: &[&str] = &[
    "digits=1111",
    "digits=%EF%BC%91%EF%BC%91%EF%BC%91%EF%BC%91",
    "route=web&bill=1&proof=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "route=app",
    "List-Unsubscribe=One-Click",
    "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n",
    "language=en&channel=sms&hours=09:00-12:00",
    "language=&channel=&hours=",
    "code=23456789AB",
    "/r/AYH5TPoiOxr00De9P7Csitl1tdUcbkrCfw/go?route=web",
];

const OF_FORMS: &[&str] = &[
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "%0d%0a",
    "+",
    "route=web",
    "bill=-1",
    "bill=99999999999999999999",
    "proof=",
    "digits=",
    "digits=0000",
    "One-Click",
    "List-Unsubscribe",
    "language=fr",
    "channel=fax",
    "hours=25:00-26:00",
    "code=",
    "\u{0}",
    "\r\n\r\n",
    "\"",
    "é",
    "../",
    "//",
    "?",
    "#",
];

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Checks that hold for every answer to a stranger.
fn is_plain(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(!answer.status.is_server_error() && answer.body.len() < 32 * 1024, "{}", answer.status);
    prop_assert!(answer.header("set-cookie").is_empty());
    prop_assert_eq!(answer.header("cache-control"), "no-store");
    Ok(())
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn fuzz_forms(body in damaged(FORMS, OF_FORMS), door in 0..4_usize) {
        let world = World::new();
        let store = &world.store;
        let (suppressed, wished) = (Arc::clone(&store.suppressed), Arc::clone(&store.wished));
        let (clicks, tried) = (Arc::clone(&store.clicks), Arc::clone(&store.tried));
        let seal = |purpose| keys(9).seal(purpose, REMINDER);
        let path = match door {
            0 => format!("/r/{}", seal(Purpose::Landing)),
            1 => format!("/r/{}/go", seal(Purpose::Landing)),
            2 => format!("/u/{}", seal(Purpose::Unsubscribe)),
            _ => "/verify".to_owned(),
        };
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body.clone())).expect("a request");
        let router = router(world);
        let answer = watched("forms", body.len(), || runtime().block_on(answered(router, request)));
        is_plain(&answer)?;
        let counts = (clicks.lock().unwrap().len(), tried.lock().unwrap().len(), suppressed.lock().unwrap().len(), wished.lock().unwrap().len());
        let place = answer.header("location");
        let holds = |words: &str| body.windows(words.len()).any(|window| window == words.as_bytes());
        match door {
            0 => prop_assert!(counts.1 <= 2 && (counts.0, counts.2, counts.3) == (0, 0, 0), "{:?}", counts),
            1 => {
                let leads_on = place.starts_with("https://pay.yunfan.example/") || place.starts_with("mallpay://repay");
                prop_assert!(leads_on || place.starts_with("../"), "{}", place);
                prop_assert_eq!(counts, (usize::from(leads_on), 0, 0, 0));
            }
            2 => {
                prop_assert!(counts.2 == 0 || holds("One-Click"), "unsubscribed without a word");
                prop_assert!(!holds("List-Unsubscribe=One-Click") || counts.2 == 1, "a wish was lost");
                prop_assert!((counts.0, counts.1) == (0, 0) && counts.3 <= 1);
            }
            _ => prop_assert_eq!((answer.status, counts), (StatusCode::OK, (0, 0, 0, 0))),
        }
        prop_assert!(door == 1 || place.is_empty(), "{}", place);
    }

    #[test]
    fn fuzz_paths_and_headers(
        path in damaged(FORMS, OF_FORMS), host in "\\PC{0,20}", client in "[0-9a-f.:,\\[\\] x]{0,24}",
        method in select(&[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS][..])
    ) {
        let path: String = path.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '%' }).collect();
        let Ok(host) = HeaderValue::from_str(&host) else { return Ok(()) };
        let Ok(request) = Request::builder().method(method).uri(format!("/{path}")).header("host", host).body(Body::empty()) else {
            return Ok(());
        };
        let mut world = World::new();
        world.http.client_header = Some(HeaderName::from_static("x-forwarded-for"));
        let (parts, body) = request.into_parts();
        let mut request = Request::from_parts(parts, body);
        request.headers_mut().insert("x-forwarded-for", HeaderValue::from_str(&client).expect("ASCII"));
        let router = router(world);
        let answer = watched("paths and headers", path.len(), || runtime().block_on(answered(router, request)));
        is_plain(&answer)?;
        prop_assert!(answer.status.is_client_error() || answer.status == StatusCode::OK, "{}", answer.status);
    }
}
