//! `[[merchants.X.webhooks]]`: endpoints of the lender's systems.

use dueherald::domain::WebhookType;
use rstest::rstest;

use super::{changed, load, told};
use crate::sinks::tls::Authority;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn with_webhook(lines: &str) -> String {
    let lines = lines.replace("SECRET", SECRET).replace("OLD", OLD);
    changed(&[("[templates]", &format!("[[merchants.mall.webhooks]]\n{lines}\n[templates]"))])
}

#[test]
fn an_endpoint_is_told_everything_unless_it_names_events() {
    let config = load(&with_webhook("name = \"crm\"\nurl = \"https://crm.example.com/h\"\nsecret = \"SECRET\""), &[]);
    let [crm] = &config.expect("it is sound").webhooks[..] else { panic!("there is one endpoint") };
    assert_eq!((crm.key.to_string().as_str(), crm.url.as_str()), ("mall/crm", "https://crm.example.com/h"));
    assert_eq!(crm.types.iter().copied().collect::<Vec<_>>(), WebhookType::ALL);
    let text = with_webhook(
        "name = \"crm\"\nurl = \"http://127.0.0.1:9/h\"\nsecret = [{ env = \"HOOK\" }, \"OLD\"]\n\
         events = [\"borrower.opted_out\"]\nallowed_networks = [\"10.0.0.0/8\"]",
    );
    let config = load(&text, &[("HOOK", SECRET)]).expect("it is sound");
    let [crm] = &config.webhooks[..] else { panic!("there is one endpoint") };
    assert_eq!((crm.secrets.len(), crm.types.len(), crm.allowed_networks.len()), (2, 1, 1));
    let shown = format!("{config:?}");
    assert!(!shown.contains("MfKQ9r8") && !shown.contains("AAECAwQ"), "a secret is no text for a log");
}

#[test]
fn an_authority_of_ones_own_is_a_text_of_many_lines() {
    let ca_pem = Authority::local().ca_pem;
    let text = "name = \"crm\"\nurl = \"https://crm.example.com/h\"\nsecret = \"SECRET\"\nca_pem = '''AUTHORITY'''";
    // Last, as a certificate may hold a word that is replaced.
    let text = with_webhook(text).replace("AUTHORITY", &ca_pem);
    let config = load(&text, &[]).expect("it is sound");
    assert_eq!(config.webhooks[0].ca_pem.as_deref(), Some(&*ca_pem));
}

#[rstest]
#[case::no_certificate(
    "name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"SECRET\"\nca_pem = \"ca.pem\"",
    "ca_pem: is no list of certificates in PEM form"
)]
#[case::broken_certificate(
    "name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"SECRET\"\nca_pem = \"-----BEGIN CERTIFICATE-----\\nAAAA\\n\
     -----END CERTIFICATE-----\"",
    "ca_pem: is no list of certificates in PEM form"
)]
#[case::plain_http("name = \"a\"\nurl = \"http://crm.example.com/\"\nsecret = \"SECRET\"", "url: is not encrypted")]
#[case::metadata(
    "name = \"a\"\nurl = \"https://169.254.169.254/\"\nsecret = \"SECRET\"",
    "url: is a link-local or metadata address"
)]
#[case::weak("name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"hunter2\"", "secret: is no secret of 24 to 64")]
#[case::without_secret("name = \"a\"\nurl = \"https://a.example/\"", "secret: is missing")]
#[case::unknown_event(
    "name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"SECRET\"\nevents = [\"sent\"]",
    "events: \"sent\" is unknown; write \"reminder.accepted\""
)]
#[case::no_event("name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"SECRET\"\nevents = []", "events: is empty")]
#[case::twice(
    "name = \"a\"\nurl = \"https://a.example/\"\nsecret = \"SECRET\"\n[[merchants.mall.webhooks]]\nname = \"a\"\n\
     url = \"https://b.example/\"\nsecret = \"SECRET\"",
    "name: is the name of another endpoint of this merchant already"
)]
fn a_mistaken_endpoint_is_refused(#[case] lines: &str, #[case] expected: &str) {
    let told = told(&with_webhook(lines), &[]);
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
