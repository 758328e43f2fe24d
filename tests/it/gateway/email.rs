//! The parts of an e-mail other than its text.

use dueherald::gateway::Gateway;
use dueherald::gateway::smtp::{SmtpGateway, SmtpSettings};
use std::sync::Arc;

use super::{AMPLE, UNSUBSCRIBE, clock, deadline, name, send_to, smtp_gateway};
use crate::sinks::smtp::{Script, SmtpSink, header};

/// As dueherald makes them.
const SEALED: &str = "ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw";

/// The key of RFC 8463, appendix A.2.
const DKIM: &str = "dkim = { selector = 's1', domain = 'mall.example', key = '''-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----''' }\n";

async fn received(more: &str) -> crate::sinks::smtp::Received {
    let sink = SmtpSink::start(Script::default()).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, &format!("security = 'none'\n{more}"));
    let outcome = send_to(&gateway, "zhang.san@borrower.example", SEALED, &deadline(&clock, AMPLE)).await;
    assert_eq!(outcome.as_str(), "accepted");
    sink.received().remove(0)
}

#[tokio::test]
async fn one_click_unsubscribes() {
    let raw = received("").await.raw;
    assert_eq!(header(&raw, "List-Unsubscribe"), format!("<{UNSUBSCRIBE}>"));
    assert_eq!(header(&raw, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(header(&raw, "Auto-Submitted"), "auto-generated");
}

#[tokio::test]
async fn bounces_go_to_an_address_of_the_messages_own() {
    assert_eq!(received("").await.from, "repay@mall.example");
    let received = received("return_path = 'bounce@mall.example'").await;
    assert_eq!(received.from, "bounce+a4q7sth2ei5rv5gqg66t7mfmrlmxlnovdrxevqt7@mall.example");
    assert_eq!(header(&received.raw, "Message-ID"), format!("<{SEALED}@mall.example>"), "whatever the return path");
}

#[tokio::test]
async fn a_signature_covers_all_that_a_receiver_acts_upon() {
    let raw = received(DKIM).await.raw;
    let (signature, _) = raw.split_once("\r\nMessage-ID").expect("the signature stands before what it signs");
    for signed in ["From", "To", "Subject", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type"] {
        assert!(signature.contains(&format!("{signed}:")), "RFC 8058, 4: {signature}");
    }
    assert!(raw.lines().all(|line| line.len() <= 998));
}

#[test]
fn a_signature_that_nobody_would_count_is_a_mistake_in_the_config() {
    let made = |more: &str| {
        let text = format!("host = 'mail.example'\nfrom = 'repay@mall.example'\n{more}");
        let settings: SmtpSettings = toml::from_str(&text).unwrap();
        SmtpGateway::new(name("mail"), settings, Arc::new(clock())).map(|gateway| gateway.channel())
    };
    assert!(made(DKIM).is_ok());
    let problem = made(&DKIM.replace("mall.example", "other.example")).unwrap_err().to_string();
    assert!(problem.contains("dkim.domain"), "{problem}");
    let problem = made(&DKIM.replace("MC4C", "MC4D")).unwrap_err().to_string();
    assert!(problem.contains("openssl"), "{problem}");
    let problem = made("return_path = 'a-very-long-name-for-bounces@mall.example'").unwrap_err().to_string();
    assert!(problem.contains("shorter"), "{problem}");
}

#[tokio::test]
async fn a_merchant_may_have_a_sender_of_its_own() {
    let own = "from = 'Own <repay@own.example>'\nreply_to = 'Desk <desk@own.example>'";
    let of = |merchant: &str| format!("{DKIM}[senders.{merchant}]\n{own}\n{}", DKIM.replace("mall", "own"));
    let mine = received(&of("mall")).await;
    assert_eq!(mine.from, "repay@own.example");
    // The name is the merchant's, as with every sender.
    assert!(header(&mine.raw, "From").ends_with("<repay@own.example>"), "{}", header(&mine.raw, "From"));
    assert_eq!(header(&mine.raw, "Reply-To"), "Desk <desk@own.example>");
    assert!(header(&mine.raw, "DKIM-Signature").contains("d=own.example;"), "{}", mine.raw);
    let others = received(&of("another")).await;
    assert_eq!((others.from.as_str(), header(&others.raw, "Reply-To")), ("repay@mall.example", "help@mall.example"));
    assert!(header(&others.raw, "DKIM-Signature").contains("d=mall.example;"), "{}", others.raw);
}

#[test]
fn a_senders_signature_is_for_its_own_domain() {
    let text =
        format!("host = 'mail.example'\nfrom = 'repay@mall.example'\n{DKIM}[senders.own]\nfrom = 'repay@own.example'");
    let settings: SmtpSettings = toml::from_str(&text).expect("settings");
    let problem = settings.check().expect_err("the gateway's key is for another domain").to_string();
    assert!(problem.contains("senders.own") && problem.contains("dkim.domain"), "{problem}");
}
