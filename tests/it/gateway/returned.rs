//! Mails that return to the mailbox for bounces, as mail systems write them.

use dueherald::domain::{Report, ReportSubject, ReportedState};
use dueherald::gateway::mail::returned::{NoReport, read};
use rstest::rstest;

/// Named in every sample, by the return path or in what is returned.
const REFERENCE: &str = "ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw";

const DSN: &str = include_str!("returned/postfix-1.eml");

fn told(message: &str) -> String {
    match read(message.replace('\n', "\r\n").as_bytes()) {
        Ok(Report::Fate { about, fate, .. }) => {
            let (ReportSubject::Reference(reference) | ReportSubject::Copy { reference, .. }) = about else {
                panic!("{about:?}")
            };
            assert_eq!(reference, REFERENCE);
            match fate {
                ReportedState::Delivered => "delivered".into(),
                ReportedState::Complained => "complained".into(),
                ReportedState::Undelivered { code, for_good } => {
                    let code = code.map(|code| code.to_string()).unwrap_or_default();
                    format!("undelivered{} {code}", if for_good { " for good" } else { "" })
                }
            }
        }
        Ok(other) => panic!("{other:?}"),
        Err(NoReport::Other) => "no report".into(),
        Err(NoReport::Undecided) => "undecided".into(),
        Err(NoReport::Unnamed) => "unnamed".into(),
        Err(NoReport::Unreadable) => "unreadable".into(),
    }
}

#[rstest]
#[case::no_such_mailbox(DSN, "undelivered for good smtp-5.1.1")]
#[case::mailbox_full(include_str!("returned/postfix-2.eml"), "undelivered smtp-5.2.2")]
#[case::refused_by_policy(include_str!("returned/postfix-3.eml"), "undelivered smtp-5.7.1")]
#[case::qmail(include_str!("returned/qmail.eml"), "undelivered for good smtp-5.1.1")]
#[case::exchange(include_str!("returned/exchange.eml"), "undelivered for good smtp-5.1.10")]
#[case::exim(include_str!("returned/exim.eml"), "undelivered for good ")]
#[case::qq(include_str!("returned/qq.eml"), "undelivered for good ")]
#[case::exim_waits(include_str!("returned/delayed.eml"), "undecided")]
#[case::complaint(include_str!("returned/complaint.eml"), "complained")]
#[case::away_on_holiday(include_str!("returned/holiday.eml"), "no report")]
fn a_message_says(#[case] message: &str, #[case] expected: &str) {
    assert_eq!(told(message), expected);
}

/// By the action first, and then the status.
#[rstest]
#[case("failed", "5.1.2", "", "undelivered for good smtp-5.1.2")]
#[case("failed", "5.2.1", "smtp; 550 5.2.1 The account is disabled", "undelivered for good smtp-5.2.1")]
#[case("failed", "5.2.1", "smtp; 550 5.2.1 It receives mail at too high a rate", "undelivered smtp-5.2.1")]
#[case(
    "failed",
    "5.4.4",
    "X-Postfix; Host or domain name not found: Host not found",
    "undelivered for good smtp-5.4.4"
)]
#[case("failed", "5.4.4", "smtp; 550 5.4.4 unable to route", "undelivered smtp-5.4.4")]
#[case("Failed (bad address)", "5.1.1", "", "undelivered for good smtp-5.1.1")]
#[case("failed", "5.1.0", "smtp; 550 5.1.0 Address rejected", "undelivered smtp-5.1.0")]
#[case("failed", "5.1.0", "smtp; 550 5.1.0 User unknown", "undelivered for good smtp-5.1.0")]
#[case("failed", "5.0.0", "smtp; 554 This user doesn't have a yahoo.com account", "undelivered for good smtp-5.0.0")]
#[case("failed", "5.0.0", "smtp; 554 The sender doesn't have access", "undelivered smtp-5.0.0")]
#[case("failed", "5.1.8", "", "undelivered smtp-5.1.8")]
#[case("failed", "4.2.2", "", "undelivered smtp-4.2.2")]
#[case("failed", "4.4.7", "smtp; 550 5.1.1 no", "undelivered smtp-4.4.7")]
#[case("failed", "5.0.0", "smtp; 550-5.1.1 The account does not exist", "undelivered for good smtp-5.1.1")]
#[case("failed", "5.5.0", "smtp; 550 User unknown", "undelivered for good smtp-5.5.0")]
#[case("failed", "5.0.0", "smtp; 554 we do not like you", "undelivered smtp-5.0.0")]
#[case("failed", "nonsense", "", "undelivered ")]
#[case("delayed", "4.4.1", "", "undecided")]
#[case("expanded", "2.0.0", "", "undecided")]
#[case("delivered", "2.0.0", "", "delivered")]
#[case("relayed", "2.0.0", "", "undecided")]
fn a_delivery_status_says(
    #[case] action: &str,
    #[case] status: &str,
    #[case] diagnostic: &str,
    #[case] expected: &str,
) {
    let message = DSN
        .replace("Action: failed", &format!("Action: {action}"))
        .replace("Status: 5.1.1", &format!("Status: {status}"))
        .replace("X-Postfix; unknown user: \"nobody@example.test\"", diagnostic);
    assert_eq!(told(&message), expected);
}

#[test]
fn a_complaint_that_it_is_no_spam_is_none() {
    let message = include_str!("returned/complaint.eml").replace("Feedback-Type: abuse", "Feedback-Type: not-spam");
    assert_eq!(told(&message), "undecided");
}

#[test]
fn a_report_without_the_return_path_is_known_by_what_it_returns() {
    let message = DSN.replace("bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@", "repay@");
    assert_eq!(told(&message), "undelivered for good smtp-5.1.1");
    assert_eq!(told(&message.replace(REFERENCE, "20261122153622.4711")), "unnamed");
}

fn recipient(message: &str) -> Option<String> {
    match read(message.replace('\n', "\r\n").as_bytes()) {
        Ok(Report::Fate { about: ReportSubject::Copy { recipient, .. }, .. }) => Some(recipient.as_str().to_owned()),
        _ => None,
    }
}

#[test]
fn a_report_names_whom_it_is_about() {
    assert_eq!(recipient(DSN).as_deref(), Some("nobody@example.test"));
    assert_eq!(recipient(include_str!("returned/exim.eml")).as_deref(), Some("nobody@borrower.example"));
    assert_eq!(recipient(include_str!("returned/complaint.eml")).as_deref(), Some("zhang.san@mailbox.example"));
    let forwarded = DSN.replace("Final-Recipient: rfc822; nobody@", "Final-Recipient: rfc822; li@elsewhere.");
    assert_eq!(recipient(&forwarded).as_deref(), Some("li@elsewhere.example.test"));
    let unproven = forwarded.replace("bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@", "repay@");
    assert_eq!(told(&unproven), "undecided", "ours may have arrived and gone on from there");
}

#[test]
fn of_several_recipients_the_one_counts_that_was_written_to() {
    let with = |group: &str| DSN.replace("Final-Recipient", &format!("{group}\n\nFinal-Recipient"));
    let full = with("Final-Recipient: rfc822; li@elsewhere.example\nAction: failed\nStatus: 5.2.2");
    assert_eq!(told(&full), "undelivered for good smtp-5.1.1");
    assert_eq!(recipient(&full).as_deref(), Some("nobody@example.test"));
    let arrived = with("Final-Recipient: rfc822; li@elsewhere.example\nAction: delivered\nStatus: 2.0.0");
    assert_eq!(told(&arrived), "undecided");
}

#[test]
fn what_only_speaks_of_a_message_is_no_report_about_it() {
    let other = DSN
        .replace("bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@", "repay@")
        .replace(REFERENCE, "20261122153622.4711");
    for field in ["In-Reply-To", "References", "Subject"] {
        let answered = other.replace("X-Mailer:", &format!("{field}: <{REFERENCE}@example.test>\nX-Mailer:"));
        assert_eq!(told(&answered), "unnamed", "{field}");
    }
    let quoted = other.replace("This is a test", &format!("Message-ID: <{REFERENCE}@example.test>\nThis is a test"));
    assert_eq!(told(&quoted), "unnamed", "the one that is returned counts, not one within it");
}

#[test]
fn a_report_is_read_whatever_it_returns() {
    let long = DSN.replace("This is a test mailing", &"x".repeat(3 << 20));
    assert_eq!(told(&long), "undelivered for good smtp-5.1.1");
    assert_eq!(told(&DSN[..DSN.find("Undelivered Message").unwrap()]), "undelivered for good smtp-5.1.1");
}
