//! Secrets of callbacks: of all that is near the right address, only the right one is a door.

use axum::Router;
use axum::http::{StatusCode, Uri};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::{Builder, Runtime};

use super::{Bench, SECRET, post};
use crate::fuzz::{cases, damaged, watched};

const PATHS: &[&str] = &["teller/s3cret-s3cret-s3cret-s3cret", "teller/", "rival/s3cret-s3cret-s3cret-s3cret"];
const OF_PATHS: &[&str] = &["/", "%2f", "%00", "..", "?", "#", "%", "s3cret", "S", "-", "teller", "%74", "//"];

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn fuzz_secrets(path in damaged(PATHS, OF_PATHS), also in select(&["", "?a=b", "?%ff"][..])) {
        let path: String = path.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '%' }).collect();
        let path = format!("/callbacks/{path}{also}");
        let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
        thread_local! {
            static DOORS: (Runtime, Router) = {
                let runtime = Builder::new_current_thread().build().expect("a runtime");
                let router = runtime.block_on(async { Bench::new().await.router() });
                (runtime, router)
            };
        }
        let ask = |(runtime, router): &(Runtime, Router)| runtime.block_on(post(router.clone(), &path, "delivered \
            m-1"));
        let answer = watched("secrets of callbacks", path.len(), || DOORS.with(ask));
        // A percent-encoded path is the same path.
        let spelled = uri.path().replace("%74", "t");
        let is_right = spelled == format!("/callbacks/teller/{SECRET}");
        prop_assert_eq!(answer.status, if is_right { StatusCode::OK } else { StatusCode::NOT_FOUND }, "{}", path);
    }
}
