//! Resends that are refused, each in the words of the page, and an opt-out that two persons end.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{BORROWER, Clerk, DESK, Desk, KEPT, PHONE};
use crate::patience::until;

fn preview(desk: &Desk) -> String {
    format!("{BORROWER}/preview?channel=sms&due_date={}", desk.daemon.today())
}

/// The preview says why, and offers no button.
fn is_refused(clerk: &mut Clerk<'_>, name: &str, why: &str) {
    clerk.open(&preview(clerk.desk));
    let page = clerk.sees(&format!("refused-{name}"), &["It would not be sent", why]);
    assert!(!page.contains("Send now"), "{name}: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_hours_that_the_borrower_wants_nothing_is_sent() {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.browser.run_scripts();
    clerk.log_in("supervisor");
    // It is noon there.
    clerk.open(BORROWER);
    clerk.unfold();
    clerk.browser.write("form[action$='/preferences'] input[name=hours]", "19:00-20:00");
    clerk.browser.follow("form[action$='/preferences'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=preferences"), "{}", clerk.browser.html());
    is_refused(&mut clerk, "contact-hours", "It is outside the contact hours; try again after");
    assert_eq!(desk.reminders(&[]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_is_passed_by_a_supervisor_only() {
    let desk = Desk::open_with(&format!("{KEPT}[caps]\nper_day = 1"), "accepted").await;
    let mut clerk = Clerk::new(&desk, PHONE);
    clerk.log_in("agent");
    is_refused(&mut clerk, "capped", "A supervisor may override this");
    clerk.log_in("supervisor");
    clerk.open(&preview(&desk));
    clerk.sees("capped-supervisor", &["Send in spite of this", "Send now"]);
    clerk.browser.write("input[name=reason]", "she asked for it");
    clerk.browser.press("input[name=override]");
    clerk.browser.follow("form[action$='/resend'] button");
    assert_eq!(clerk.path(), format!("{BORROWER}?done=resent"), "{}", clerk.browser.html());
    until("the resend leaves", async || desk.reminders(&["--state", "accepted"]).len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_to_repay_nothing_is_sent() {
    let desk = Desk::open().await;
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.log_in("agent");
    desk.daemon.told(&["route", "close", "web", "--actor", "root", "--reason", "the page is down"]);
    let path = preview(&desk);
    until("the console has read the routes again", async || {
        clerk.open(&path);
        clerk.browser.html().contains("every way to repay is closed")
    })
    .await;
    is_refused(&mut clerk, "closed-route", "every way to repay is closed or out of order");
}

/// A gateway that takes each request and answers nothing that tells whether it was sent.
fn unclear_gateway() -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            // The whole request comes in one packet, as it is short; the client sends nothing else before the answer.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 500 Unclear\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    format!(
        r#"
        [gateways.unclear]
        kind = "http"
        url = "http://{address}/send"
        method = "GET"
        query = {{ to = "{{{{ to }}}}", text = "{{{{ text }}}}", id = "{{{{ reference }}}}" }}
        accept = {{ status = 202, body = "^0:" }}
        timeout = "2s"
        connect_timeout = "1s"
        "#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_message_that_may_have_been_sent_nothing_is_sent_until_a_person_has_settled_it() {
    let desk = Desk::open_with(&unclear_gateway(), "unknown").await;
    let mut clerk = Clerk::new(&desk, DESK);
    clerk.browser.run_scripts();
    clerk.log_in("supervisor");
    let reminder = desk.reminder();
    is_refused(&mut clerk, "unknown-before", &format!("Reminder {reminder} is about the same and may have been sent"));
    clerk.open("/console/queues");
    clerk.sees("queue-unknown", &[&format!("Reminder {reminder}")]);
    clerk.browser.press("input[name=id]");
    clerk.browser.evaluate("document.querySelector('select[name=finding]').value = 'sent'");
    clerk.browser.write("form[action$='/unknown'] input[name=reason]", "seen at the gateway");
    clerk.browser.follow("form[action$='/unknown'] button:not(.plain)");
    assert_eq!(clerk.path(), "/console/queues?done=resolved", "{}", clerk.browser.html());
    clerk.open(&preview(&desk));
    clerk.sees("settled-before", &["Send now"]);
}

/// Sends the form that ends a suppression.
fn lift(clerk: &mut Clerk<'_>, button: &str, done: &str) {
    clerk.open(BORROWER);
    let form = "form[action$='/lift']";
    clerk.browser.press(&format!("details:has({form}) summary"));
    assert!(clerk.browser.html().contains(&format!("<button>{button}</button>")), "{}", clerk.browser.html());
    clerk.browser.write(&format!("{form} input[name=reason]"), "she called");
    clerk.browser.follow(&format!("{form} button"));
    assert_eq!(clerk.path(), format!("{BORROWER}?done={done}"), "{}", clerk.browser.html());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_end_an_opt_out() {
    let desk = Desk::open().await;
    let add = ["suppress", "add", "13800138000", "--merchant", "mall", "--reason", "opted_out", "--actor", "root"];
    desk.daemon.told(&add);
    let mut clerk = Clerk::new(&desk, PHONE);
    clerk.log_in("agent");
    lift(&mut clerk, "Ask to end the opt-out", "lift_asked");
    let page = clerk.sees("lift-asked", &["Noted. Another person", "agent asked to end this on"]);
    assert!(!page.contains("/lift\""), "{page}");
    is_refused(&mut clerk, "opted-out", "has opted out");
    clerk.log_in("supervisor");
    lift(&mut clerk, "Confirm the end of the opt-out", "lifted");
    let page = clerk.sees("lifted", &["Messages may go to the address again."]);
    assert!(!page.contains("Suppressed addresses"), "{page}");
    clerk.open(&preview(&desk));
    clerk.sees("opted-in", &["Send now"]);
    assert_eq!(desk.audited("lift_suppression"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_approves_a_notice_has_read_its_texts() {
    let desk = Desk::open().await;
    desk.make_notice();
    let mut clerk = Clerk::new(&desk, PHONE);
    clerk.log_in("supervisor");
    clerk.open("/console/queues");
    clerk.browser.follow("a[href='/console/notices/moved']");
    let page = clerk.sees("notice", &["What the recipients get", "【示例商城】"]);
    assert!(!page.contains("欧阳晓雯"), "the borrower is made up: {page}");
    clerk.browser.write("input[name=reason]", "read");
    clerk.browser.follow("form[action='/console/notices/moved'] button");
    assert_eq!(clerk.path(), "/console/queues?done=approved", "{}", clerk.browser.html());
    assert_eq!(desk.audited("approve_notice"), 1);
}
