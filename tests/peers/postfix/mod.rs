//! Postfix, the mail server: STARTTLS, AUTH and CHUNKING on the way out, delivery into a Maildir, and a bounce that
//! comes back.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;

use self::server::Postfix;
use crate::daemon::Daemon;
use crate::patience::until;

/// An algorithm for DKIM keys, and the form of its public key in the DNS.
struct Algorithm {
    /// Arguments of `openssl genpkey`.
    genpkey: &'static [&'static str],
    word: &'static str,
    /// The number of bytes before the bare key in its DER form.
    head: usize,
}

const RSA: Algorithm =
    Algorithm { genpkey: &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"], word: "rsa", head: 0 };
const ED25519: Algorithm = Algorithm { genpkey: &["-algorithm", "ed25519"], word: "ed25519", head: 12 };

/// A private key in the folder; gives the record in the DNS for it.
fn dkim_key(algorithm: &Algorithm, file: &Path) -> String {
    said(Command::new("openssl").arg("genpkey").args(algorithm.genpkey).arg("-out").arg(file));
    let public = said(Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(file));
    format!("v=DKIM1; k={}; p={}", algorithm.word, STANDARD.encode(&public[algorithm.head..]))
}

fn said(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn gateway(postfix: &Postfix) -> String {
    format!(
        r#"
        [gateways.mail]
        kind = "smtp"
        host = "127.0.0.1"
        port = {port}
        security = "starttls"
        connect_timeout = "5s"
        command_timeout = "5s"
        credentials = {{ username = "mailer@mall.example", password = "s3cret" }}
        ca_pem = {{ file = "{ca}" }}
        from = "Mall <repay@mall.example>"
        return_path = "bounce@mall.example"
        bounces = {{ maildir = "{bounces}" }}
        dkim = {{ selector = "s1", domain = "mall.example", key = {{ file = "{key}" }} }}
        "#,
        port = postfix.port(),
        ca = postfix.folder().join("etc/ca.pem").display(),
        bounces = postfix.maildir("bounce").display(),
        key = postfix.folder().join("dkim.pem").display(),
    )
}

/// The messages in one of the folders of a Maildir.
fn messages(maildir: &Path, within: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(maildir.join(within)).into_iter().flatten();
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

/// Addresses as they are listed, masked, each with its reason.
fn suppressed(daemon: &Daemon) -> Vec<(String, String)> {
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = daemon.listed(&["suppress", "list"]);
    let mut found: Vec<_> = rows.iter().map(|row| (text(row, "address"), text(row, "reason"))).collect();
    found.sort();
    found
}

#[rstest]
#[case::rsa(RSA)]
#[case::ed25519(ED25519)]
#[tokio::test]
async fn mail_arrives_signed_a_bounce_suppresses_and_one_click_unsubscribes(#[case] algorithm: Algorithm) {
    let postfix = Postfix::start(&["zhang", "bounce"]).await;
    let record = dkim_key(&algorithm, &postfix.folder().join("dkim.pem"));
    let daemon = Daemon::new("email", &gateway(&postfix));
    daemon.told(&["check", "--online"]);
    daemon.import(&["zhang,zh-CN,,zhang@borrower.example", "jones,en,,nobody@borrower.example"]);
    let running = daemon.run();

    let inbox = postfix.maildir("zhang");
    until("the mail is delivered", async || !messages(&inbox, "new").is_empty()).await;
    let delivered = messages(&inbox, "new").remove(0);
    let mail = fs::read_to_string(&delivered).expect("an e-mail is ASCII");
    assert!(mail.contains("with ESMTPSA"), "encrypted and with a password: {mail}");
    assert!(
        mail.contains("Return-Path: <bounce+") && mail.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    );
    verified(&delivered, &record, &mail);

    until("the bounce is taken in", async || suppressed(&daemon).len() == 1).await;
    assert_eq!(suppressed(&daemon), [("n…@borrower.example".to_owned(), "bounced".to_owned())]);
    let bounces = postfix.maildir("bounce");
    until("the bounce is put away", async || !messages(&bounces, "cur").is_empty()).await;
    let bounce = messages(&bounces, "cur").remove(0);
    assert!(bounce.to_string_lossy().ends_with(":2,S") && messages(&bounces, "new").is_empty(), "{bounce:?}");
    let states = daemon.told(&["reminders", "list", "--wide"]);
    assert!(states.contains("undelivered"), "{states}");

    let again = piped(&daemon, &bounce);
    assert!(again.starts_with("known already"), "a second time it changes nothing: {again}");
    let none = piped(&daemon, &delivered);
    assert!(none.starts_with("nothing taken in"), "what is no report counts for nothing: {none}");

    let link = mail.split("List-Unsubscribe: <https://mall.example").nth(1).and_then(|rest| rest.split('>').next());
    let page = format!("http://127.0.0.1:{}{}", daemon.public(), link.expect("a link"));
    // A client wants one even to speak in the clear; whether one is there already does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    assert!(client.get(&page).send().await.expect("an answer").status().is_success());
    assert_eq!(suppressed(&daemon).len(), 1, "looking changes nothing");
    for _ in 0..2 {
        let post = client.post(&page).body("List-Unsubscribe=One-Click");
        assert!(post.send().await.expect("an answer").status().is_success());
    }
    assert_eq!(suppressed(&daemon)[1], ("z…@borrower.example".to_owned(), "opted_out".to_owned()));
    drop(running);
    until("Postfix tells that it took messages in one go", async || postfix.logged().contains(" bdat=")).await;
}

/// By a program that knows nothing of us; and that it tells a message that was changed.
fn verified(file: &Path, record: &str, mail: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/postfix/verify.py");
    let verifies = |file: &Path| {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-B", script]).arg(file).arg(record).status().expect("Python can be started").success()
    };
    assert!(verifies(file), "{record}\n{mail}");
    let changed = file.with_extension("changed");
    fs::write(&changed, mail.replace("List-Unsubscribe-Post", "X-Post")).expect("it can be written");
    assert!(!verifies(&changed), "the signature covers the header");
    fs::remove_file(changed).expect("it is ours");
}

/// The output of `receipts mail` for a message.
fn piped(daemon: &Daemon, message: &Path) -> String {
    let file = fs::File::open(message).expect("it is there");
    let output = daemon.command(&["receipts", "mail"]).stdin(Stdio::from(file)).output().expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}
