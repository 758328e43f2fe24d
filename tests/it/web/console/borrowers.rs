//! Search, the page of a borrower, and what its forms do.

use axum::http::{Method, StatusCode};
use dueherald::clock::Clock;
use dueherald::domain::{AuditAction, EmailParts, InstallmentStatus, Message, MessageRecord, StaffRole};
use dueherald::store::{AuditFilter, ReminderFilter, WriteMode};
use rstest::rstest;

use super::{Answer, Bench, Browser, PASSWORD, csrf};
use crate::fixtures::{installment, reminder, row};
use crate::store::outcomes::{accepted, settle};
use crate::store::sample::claim_all;

pub(super) const PAGE: &str = "/console/borrowers/mall/b%2D1";

/// A console with borrower `b-1` of `mall`, who owes two instalments, and one of `harbour`.
pub(super) async fn bench() -> Bench {
    let bench = Bench::memory();
    let rows = [row(&installment("i-1", "b-1", "2026-11-25")), row(&installment("i-2", "b-1", "2026-12-25"))];
    bench.store.import(&rows, WriteMode::Commit).await.expect("imported");
    for role in StaffRole::ALL {
        bench.add(role.as_str(), *role).await;
    }
    bench
}

pub(super) async fn logged_in<'b>(bench: &'b Bench, role: StaffRole) -> Browser<'b> {
    let mut browser = bench.browser();
    assert_eq!(browser.log_in(role.as_str(), PASSWORD).await.status, StatusCode::SEE_OTHER);
    browser
}

pub(super) async fn post(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Answer {
    let token = csrf(&browser.get("/console").await);
    let fields: Vec<_> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
    browser.post(path, &fields).await
}

pub(super) async fn audited(bench: &Bench, action: AuditAction) -> usize {
    let filter = AuditFilter { action: Some(action), limit: 100, ..AuditFilter::default() };
    bench.store.audit_entries(&filter).await.expect("listed").len()
}

#[rstest]
#[case::number("b-1")]
#[case::installment("i-2")]
#[case::phone("138 0013 8000")]
#[case::end_of_phone("8000")]
#[case::email("Zhang@Example.com")]
#[case::name("张三")]
#[tokio::test]
async fn whatever_the_caller_says_leads_to_the_borrower(#[case] text: &str) {
    let bench = bench().await;
    let mut browser = logged_in(&bench, StaffRole::Viewer).await;
    let found = post(&mut browser, "/console/find", &[("text", text)]).await;
    assert_eq!((found.status, found.header("location")), (StatusCode::SEE_OTHER, PAGE), "{}", found.body);
}

#[tokio::test]
async fn the_page_says_what_is_owed_and_what_comes_next_in_the_language_of_the_reader() {
    let bench = bench().await;
    let mut browser = logged_in(&bench, StaffRole::Agent).await;
    let page = browser.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for text in ["张三", "What is owed", "in 3 days", "…8000", "z…@example.com", "What to say on the phone"] {
        assert!(page.body.contains(text), "{text} is missing: {}", page.body);
    }
    for text in ["+8613800138000", "zhang@example.com", "Internal", "internal error"] {
        assert!(!page.body.contains(text), "{text} is shown");
    }
    let headers = [("sec-fetch-site", "none"), ("accept-language", "zh-CN")];
    let page = browser.send(Method::GET, PAGE, &headers, String::new()).await;
    for text in ["待还账单", "3天后", "电话答复参考"] {
        assert!(page.body.contains(text), "{text} is missing: {}", page.body);
    }
}

#[tokio::test]
async fn addresses_are_shown_whole_to_whom_may_see_them_and_on_record() {
    let bench = bench().await;
    let path = format!("{PAGE}/reveal");
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    assert_eq!(post(&mut viewer, &path, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(audited(&bench, AuditAction::Reveal).await, 0);
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = post(&mut agent, &path, &[]).await;
    assert!(page.body.contains("+8613800138000") && page.body.contains("zhang@example.com"), "{}", page.body);
    assert_eq!(audited(&bench, AuditAction::Reveal).await, 1);
}

#[tokio::test]
async fn a_strict_hold_is_ended_by_a_supervisor_only() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let held =
        post(&mut agent, &format!("{PAGE}/hold"), &[("kind", "deceased"), ("note", "letter"), ("until", "")]).await;
    assert_eq!(held.header("location"), format!("{PAGE}?done=held"), "{}", held.body);
    assert!(agent.get(&format!("{PAGE}?done=held")).await.body.contains("The borrower is on hold."));
    for (path, fields) in [("release", &[][..]), ("hold", &[("kind", "dispute")][..])] {
        let refused = post(&mut agent, &format!("{PAGE}/{path}"), fields).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{path}");
        assert!(refused.body.contains("Only a supervisor ends this hold."), "{}", refused.body);
    }
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let released = post(&mut supervisor, &format!("{PAGE}/release"), &[]).await;
    assert_eq!(released.header("location"), format!("{PAGE}?done=released"));
    let entries = audited(&bench, AuditAction::Hold).await + audited(&bench, AuditAction::Release).await;
    assert_eq!(entries, 2, "each change has its entry, and a refusal has none");
}

#[tokio::test]
async fn who_says_that_it_is_paid_is_left_alone_for_two_days() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    post(&mut agent, &format!("{PAGE}/hold"), &[("kind", "says_paid")]).await;
    let page = agent.get(PAGE).await;
    assert!(page.body.contains("On hold until 2026-11-24 10:00 CST"), "{}", page.body);
}

#[rstest]
#[case::preferences(&[("language", "en"), ("channel", "email"), ("hours", "18:00-21:00")], "done=preferences")]
#[case::nothing(&[("language", ""), ("channel", ""), ("hours", "")], "done=preferences")]
#[tokio::test]
async fn preferences_are_recorded(#[case] fields: &[(&str, &str)], #[case] expected: &str) {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let done = post(&mut agent, &format!("{PAGE}/preferences"), fields).await;
    assert_eq!(done.header("location"), format!("{PAGE}?{expected}"), "{}", done.body);
}

#[tokio::test]
async fn a_borrower_of_another_merchant_is_not_there() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    for path in ["/console/borrowers/harbour/b-1", "/console/borrowers/mall/b-2", "/console/borrowers/nowhere/b-1"] {
        assert_eq!(agent.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let refused = post(&mut agent, "/console/borrowers/harbour/b-1/reveal", &[]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
}

/// The value of a hidden field.
pub(super) fn hidden(page: &Answer, name: &str) -> String {
    let after = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("{}", page.body));
    after.split('"').next().expect("it ends").to_owned()
}

async fn resent(bench: &Bench) -> usize {
    let filter = ReminderFilter { limit: 99, ..ReminderFilter::default() };
    bench.store.reminders(&filter).await.expect("listed").len()
}

const PREVIEW: &str = "/console/borrowers/mall/b%2D1/preview?channel=sms&due_date=2026-11-25";

async fn click(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    let seen = hidden(page, "seen");
    let fields = [("channel", "sms"), ("due_date", "2026-11-25"), ("seen", &seen), ("reason", "called in")];
    post(browser, &format!("{PAGE}/resend"), &fields).await
}

#[tokio::test]
async fn a_resend_is_previewed_and_sent_once_however_often_it_is_clicked() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let preview = agent.get(PREVIEW).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    for text in ["What would go out now", "1,280.50", "[token]", "…8000", "Send now"] {
        assert!(preview.body.contains(text), "{text} is missing: {}", preview.body);
    }
    assert_eq!(resent(&bench).await, 0, "a look sends nothing");
    let mut other = logged_in(&bench, StaffRole::Supervisor).await;
    let sent = click(&mut agent, &preview).await;
    assert_eq!(sent.header("location"), format!("{PAGE}?done=resent"), "{}", sent.body);
    for browser in [&mut agent, &mut other] {
        let again = click(browser, &preview).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert!(again.body.contains("an earlier resend of the same, is on its way"), "{}", again.body);
    }
    assert_eq!(resent(&bench).await, 1);
    assert_eq!(audited(&bench, AuditAction::Resend).await, 1);
}

#[tokio::test]
async fn what_was_paid_between_the_page_and_the_click_is_not_sent() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let preview = agent.get(PREVIEW).await;
    let mut paid = installment("i-1", "b-1", "2026-11-25");
    paid.status = InstallmentStatus::Paid;
    bench.store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    let refused = click(&mut agent, &preview).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("It has changed since you looked: it is paid"), "{}", refused.body);
    assert_eq!(resent(&bench).await, 0);
    let preview = agent.get(PREVIEW).await;
    assert!(preview.body.contains("it is paid") && !preview.body.contains("Send now"), "{}", preview.body);
}

#[tokio::test]
async fn a_hold_forbids_a_resend_and_a_viewer_has_none() {
    let bench = bench().await;
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    assert_eq!(viewer.get(PREVIEW).await.status, StatusCode::FORBIDDEN);
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let preview = agent.get(PREVIEW).await;
    post(&mut agent, &format!("{PAGE}/hold"), &[("kind", "dispute")]).await;
    let refused = click(&mut agent, &preview).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("the borrower is on hold"), "{}", refused.body);
    assert_eq!(resent(&bench).await, 0);
}

#[tokio::test]
async fn the_timeline_shows_when_a_payment_became_known() {
    let bench = bench().await;
    bench.clock.advance(std::time::Duration::from_secs(90));
    let mut paid = installment("i-1", "b-1", "2026-11-25");
    paid.status = InstallmentStatus::Paid;
    let mut cancelled = installment("i-2", "b-1", "2026-12-25");
    cancelled.status = InstallmentStatus::Cancelled;
    bench.store.import(&[row(&paid), row(&cancelled)], WriteMode::Commit).await.expect("imported");
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    let page = viewer.get(PAGE).await;
    for text in [
        "2026-11-22 10:01:30",
        "instalment i-1, due November 25, 2026",
        "instalment i-2, due December 25, 2026, is cancelled",
    ] {
        assert!(page.body.contains(text), "{text} is missing: {}", page.body);
    }
}

#[rstest]
#[case("-262143-01-01")]
#[case("%2B262142-12-31")]
#[case("0000-01-01")]
#[tokio::test]
async fn a_date_that_no_database_holds_is_no_due_date(#[case] date: &str) {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(&format!("{PAGE}/preview?channel=sms&due_date={date}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let date = date.replace("%2B", "+");
    let fields = [("channel", "sms"), ("due_date", &*date), ("reason", "called in")];
    let sent = post(&mut agent, &format!("{PAGE}/resend"), &fields).await;
    assert_eq!(sent.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn messages_and_the_landing_page_of_a_reminder_are_its_own_borrowers_only() {
    let bench = bench().await;
    let other = row(&installment("i-9", "b-2", "2026-11-25"));
    bench.store.import(&[other], WriteMode::Commit).await.expect("imported");
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let preview = agent.get(PREVIEW).await;
    click(&mut agent, &preview).await;
    let filter = ReminderFilter { limit: 1, ..ReminderFilter::default() };
    let id = bench.store.reminders(&filter).await.expect("listed")[0].reminder.id;
    let messages = agent.get(&format!("{PAGE}/messages/{id}")).await;
    assert_eq!(messages.status, StatusCode::OK, "{}", messages.body);
    assert_eq!(audited(&bench, AuditAction::ReadMessages).await, 1);
    let framed = agent.get(&format!("{PAGE}/page/{id}")).await;
    assert!(framed.body.contains(&format!("/page/{id}/frame\"")), "{}", framed.body);
    let frame = agent.get(&format!("{PAGE}/page/{id}/frame")).await;
    assert!(frame.body.contains("tel:4000000000"), "{}", frame.body);
    let policy = frame.header("content-security-policy");
    for rule in ["form-action 'none'", "frame-ancestors 'self'", "sandbox"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(frame.header("x-frame-options"), "SAMEORIGIN");
    for page in [format!("messages/{id}"), format!("page/{id}"), format!("page/{id}/frame"), "messages/x".to_owned()] {
        let foreign = agent.get(&format!("/console/borrowers/mall/b%2D2/{page}")).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{page}");
    }
    assert_eq!(audited(&bench, AuditAction::ReadMessages).await, 1, "nobody read another's");
}

#[tokio::test]
async fn the_html_of_an_email_is_shown_in_a_frame_in_which_nothing_works() {
    let bench = bench().await;
    let planned = [reminder("b-1", "2026-11-25", "due/-3", "2026-11-22T02:00:00Z")];
    let id = bench.store.plan(&planned, bench.clock.now(), WriteMode::Commit).await.expect("planned")[0];
    let html = "<p>Dear <b>Zhang</b></p><script>alert(1)</script>".to_owned();
    let parts = EmailParts { subject: "Your bill".to_owned(), text: "Dear Zhang".to_owned(), html, unsubscribe: None };
    let claimed = claim_all(&*bench.store).await.sending.remove(0);
    let sent = accepted(claimed, &bench.clock).keeping(|| MessageRecord::of(&Message::Email(parts), None));
    settle(&*bench.store, &sent).await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(&format!("{PAGE}/messages/{id}")).await;
    assert!(page.body.contains(&format!("/messages/{id}/1\"")) && !page.body.contains("<b>Zhang"), "{}", page.body);
    let frame = agent.get(&format!("{PAGE}/messages/{id}/1")).await;
    assert!(frame.body.contains("<b>Zhang</b>"), "{}", frame.body);
    let policy = frame.header("content-security-policy");
    for rule in ["default-src 'none'", "frame-ancestors 'self'", "sandbox"] {
        assert!(policy.contains(rule) && !policy.contains("script-src"), "{policy}");
    }
    assert_eq!(audited(&bench, AuditAction::ReadMessages).await, 2);
    for path in [format!("messages/{id}/2"), format!("messages/{id}/x")] {
        assert_eq!(agent.get(&format!("{PAGE}/{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_evidence_is_a_file_and_on_record_with_its_head() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(PAGE).await;
    assert!(page.body.contains("/evidence\""), "{}", page.body);
    let path = format!("{PAGE}/evidence");
    assert_eq!(post(&mut agent, &path, &[("reason", " ")]).await.status, StatusCode::CONFLICT);
    let foreign = post(&mut agent, "/console/borrowers/other/b%2D1/evidence", &[("reason", "court")]).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(audited(&bench, AuditAction::Evidence).await, 0);
    let file = post(&mut agent, &path, &[("reason", "court")]).await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.body);
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"evidence.html\"");
    let (document, is_own) = dueherald::render::read_evidence_html(&file.body).expect("it is whole");
    assert!(is_own && document.about("made_by") == Some("agent") && document.about("phone") == Some("+8613800138000"));
    let filter = AuditFilter { action: Some(AuditAction::Evidence), limit: 100, ..AuditFilter::default() };
    let entry = bench.store.audit_entries(&filter).await.expect("listed").remove(0);
    assert_eq!(entry.record.object, Some(format!("head {}", document.head())));
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    assert_eq!(post(&mut viewer, &path, &[("reason", "court")]).await.status, StatusCode::FORBIDDEN);
    assert!(!viewer.get(PAGE).await.body.contains("/evidence\""));
}
