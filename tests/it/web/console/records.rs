//! Logins on record: who came, who went, and who did not get in.

use std::time::Duration;

use axum::http::StatusCode;
use dueherald::domain::{AuditAction, AuditEntry, StaffRole};
use dueherald::store::AuditFilter;

use super::{Bench, Browser, PASSWORD, csrf};

/// The entries of an action, oldest first.
pub(super) async fn entries(bench: &Bench, action: AuditAction) -> Vec<AuditEntry> {
    let filter = AuditFilter { action: Some(action), limit: 1_000, ..AuditFilter::default() };
    let mut entries = bench.store.audit_entries(&filter).await.expect("listed");
    entries.reverse();
    entries
}

/// Actor, object and the words behind it.
pub(super) fn told(entry: &AuditEntry) -> (String, Option<String>, Option<String>) {
    let after = entry.personal.values().and_then(|values| values.after);
    (entry.record.actor.clone(), entry.record.object.clone(), after)
}

#[tokio::test]
async fn a_login_and_a_logout_are_on_record_with_session_and_client() {
    for bench in [Bench::memory(), Bench::sqlite().await] {
        bench.add("li", StaffRole::Agent).await;
        let mut browser = bench.browser();
        browser.log_in("li", PASSWORD).await;
        let login = entries(&bench, AuditAction::Login).await;
        assert_eq!(
            login.iter().map(told).collect::<Vec<_>>(),
            [("li".to_owned(), Some("user li".to_owned()), Some("by password".to_owned()))]
        );
        assert_eq!(login[0].personal.values().and_then(|values| values.client).as_deref(), Some("192.0.2.1"));
        let token = csrf(&browser.get("/console").await);
        browser.post("/console/logout", &[("csrf", &token)]).await;
        let logout = entries(&bench, AuditAction::Logout).await;
        assert_eq!(logout.iter().map(told).collect::<Vec<_>>(), [("li".to_owned(), Some("user li".to_owned()), None)]);
        let place = |entry: &AuditEntry| (entry.record.signer.clone(), entry.record.place.clone());
        assert_eq!(place(&logout[0]), place(&login[0]), "they are of one session");
        let cookie = browser.cookie("session");
        assert_eq!(cookie, None);
    }
}

#[tokio::test]
async fn a_failed_login_names_a_user_and_never_what_was_typed() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    for (typed, password) in [("li", "wrong horse battery"), ("my secret by mistake", PASSWORD), ("nobody", PASSWORD)] {
        bench.browser().log_in(typed, password).await;
    }
    let failed = entries(&bench, AuditAction::LoginFailed).await;
    let wrong = || Some("wrong name or password".to_owned());
    let expected = [Some("user li".to_owned()), None, None].map(|user| ("unknown".to_owned(), user, wrong()));
    assert_eq!(failed.iter().map(told).collect::<Vec<_>>(), expected);
    let all = format!("{failed:?}{:?}", failed.iter().map(|entry| &entry.personal).collect::<Vec<_>>());
    assert!(!all.contains("mistake") && !all.contains("nobody"), "{all}");
}

#[tokio::test]
async fn a_flood_of_failed_logins_does_not_flood_the_log() {
    const CLIENTS: [&str; 4] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
    let bench = Bench::with("requests_per_minute = 10000");
    bench.add("li", StaffRole::Agent).await;
    let flood = async || {
        for client in CLIENTS {
            for _ in 0..5 {
                let mut browser = Browser { client, ..bench.browser() };
                assert_eq!(browser.log_in("nobody", "wrong horse battery").await.status, StatusCode::FORBIDDEN);
            }
        }
    };
    flood().await;
    assert_eq!(entries(&bench, AuditAction::LoginFailed).await.len(), 3 * CLIENTS.len());
    bench.clock.advance(Duration::from_secs(90));
    bench.browser().log_in("nobody", "wrong horse battery").await;
    let last = entries(&bench, AuditAction::LoginFailed).await.pop().map(|entry| told(&entry).2).expect("it is there");
    assert_eq!(last.as_deref(), Some("wrong name or password; 2 more before it have no entry"));
}
