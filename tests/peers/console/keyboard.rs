//! The desk without a mouse.

use super::{BORROWER, Clerk, DESK, Desk};

/// More stops than any page has before what is looked for.
const MOST_STOPS: usize = 60;

/// Goes on with the Tab key until that is focused. Each stop on the way shows where the keyboard is.
fn go_to(clerk: &mut Clerk<'_>, selector: &str) {
    for _ in 0..MOST_STOPS {
        let is_there = format!("document.activeElement.matches({selector:?})");
        if clerk.browser.evaluate(&is_there) == true {
            let outline = clerk.browser.evaluate("getComputedStyle(document.activeElement).outlineStyle");
            assert_ne!(outline, "none", "{selector} does not show that it is focused");
            return;
        }
        clerk.browser.key("Tab");
    }
    panic!("the keyboard does not reach {selector}: {}", clerk.browser.html());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_login_to_a_resend_by_the_keyboard_alone() {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.browser.run_scripts();
    clerk.open("/console/login");
    go_to(&mut clerk, "input[name=name]");
    clerk.browser.type_text("agent");
    clerk.browser.key("Tab");
    clerk.browser.type_text(super::PASSWORD);
    clerk.browser.follow_by_key("Enter");
    assert_eq!(clerk.path(), "/console");
    // The search box has the focus.
    assert_eq!(clerk.browser.evaluate("document.activeElement.id"), "search");
    clerk.browser.type_text("8000");
    clerk.browser.follow_by_key("Enter");
    assert_eq!(clerk.path(), BORROWER);
    clerk.browser.key("Tab");
    assert_eq!(clerk.browser.evaluate("document.activeElement.className"), "skip", "the first stop skips the menu");
    go_to(&mut clerk, "a[href*='/preview?channel=sms']");
    clerk.browser.follow_by_key("Enter");
    go_to(&mut clerk, "input[name=reason]");
    clerk.browser.type_text("called in");
    go_to(&mut clerk, "form[action$='/resend'] button");
    clerk.browser.follow_by_key("Enter");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=resent"), "{}", clerk.browser.html());
    go_to(&mut clerk, "form.who button");
    clerk.browser.follow_by_key("Enter");
    assert_eq!(clerk.path(), "/console/login");
    assert_eq!(desk.audited("resend"), 1);
}
