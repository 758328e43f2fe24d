//! The behaviour that only capture has.

use dueherald::domain::{Address, Channel, EmailAddress};
use dueherald::gateway::Gateway;

use super::{AMPLE, EMAIL, PHONE, REFERENCE, SMS, capture_gateway, clock, deadline, email, send, send_to, shown};

#[tokio::test]
async fn what_is_captured_can_be_looked_at() {
    let clock = clock();
    let gateway = capture_gateway(Channel::Email, None, &clock);
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "accepted");
    let captured = gateway.messages().remove(0);
    assert_eq!((captured.to, captured.message), (Address::Email(EmailAddress::new(EMAIL).unwrap()), email()));
    assert_eq!((captured.reference.as_str(), captured.attempt, captured.copy), (REFERENCE, 1, 1));
}

#[tokio::test]
async fn a_double_is_visible() {
    let clock = clock();
    let gateway = capture_gateway(Channel::Sms, None, &clock);
    let deadline = deadline(&clock, AMPLE);
    for reference in ["a", "b", "a"] {
        send_to(&gateway, PHONE, reference, &deadline).await;
    }
    let copies: Vec<_> = gateway.messages().into_iter().map(|captured| (captured.reference, captured.copy)).collect();
    assert_eq!(copies, [("a".into(), 1), ("b".into(), 1), ("a".into(), 2)]);
    assert_eq!(gateway.doubles(), 1);
}

#[tokio::test]
async fn memory_is_bounded() {
    let clock = clock();
    let gateway = capture_gateway(Channel::Sms, None, &clock);
    let deadline = deadline(&clock, AMPLE);
    for number in 0..10_010 {
        send_to(&gateway, PHONE, &format!("r{number}"), &deadline).await;
    }
    let messages = gateway.messages();
    assert_eq!((messages.len(), messages[0].reference.as_str()), (10_000, "r10"));
}

#[tokio::test]
async fn files_are_written_whole_and_never_over_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let sms = capture_gateway(Channel::Sms, Some(folder.path()), &clock);
    let mail = capture_gateway(Channel::Email, Some(folder.path()), &clock);
    let deadline = deadline(&clock, AMPLE);
    sms.check().await.unwrap();
    for gateway in [&sms, &sms, &mail] {
        assert_eq!(shown(&send(gateway, &deadline).await), "accepted");
    }
    let mut names: Vec<_> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".2.txt", ".eml", ".html", ".txt"].map(|ending| format!("{REFERENCE}{ending}")));
    let text = std::fs::read_to_string(folder.path().join(format!("{REFERENCE}.txt"))).unwrap();
    assert_eq!(text, SMS);
    let eml = std::fs::read_to_string(folder.path().join(format!("{REFERENCE}.eml"))).unwrap();
    assert!(eml.contains(&format!("To: {EMAIL}")), "{eml}");
}

#[tokio::test]
async fn what_cannot_be_written_was_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let clock = clock();
    let gateway = capture_gateway(Channel::Sms, Some(&in_the_way), &clock);
    let deadline = deadline(&clock, AMPLE);
    assert_eq!(shown(&send(&gateway, &deadline).await), "not_sent capture-folder");
    assert!(gateway.check().await.is_err());
    assert!(gateway.messages().is_empty());
    std::fs::remove_file(&in_the_way).unwrap();
    assert_eq!(shown(&send(&gateway, &deadline).await), "accepted");
    assert_eq!(gateway.doubles(), 0, "the first try did not count");
}

#[tokio::test]
async fn a_reference_never_leaves_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let gateway = capture_gateway(Channel::Sms, Some(folder.path()), &clock);
    let outcome = send_to(&gateway, PHONE, "../escape", &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), "rejected recipient bad-reference");
}
