//! A day's work at the desk.

use rstest::rstest;

use super::{BORROWER, Clerk, DESK, Desk, PHONE};
use crate::chromium::browser::Screen;

#[rstest]
#[case::desk(DESK)]
#[case::phone(PHONE)]
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_reads_previews_and_resends(#[case] screen: Screen) {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, screen);
    clerk.open("/console?q=1");
    clerk.sees("login", &["Password"]);
    clerk.log_in("agent");
    clerk.sees("search", &["Log out"]);
    let (reminder, message) = (desk.reminder(), desk.message());
    let link: String = message[message.find("/r/").expect("it has a link")..]
        .chars()
        .take_while(|letter| matches!(letter, '/' | '_' | '-') || letter.is_ascii_alphanumeric())
        .collect();
    let link = format!("https://mall.example{link}");
    for key in [
        "13800138000",
        "138 0013 8000",
        "8000",
        "ouyang@mail.example",
        "欧阳晓雯",
        "B1",
        "i1",
        "20261122-778899",
        &reminder,
        &link,
    ] {
        clerk.open("/console");
        clerk.browser.write("#search", key);
        clerk.browser.follow("form.search button");
        assert_eq!(clerk.path(), BORROWER, "{key}: {}", clerk.browser.html());
    }
    clerk.open("/console");
    clerk.browser.write("#search", "nobody of that name");
    clerk.browser.follow("form.search button");
    clerk.sees("search-nobody", &[]);

    clerk.open(BORROWER);
    let page = clerk.sees("borrower", &["欧阳晓雯", "CNY 1,288.66", "…8000", "What to say on the phone", "kept"]);
    assert!(!page.contains("13800138000") && !page.contains("ouyang@mail.example"), "addresses are masked: {page}");
    clerk.browser.follow("a[href*='/messages/']");
    clerk.sees("messages", &["示例"]);
    clerk.open(BORROWER);
    clerk.browser.follow(&format!("a[href='{BORROWER}/page/{reminder}']"));
    clerk.sees("landing", &["iframe"]);

    clerk.open(BORROWER);
    clerk.browser.follow("form[action$='/reveal'] button");
    clerk.sees("revealed", &["13800138000", "ouyang@mail.example"]);

    clerk.open(BORROWER);
    clerk.browser.follow("a[href*='/preview?channel=sms']");
    clerk.sees("preview", &["示例", "…8000", "Send now"]);
    clerk.browser.write("input[name=reason]", "called in");
    clerk.browser.follow("form[action$='/resend'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=resent"), "{}", clerk.browser.html());
    clerk.sees("resent", &["The message is due now and leaves within seconds."]);
    crate::patience::until("the resend leaves", async || desk.reminders(&["--state", "accepted"]).len() == 2).await;
    clerk.open(BORROWER);
    clerk.sees("borrower-after", &["agent resent it by hand: called in"]);
    let done = [("login", 1), ("reveal", 1), ("read_messages", 1), ("resend", 1), ("ledger_change", 1)];
    for (action, times) in done {
        assert_eq!(desk.audited(action), times, "{action}");
    }
    let logged = desk.daemon.logged();
    assert!(!logged.contains("13800138000") && !logged.contains("欧阳") && !logged.contains(" ERROR "), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_be_sent_is_refused_in_words() {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.browser.run_scripts();
    clerk.log_in("supervisor");
    let preview = format!("{BORROWER}/preview?channel=sms&due_date={}", desk.daemon.today());
    let refused = |clerk: &mut Clerk<'_>, name: &str, why: &str| {
        clerk.open(&preview);
        let page = clerk.sees(&format!("refused-{name}"), &[why]);
        assert!(!page.contains("Send now"), "{name}");
    };
    // The message that is previewed here is paid before the click.
    clerk.open(&preview);
    clerk.browser.write("input[name=reason]", "called in");
    desk.import("paid");
    clerk.browser.follow("form[action$='/resend'] button");
    clerk.sees("paid-before-the-click", &[]);
    refused(&mut clerk, "paid", "");
    desk.import("open");

    clerk.open(BORROWER);
    clerk.unfold();
    clerk.browser.follow("form[action$='/hold'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=held"), "{}", clerk.browser.html());
    clerk.sees("held", &[]);
    refused(&mut clerk, "held", "");
    clerk.open(BORROWER);
    clerk.browser.follow("form[action$='/release'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=released"), "{}", clerk.browser.html());

    clerk.open(&preview);
    clerk.browser.write("input[name=reason]", "called in");
    clerk.browser.follow("form[action$='/resend'] button");
    crate::patience::until("the resend leaves", async || desk.reminders(&["--state", "accepted"]).len() == 2).await;
    // A supervisor may pass the pause, and has to say so.
    clerk.open(&preview);
    clerk.sees("cool-down", &["has just been sent"]);

    clerk.open(BORROWER);
    clerk.unfold();
    clerk.browser.write("form[action$='/suppress'] input[name=reason]", "their lawyer wrote");
    clerk.browser.follow("form[action$='/suppress'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=suppressed"), "{}", clerk.browser.html());
    refused(&mut clerk, "suppressed", "");
    assert_eq!(desk.reminders(&["--state", "accepted"]).len(), 2, "nothing else left");
}

#[rstest]
#[case::desk(DESK)]
#[case::phone(PHONE)]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_the_provider_sees_what_the_role_and_the_merchant_allow(#[case] screen: Screen) {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, screen);
    clerk.open(BORROWER);
    assert!(clerk.path().starts_with("/console/login?next="));
    clerk.browser.follow("a[href^='/console/oidc/start']");
    assert_eq!(clerk.path(), BORROWER, "the login leads back: {}", clerk.browser.html());
    clerk.sees("by-oidc", &["li "]);
    for path in ["/console/borrowers/harbour/B2", "/console/borrowers/nowhere/B2", "/console/borrowers/mall/B2"] {
        clerk.open(path);
        let page = clerk.sees("foreign", &["There is no such page"]);
        assert!(!page.contains("Ann Jones"), "{path}");
    }
    clerk.open("/console");
    clerk.browser.write("#search", "Ann Jones");
    clerk.browser.follow("form.search button");
    let page = clerk.browser.html();
    assert!(!page.contains("/harbour/"), "{page}");
    assert_eq!(desk.daemon.listed(&["audit", "list", "--actor", "li", "--action", "login"]).len(), 1);

    clerk.log_in("viewer");
    clerk.open(BORROWER);
    let page = clerk.browser.html();
    for action in ["/reveal", "/resend", "/preview", "/hold", "/suppress", "/messages/"] {
        assert!(!page.contains(action), "a viewer is offered {action}: {page}");
    }
    clerk.open(&format!("{BORROWER}/preview?channel=sms&due_date={}", desk.daemon.today()));
    clerk.sees("forbidden", &["Your role does not allow this"]);
    clerk.browser.follow("form.who button");
    assert_eq!(clerk.path(), "/console/login");
}
