//! The rights of a daemon that serves the console alone, as `deploy/postgres/roles.sql` grants them: everything that
//! the pages offer works, and nothing else does.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::StaffRole;
use dueherald::http::console::pages;
use dueherald::store::{PostgresStore, RejectFilter, Stop, Store, WriteMode};

use super::super::logged;
use super::borrowers::post;
use super::{Bench, Browser, PASSWORD, csrf};
use crate::fixtures::{installment, row};
use crate::store::roles::{make_roles, url_as};
use crate::web::fake::instant;

const PAGE: &str = "/console/borrowers/mall/b%2D1";

#[tokio::test]
async fn the_console_needs_no_more_than_it_is_granted() {
    let database = crate::postgres::database().await;
    let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
    let open = async |url: String| {
        PostgresStore::connect(&url.into(), 4, Some(Arc::new(clock.clone()))).await.expect("the database is there")
    };
    let owner: Arc<dyn Store> = Arc::new(open(database.url()).await);
    owner.migrate().await.expect("the migrations run");
    let rows = [row(&installment("i-1", "b-1", "2026-11-25")), row(&installment("i-2", "b-1", "2026-12-25"))];
    owner.import(&rows, WriteMode::Commit).await.expect("imported");
    make_roles(&database).await;
    let desk: Arc<dyn Store> = Arc::new(open(url_as(&database, "dueherald_console")).await);
    let before = Bench::over(Arc::clone(&owner), &clock, "", None);
    for role in StaffRole::ALL {
        before.add(role.as_str(), *role).await;
    }
    let ids = super::queues::fill(&before).await;
    let bench = Bench::over(Arc::clone(&desk), &clock, "requests_per_minute = 10000", None);
    let log = logged(works(&bench, ids)).await;
    let denied: Vec<_> = log.lines().filter(|line| line.contains("permission denied")).collect();
    assert!(denied.is_empty(), "{}", denied.join("\n"));
    is_refused(&*desk).await;
}

/// Walks every page, and does what each form offers.
async fn works(bench: &Bench, ids: super::queues::QueueIds) {
    let mut admin = bench.browser();
    assert_eq!(bench.browser().log_in("admin", "wrong horse battery").await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.log_in("admin", PASSWORD).await.status, StatusCode::SEE_OTHER);
    bench.clock.advance(std::time::Duration::from_secs(61));
    let token = csrf(&admin.get("/console").await);
    for page in pages().into_iter().filter(|page| page.path != "/console/logout") {
        let path = page.path.replace("{merchant}", "mall").replace("{borrower}", "b-1").replace("{id}", &ids.unknown);
        let answer = match page.method {
            Method::GET => admin.get(&path).await,
            _ => admin.post(&path, &[("csrf", &token)]).await,
        };
        assert!(!answer.status.is_server_error(), "{} {path}: {}", page.method, answer.body);
    }
    let done = async |admin: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]| {
        let answer = post(admin, path, fields).await;
        let is_done = answer.header("location").contains("done=");
        assert!(is_done, "{path}: {} {}", answer.status, answer.body);
    };
    let reason = ("reason", "a test");
    let item = format!("unknown:{}", ids.unknown);
    for act in ["take", "leave"] {
        let taken = post(&mut admin, "/console/queues/take", &[("item", &item), ("act", act)]).await;
        assert_eq!(taken.header("location"), "/console/queues", "{}", taken.body);
    }
    done(&mut admin, "/console/queues/unknown", &[("id", &ids.unknown), ("finding", "sent"), reason]).await;
    done(&mut admin, "/console/queues/reply", &[("id", &ids.reply), ("meaning", "other")]).await;
    done(&mut admin, "/console/queues/rejects", &[("id", &ids.rejects[0]), ("act", "retry")]).await;
    done(&mut admin, "/console/queues/rejects", &[("id", &ids.rejects[1]), ("act", "drop"), reason]).await;
    let page = admin.get("/console/notices/moved").await;
    let seen = super::borrowers::hidden(&page, "seen");
    done(&mut admin, "/console/notices/moved", &[("seen", &*seen), reason]).await;
    let preview = admin.get(&format!("{PAGE}/preview?channel=sms&due_date=2026-12-25")).await;
    let seen = super::borrowers::hidden(&preview, "seen");
    let fields = [("channel", "sms"), ("due_date", "2026-12-25"), ("seen", &*seen), reason];
    done(&mut admin, &format!("{PAGE}/resend"), &fields).await;
    done(&mut admin, &format!("{PAGE}/hold"), &[("kind", "dispute"), ("note", "the amount")]).await;
    done(&mut admin, &format!("{PAGE}/release"), &[]).await;
    done(&mut admin, &format!("{PAGE}/preferences"), &[("language", "en"), ("channel", "email")]).await;
    done(&mut admin, &format!("{PAGE}/suppress"), &[("channel", "email"), reason]).await;
    // PostgreSQL takes no NUL.
    let found = post(&mut admin, "/console/find", &[("text", "b-1\0")]).await;
    assert_eq!(found.header("location"), PAGE, "{}", found.body);
    assert_eq!(admin.get("/console/audit?actor=%00&borrower=%00").await.status, StatusCode::OK);
    let page = admin.get(PAGE).await;
    let seen = super::borrowers::hidden(&page, "seen");
    done(&mut admin, &format!("{PAGE}/lift"), &[("channel", "email"), ("seen", &*seen), reason]).await;
    let left = post(&mut admin, "/console/logout", &[]).await;
    assert_eq!(left.header("location"), "/console/login");
    assert!(bench.store.rejects(&RejectFilter { limit: 9, ..Default::default() }).await.expect("listed").is_empty());
}

async fn is_refused(desk: &dyn Store) {
    let denied = |error: &dyn std::fmt::Display| error.to_string().contains("permission denied");
    let turn = desk.take_turn("scan", "desk", TimeDelta::seconds(1)).await;
    assert!(turn.is_err_and(|error| denied(&error)), "no work is taken");
    assert!(desk.tokens().await.is_err_and(|error| denied(&error)), "tokens are not read");
    let (actor, reason, since) = ("mallory".to_owned(), "a test".to_owned(), instant("2026-11-22T01:00:00Z"));
    let stop = desk.stop(&Stop { merchant: None, channel: None, actor, reason, since }).await;
    assert!(stop.is_err_and(|error| denied(&error)), "nothing is stopped");
    let by = dueherald::domain::ManualChange { actor: "mallory".to_owned(), reason: "a test".to_owned(), at: since };
    assert!(desk.arm(&by, 1).await.is_err_and(|error| denied(&error)), "no database is armed");
}
