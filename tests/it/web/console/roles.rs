//! The matrix of roles and pages, walked from the table.

use axum::http::{Method, StatusCode};
use dueherald::domain::StaffRole;
use dueherald::http::console::{PageAccess, pages};

use super::{Bench, PASSWORD, csrf};

#[tokio::test]
async fn each_page_lets_in_the_roles_that_allow_it_and_no_other() {
    let bench = Bench::with("requests_per_minute = 10000");
    let mut browsers = Vec::new();
    for role in StaffRole::ALL {
        bench.add(role.as_str(), *role).await;
        let mut browser = bench.browser();
        assert_eq!(browser.log_in(role.as_str(), PASSWORD).await.status, StatusCode::SEE_OTHER);
        browsers.push((*role, browser));
    }
    let mut cells = 0;
    for page in pages() {
        let path = page
            .path
            .replace("{merchant}", "mall")
            .replace("{borrower}", "b-1")
            .replace("{id}", "1")
            .replace("{attempt}", "1")
            .replace("{name}", "moved");
        for (role, browser) in &browsers {
            // Each cell with a session of its own, as one page ends it.
            let mut browser = browser.clone();
            let start = browser.get("/console").await;
            if start.status != StatusCode::OK {
                browser.log_in(role.as_str(), PASSWORD).await;
            }
            let token = csrf(&browser.get("/console").await);
            let answer = match page.method {
                Method::GET => browser.get(&path).await,
                _ => browser.post(&path, &[("csrf", &token)]).await,
            };
            let cell = format!("{} {path} as {role}: {}", page.method, answer.status);
            if page.access != PageAccess::Open {
                assert_eq!(answer.status != StatusCode::FORBIDDEN, page.access.allows(*role), "{cell}");
                let is_sent_to_login = answer.header("location").starts_with("/console/login");
                assert!(!is_sent_to_login || path == "/console/logout", "{cell}");
            }
            assert!(!answer.status.is_server_error(), "{cell}");
            cells += 1;
        }
        let mut stranger = bench.browser();
        let form = stranger.get("/console/login").await;
        let answer = match page.method {
            Method::GET => stranger.get(&path).await,
            _ => stranger.post(&path, &[("csrf", &csrf(&form))]).await,
        };
        let is_sent_away = answer.header("location").starts_with("/console/login");
        assert_eq!(is_sent_away, page.access != PageAccess::Open, "{} {path} without a login", page.method);
    }
    assert_eq!(cells, pages().len() * StaffRole::ALL.len());
}

#[tokio::test]
async fn only_the_login_is_open() {
    let open: Vec<_> =
        pages().into_iter().filter(|page| page.access == PageAccess::Open).map(|page| page.path).collect();
    assert_eq!(open, ["/console/login", "/console/login", "/console/oidc/start", "/console/oidc/callback"]);
}
