//! Suppressed addresses on the page of a borrower, and who ends them.

use axum::http::StatusCode;
use dueherald::clock::Clock;
use dueherald::domain::{
    Address, AddressKey, AuditAction, Credential, Password, Phone, SALT_BYTES, StaffRole, Suppression,
    SuppressionReason,
};
use dueherald::store::SuppressionFilter;

use super::borrowers::{PAGE, audited, bench, hidden, logged_in, post};
use super::{Answer, Bench, Browser, PASSWORD};

#[tokio::test]
async fn an_address_is_suppressed_for_a_reason_and_on_record() {
    let bench = bench().await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let path = format!("{PAGE}/suppress");
    assert_eq!(post(&mut agent, &path, &[("channel", "sms"), ("reason", " ")]).await.status, StatusCode::CONFLICT);
    let done = post(&mut agent, &path, &[("channel", "sms"), ("reason", "asked on the phone")]).await;
    assert_eq!(done.header("location"), format!("{PAGE}?done=suppressed"));
    let filter = SuppressionFilter { limit: 9, ..SuppressionFilter::default() };
    assert_eq!(bench.store.suppressions(&filter).await.expect("listed").len(), 1);
    assert_eq!(audited(&bench, AuditAction::Suppress).await, 1);
}

fn phone() -> AddressKey {
    Address::Phone(Phone::new("+8613800138000").expect("a number")).into()
}

async fn suppress(bench: &Bench, of: Option<&str>, reason: SuppressionReason) {
    bench.clock.advance(std::time::Duration::from_secs(60));
    let merchant = of.map(|id| id.parse().expect("an id"));
    let (source, since) = ("reply:kannel".to_owned(), bench.clock.now());
    let one = Suppression { merchant, address: phone(), reason, source, since, until: None };
    bench.store.suppress(&[one], None).await.expect("suppressed");
}

async fn suppressed(bench: &Bench) -> usize {
    let filter = SuppressionFilter { limit: 9, ..SuppressionFilter::default() };
    bench.store.suppressions(&filter).await.expect("listed").len()
}

/// Posts the form of a page that the person has seen.
async fn lift(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    let seen = hidden(page, "seen");
    let fields = [("channel", "sms"), ("seen", &*seen), ("reason", "she called")];
    post(browser, &format!("{PAGE}/lift"), &fields).await
}

#[tokio::test]
async fn an_opt_out_ends_by_two_persons_of_whom_one_may_confirm() {
    let bench = bench().await;
    suppress(&bench, Some("mall"), SuppressionReason::OptedOut).await;
    let mut viewer = logged_in(&bench, StaffRole::Viewer).await;
    assert!(!viewer.get(PAGE).await.body.contains("/lift\""));
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(PAGE).await;
    assert!(page.body.contains("Ask to end the opt-out") && !page.body.contains("asked to end"), "{}", page.body);
    let asked = lift(&mut agent, &page).await;
    assert_eq!(asked.header("location"), format!("{PAGE}?done=lift_asked"), "{}", asked.body);
    let told = agent.get(&format!("{PAGE}?done=lift_asked")).await;
    for text in ["Noted. Another person", "agent asked to end this on 2026-11-22 10:01 CST"] {
        assert!(told.body.contains(text), "{text} is missing: {}", told.body);
    }
    assert!(!told.body.contains("/lift\""), "whoever asked cannot confirm: {}", told.body);
    let again = lift(&mut agent, &page).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "the form is from before the request");
    assert_eq!(suppressed(&bench).await, 1);

    // Another agent may not confirm it, also not by a form of their own.
    let hash = Password::new(PASSWORD).expect("sound").hash([7; SALT_BYTES]);
    bench.add_user("other", StaffRole::Agent, Credential::Password(hash)).await;
    let mut other = bench.browser();
    assert_eq!(other.log_in("other", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let page = other.get(PAGE).await;
    assert!(page.body.contains("agent asked to end") && !page.body.contains("/lift\""), "{}", page.body);
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let page = supervisor.get(PAGE).await;
    assert!(page.body.contains("Confirm the end of the opt-out"), "{}", page.body);
    let forced = lift(&mut other, &page).await;
    assert_eq!(forced.header("location"), format!("{PAGE}?done=lift_asked"), "{}", forced.body);
    assert_eq!(suppressed(&bench).await, 1);

    let confirmed = lift(&mut supervisor, &page).await;
    assert_eq!(confirmed.header("location"), format!("{PAGE}?done=lifted"), "{}", confirmed.body);
    assert_eq!(suppressed(&bench).await, 0);
    assert_eq!(lift(&mut supervisor, &page).await.status, StatusCode::CONFLICT, "a double click");
    assert_eq!(audited(&bench, AuditAction::LiftSuppression).await, 3);
}

#[tokio::test]
async fn a_supervisor_who_asked_does_not_confirm_as_well() {
    let bench = bench().await;
    suppress(&bench, Some("mall"), SuppressionReason::Complained).await;
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let page = supervisor.get(PAGE).await;
    assert_eq!(lift(&mut supervisor, &page).await.header("location"), format!("{PAGE}?done=lift_asked"));
    let page = supervisor.get(PAGE).await;
    assert!(page.body.contains("supervisor asked to end this") && !page.body.contains("/lift\""), "{}", page.body);
}

#[tokio::test]
async fn who_opts_out_again_before_the_click_stays_opted_out() {
    let bench = bench().await;
    suppress(&bench, Some("mall"), SuppressionReason::OptedOut).await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(PAGE).await;
    lift(&mut agent, &page).await;
    let mut supervisor = logged_in(&bench, StaffRole::Supervisor).await;
    let page = supervisor.get(PAGE).await;
    suppress(&bench, Some("mall"), SuppressionReason::OptedOut).await;
    let refused = lift(&mut supervisor, &page).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("This has changed since you looked"), "{}", refused.body);
    assert_eq!(suppressed(&bench).await, 1);
}

#[tokio::test]
async fn one_person_ends_a_suppression_that_staff_entered_and_nobody_here_one_of_all_merchants() {
    let bench = bench().await;
    suppress(&bench, Some("mall"), SuppressionReason::Manual).await;
    let mut agent = logged_in(&bench, StaffRole::Agent).await;
    let page = agent.get(PAGE).await;
    let seen = hidden(&page, "seen");
    let fields = [("channel", "sms"), ("seen", &*seen), ("reason", " ")];
    assert_eq!(post(&mut agent, &format!("{PAGE}/lift"), &fields).await.status, StatusCode::CONFLICT, "no reason");
    assert_eq!(lift(&mut agent, &page).await.header("location"), format!("{PAGE}?done=lifted"));
    assert_eq!(suppressed(&bench).await, 0);
    suppress(&bench, None, SuppressionReason::Manual).await;
    let all = agent.get(PAGE).await;
    assert!(all.body.contains("for every merchant") && !all.body.contains("/lift\""), "{}", all.body);
    assert_eq!(lift(&mut agent, &page).await.status, StatusCode::CONFLICT);
    assert_eq!(suppressed(&bench).await, 1);
}
