//! Notices that wait for approval: whoever approves one has its texts before the eyes.

use axum::http::StatusCode;
use dueherald::clock::Clock;
use dueherald::domain::{
    AuditAction, BorrowerKey, Channel, Locale, Notice, NoticeChange, NoticeState, PersonName, Recipient, StaffRole,
};
use dueherald::store::{FieldUpdate, LedgerRow, WriteMode};

use super::borrowers::{audited, bench, hidden, logged_in, post};
use super::{Answer, Bench, Browser};
use crate::fixtures::{day, installment, row};

const QUEUES: &str = "/console/queues";

/// Makes a notice to borrower `b-1` of each merchant, which waits for approval.
pub(super) async fn notice(bench: &Bench, name: &str, actor: &str, merchants: &[&str]) {
    let notice = Notice {
        name: name.parse().expect("a name"),
        template: "entry-moved".parse().expect("a name"),
        selection: "merchant mall".to_owned(),
        state: NoticeState::Draft,
        actor: actor.to_owned(),
        reason: "moved".to_owned(),
        at: bench.clock.now(),
    };
    let store = &bench.store;
    store.add_notice(&notice).await.expect("made");
    let recipient = |merchant: &&str| Recipient {
        borrower: BorrowerKey { merchant: merchant.parse().expect("an id"), id: "b-1".parse().expect("an id") },
        due_date: day("2026-11-25"),
        channel: Channel::Sms,
    };
    store.add_recipients(&notice.name, &merchants.iter().map(recipient).collect::<Vec<_>>()).await.expect("added");
    let change = NoticeChange {
        state: NoticeState::AwaitingApproval,
        at: bench.clock.now(),
        actor: actor.to_owned(),
        reason: "moved".to_owned(),
    };
    assert!(store.move_notice(&notice.name, NoticeState::Draft, &change).await.expect("moved"));
}

fn path(name: &str) -> String {
    format!("/console/notices/{name}")
}

/// Approves a notice as a page shows it.
async fn approve(browser: &mut Browser<'_>, name: &str, page: &Answer) -> Answer {
    let seen = hidden(page, "seen");
    post(browser, &path(name), &[("seen", &seen), ("reason", "checked")]).await
}

#[tokio::test]
async fn a_notice_is_approved_by_another_person_who_works_for_all_its_merchants() {
    let bench = bench().await;
    notice(&bench, "moved", "wang", &["mall"]).await;
    notice(&bench, "own", "supervisor", &["mall"]).await;
    notice(&bench, "wide", "wang", &["mall", "harbour"]).await;
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let seen = supervisor.get(QUEUES).await;
    assert!(seen.body.contains("<b>moved</b>") && seen.body.contains("/console/notices/moved\""), "{}", seen.body);
    assert!(!seen.body.contains("<b>wide</b>"));
    for name in ["wide", "nothing", "no%20name", "%7f"] {
        assert_eq!(supervisor.get(&path(name)).await.status, StatusCode::NOT_FOUND, "{name}");
        let refused = post(&mut supervisor, &path(name), &[("reason", "checked")]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{name}");
    }
    let page = supervisor.get(&path("moved")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let own = supervisor.get(&path("own")).await;
    assert!(own.body.contains("Another person has to approve") && !own.body.contains("name=\"seen\""), "{}", own.body);
    assert_eq!(approve(&mut supervisor, "own", &page).await.status, StatusCode::CONFLICT);
    let unread = post(&mut supervisor, &path("moved"), &[("reason", "checked")]).await;
    assert!(unread.status == StatusCode::CONFLICT && unread.body.contains("The texts have changed"), "{}", unread.body);
    let done = approve(&mut supervisor, "moved", &page).await;
    assert_eq!(done.header("location"), format!("{QUEUES}?done=approved"), "{}", done.body);
    assert_eq!(approve(&mut supervisor, "moved", &page).await.status, StatusCode::CONFLICT, "it is approved once");
    assert_eq!(supervisor.get(&path("moved")).await.status, StatusCode::CONFLICT);
    assert_eq!(audited(&bench, AuditAction::ApproveNotice).await, 1);
}

#[tokio::test]
async fn each_text_that_a_recipient_gets_is_shown_before_the_button() {
    let bench = bench().await;
    let name = FieldUpdate::Set(Some(PersonName::new("欧阳晓雯").expect("a name")));
    let named = LedgerRow { name, ..row(&installment("i-1", "b-1", "2026-11-25")) };
    bench.store.import(&[named], WriteMode::Commit).await.expect("imported");
    notice(&bench, "moved", "wang", &["mall"]).await;
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    let page = viewer.get(&path("moved")).await;
    assert!(page.body.contains("【示例商城】") && page.body.contains("zh-CN"), "{}", page.body);
    assert!(!page.body.contains("欧阳晓雯"), "the borrower is made up: {}", page.body);
    assert!(!page.body.contains("name=\"seen\""), "a viewer reads only");
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let before = supervisor.get(&path("moved")).await;
    let text = before.body.find("<pre class=\"message\">").expect("there is a text");
    assert!(text < before.body.find("name=\"seen\"").expect("there is a button"));

    // The only recipient turns out to read English.
    let locale = FieldUpdate::Set(Some(Locale::new("en").expect("a tag")));
    let english = LedgerRow { locale, ..row(&installment("i-1", "b-1", "2026-11-25")) };
    bench.store.import(&[english], WriteMode::Commit).await.expect("imported");
    let refused = approve(&mut supervisor, "moved", &before).await;
    assert!(refused.body.contains("The texts have changed since you read them"), "{}", refused.body);
    assert_eq!(audited(&bench, AuditAction::ApproveNotice).await, 0);
    let after = supervisor.get(&path("moved")).await;
    assert!(after.body.contains("· en <span"), "{}", after.body);
    let done = approve(&mut supervisor, "moved", &after).await;
    assert_eq!(done.header("location"), format!("{QUEUES}?done=approved"), "{}", done.body);
}
