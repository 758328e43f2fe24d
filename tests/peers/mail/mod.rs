//! SpamAssassin and HTML Tidy, as Debian packages them: what mail filters and mail programs make of the built-in
//! e-mails.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use dueherald::domain::{Channel, EmailParts, Locale, Message, RequiredTexts, TemplateName};
use dueherald::render::{Phase, RenderRequest, Renderer, Sample, page_languages, sample_merchant};
use lettre::message::{Mailbox, MultiPart, header};

/// A built-in e-mail, and what it is.
pub(crate) struct BuiltInMail {
    pub(crate) name: String,
    pub(crate) parts: EmailParts,
}

/// Every built-in e-mail in every language, with one instalment and with three due dates, with all texts of the law.
pub(crate) fn built_in_mails() -> Vec<BuiltInMail> {
    let renderer = Renderer::new(Vec::new()).expect("the built-in templates are sound");
    let mut mails = Vec::new();
    for tag in page_languages() {
        let locale = Locale::new(tag).expect("a tag");
        for (template, phase) in [
            ("before-due", Phase::Before),
            ("on-due", Phase::On),
            ("overdue", Phase::After),
            ("entry-moved", Phase::Before),
        ] {
            for count in [1, 3] {
                let mut sample = Sample::new(&sample_merchant(&locale), &locale, phase, count);
                sample.spread();
                sample.required = RequiredTexts { opt_out: true, debt_advice: true };
                let name = TemplateName::new(template).expect("a name");
                let request = RenderRequest { template: Some(&name), ..sample.request(Channel::Email, &locale) };
                let Ok(Message::Email(parts)) = renderer.render(&request) else { panic!("{template} {tag} renders") };
                mails.push(BuiltInMail { name: format!("{template}-{tag}-{count}"), parts });
            }
        }
    }
    mails
}

/// The e-mail as it arrives: with the headers that the SMTP gateway writes, and one of the mail server that took it.
fn as_it_arrives(mail: &EmailParts) -> Vec<u8> {
    let mailbox = |name: &str, address: &str| Mailbox::new(Some(name.into()), address.parse().expect("an address"));
    let mut builder = lettre::Message::builder()
        .from(mailbox("Example Mall", "repay@mall.example.com"))
        .to(mailbox("Jane Sample", "jane.sample@example.net"))
        .date_now()
        .message_id(Some("<0123456789abcdef@mall.example.com>".into()))
        .subject(&mail.subject);
    if let Some(link) = &mail.unsubscribe {
        builder = builder.header(Unsubscribe(format!("<{link}>")));
    }
    let text = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    let message = builder.multipart(text).expect("a message").formatted();
    let received = "Received: from mail.mall.example.com (mail.mall.example.com [93.184.216.34])\r\n\tby mx.example.net \
                    (Postfix) with ESMTPS id 4abc\r\n\tfor <jane.sample@example.net>; ";
    let date = String::from_utf8_lossy(&message);
    let date = date.lines().find_map(|line| line.strip_prefix("Date: ")).expect("it has a date").to_owned();
    [received.as_bytes(), date.as_bytes(), b"\r\n", &message].concat()
}

#[derive(Clone)]
struct Unsubscribe(String);

impl header::Header for Unsubscribe {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.into()))
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// Runs a program on an input.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is installed: {error}"));
    let (mut pipe, input) = (child.stdin.take().expect("it is piped"), input.to_owned());
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it does not panic").expect("it reads all");
    output
}

/// Rules that score nothing and cannot be avoided: that there is HTML, and that an amount is named.
const FACTS: [&str; 2] = ["HTML_MESSAGE", "LOTS_OF_MONEY"];

/// The rules of SpamAssassin, without those that ask the network, that each of these messages triggers. It takes a
/// second to start, so it gets all of them as one mailbox; as it judges them in an order of its own, each has a number.
fn triggered_rules(messages: &[Vec<u8>]) -> Vec<Vec<String>> {
    let mut mailbox = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        mailbox.extend_from_slice(b"From repay@mall.example.com Mon Nov 23 08:00:00 2026\n");
        mailbox.extend_from_slice(format!("{NUMBER}{number}\n").as_bytes());
        mailbox.extend(message.iter().filter(|byte| **byte != b'\r'));
        mailbox.extend_from_slice(b"\n\n");
    }
    let output = run("spamassassin", &["-L", "--mbox", "--cf=report_safe 0"], &mailbox);
    let text = String::from_utf8_lossy(&output.stdout).replace("\n\t", "");
    let mut judged = vec![None; messages.len()];
    let mut status = None;
    for line in text.lines() {
        // It puts its headers before those of the message.
        status = line.strip_prefix("X-Spam-Status: ").or(status);
        if let Some(number) = line.strip_prefix(NUMBER) {
            judged[number.parse::<usize>().expect("a number of ours")] = status.take().map(rules_of);
        }
    }
    judged.into_iter().map(|rules| rules.expect("it judges each message")).collect()
}

/// The header by which a message is found again.
const NUMBER: &str = "X-Mailbox-Number: ";

fn rules_of(status: &str) -> Vec<String> {
    let tests = status.split("tests=").nth(1).and_then(|rest| rest.split("autolearn").next()).expect("it names rules");
    let rules = tests.split(',').map(str::trim).filter(|rule| *rule != "none" && !FACTS.contains(rule));
    rules.map(str::to_owned).collect()
}

#[test]
fn no_built_in_mail_triggers_a_rule_of_spamassassin() {
    let mails = built_in_mails();
    let mut messages: Vec<_> = mails.iter().map(|mail| as_it_arrives(&mail.parts)).collect();
    // A message that shows that rules are found at all.
    let shouting = EmailParts { subject: "URGENT!!! VIAGRA FOR FREE".into(), ..mails[0].parts.clone() };
    messages.push(as_it_arrives(&shouting));
    let mut judged = triggered_rules(&messages);
    assert!(!judged.pop().expect("one for each").is_empty());
    let bad: Vec<_> = mails.iter().zip(judged).filter(|(_, rules)| !rules.is_empty()).collect();
    let bad: Vec<_> = bad.iter().map(|(mail, rules)| format!("{}: {rules:?}", mail.name)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn every_built_in_mail_is_html_without_errors() {
    for BuiltInMail { name, parts } in built_in_mails() {
        let checked = run("tidy", &["-quiet", "-errors", "-utf8"], parts.html.as_bytes());
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(!told.contains("Error:") && checked.status.code() != Some(2), "{name}: {told}");
    }
    assert_eq!(run("tidy", &["-quiet", "-errors", "-utf8"], b"<p><nonsense>").status.code(), Some(2));
}
