//! Secrets that are changed under running daemons, one restart after the other as `deploy/README.md` says: nothing is
//! lost, nothing is sent twice, and old links and tokens go on until their secret is taken out.

use std::fs;
use std::sync::Arc;

use dueherald::domain::{Channel, KeyRing};
use dueherald::render::{LinkKeys, Purpose};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Bench, LINK_KEY, QUICK, sqlite_in, store_at};
use crate::daemon::Daemon;
use crate::patience::until;
use crate::postgres::database;

const NEW_LINK_KEY: &str = "fedcba9876543210fedcba9876543210";

const OLD_TOKEN: &str = "an-old-token-of-the-tests-0123456789";
const NEW_TOKEN: &str = "a-new-token-of-the-tests-0123456789-";

/// How many reminders are due in each stage of the change.
const PORTION: usize = 20;

/// The secrets of one stage, as the config has them: ids of the keys, and API tokens.
struct Stage {
    encryption: &'static [u8],
    links: &'static [u8],
    tokens: &'static [&'static str],
}

/// From the old secrets to the new ones, each known everywhere before it is used.
const STAGES: [Stage; 4] = [
    Stage { encryption: &[1], links: &[1], tokens: &[OLD_TOKEN] },
    Stage { encryption: &[1, 2], links: &[1, 2], tokens: &[NEW_TOKEN, OLD_TOKEN] },
    Stage { encryption: &[2, 1], links: &[2, 1], tokens: &[NEW_TOKEN, OLD_TOKEN] },
    // The old link key stays as long as its links are clicked.
    Stage { encryption: &[2], links: &[2, 1], tokens: &[NEW_TOKEN] },
];

fn ring(ids: &[u8]) -> KeyRing {
    KeyRing::new(ids.iter().map(|id| (*id, key_text(*id))), key_text(7)).expect("32 bytes each")
}

/// A key as the config has it.
fn key_text(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// The config of a stage, made of that of the bench.
fn config(plain: &str, stage: &Stage) -> String {
    let mut text = plain.to_owned();
    let link_key = format!("[[links.keys]]\n            id = 1\n            key = \"{LINK_KEY}\"");
    assert!(text.contains(&link_key), "the bench has one link key");
    let secret = |id: &u8| if *id == 1 { LINK_KEY } else { NEW_LINK_KEY };
    let links: String =
        stage.links.iter().map(|id| format!("[[links.keys]]\nid = {id}\nkey = \"{}\"\n", secret(id))).collect();
    text = text.replace(&link_key, &links);
    text += &format!("\n[encryption]\nindex_key = \"{}\"\n", key_text(7));
    for id in stage.encryption {
        text += &format!("[[encryption.keys]]\nid = {id}\nkey = \"{}\"\n", key_text(*id));
    }
    let tokens: Vec<_> = stage.tokens.iter().map(|token| format!("\"{token}\"")).collect();
    text += &format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[[api.tokens]]\nname = \"crm\"\ntoken = [{}]\nmerchants = [\"mall\"]\n\
         actions = [\"read_preferences\"]\n",
        tokens.join(", ")
    );
    text
}

/// The status of the answer to a GET.
async fn status(address: &str, path: &str, token: Option<&str>) -> u16 {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nhost: mall.example\r\nconnection: close\r\n{authorization}\r\n");
    let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

async fn started(bench: &Bench, number: usize) -> Daemon {
    let log = bench.folder.join(format!("daemon-{number}.log"));
    let mut daemon = Daemon::start_with_pages(&bench.config(), &log);
    until("pages and API are served", async || {
        assert!(!daemon.is_gone(), "{}", fs::read_to_string(&log).unwrap_or_default());
        daemon.api().is_some()
    })
    .await;
    daemon
}

/// Every secret is changed while reminders go out. On PostgreSQL the next daemon starts beside the one before.
async fn rotate(url: &str, overlaps: bool) {
    let mut bench = Bench::encrypted_on(url, ring(&[1]), Channel::Sms, QUICK).await;
    let plain = fs::read_to_string(bench.config()).expect("the bench wrote it");
    let mut daemon: Option<Daemon> = None;
    for (number, stage) in STAGES.iter().enumerate() {
        fs::write(bench.config(), config(&plain, stage)).expect("it is ours");
        bench.store = store_at(url, Some(Arc::new(ring(stage.encryption)))).await;
        bench.plan(PORTION).await;
        let mut before = daemon.take();
        if !overlaps {
            stop(&mut before).await;
        }
        let now = started(&bench, number).await;
        stop(&mut before).await;
        bench.drained().await;
        let (pages, api) = (now.pages().expect("they are"), now.api().expect("it is"));
        assert_eq!(status(&pages, &format!("/r/{}", bench.landing_token(0)), None).await, 200, "the oldest link opens");
        for token in [OLD_TOKEN, NEW_TOKEN] {
            let expected = if stage.tokens.contains(&token) { 200 } else { 401 };
            assert_eq!(
                status(&api, "/api/v1/borrowers/mall/b0/preferences", Some(token)).await,
                expected,
                "{number} {token}"
            );
        }
        until("everything is under the first key", async || {
            bench
                .store
                .protection()
                .await
                .is_ok_and(|found| found.is_encrypted && found.under_older_keys + found.message_keys_to_renew == 0)
        })
        .await;
        daemon = Some(now);
    }
    let both = LinkKeys::new([(2, NEW_LINK_KEY), (1, LINK_KEY)]).expect("two keys");
    bench.assert_once_each_under(&both).await;
    assert_eq!(bench.sink.total(), STAGES.len() * PORTION);
    let references = bench.sink.taken().into_keys();
    let opens = |reference: &String| {
        let old = LinkKeys::new([(1, LINK_KEY)]).expect("a key");
        old.open(Purpose::Reference, reference).is_some()
    };
    // The third portion may leave by the daemon of the stage before.
    let under_old = references.filter(opens).count();
    assert!((2 * PORTION..=3 * PORTION).contains(&under_old), "the first key changed in the middle: {under_old}");
}

async fn stop(daemon: &mut Option<Daemon>) {
    if let Some(mut daemon) = daemon.take() {
        daemon.signal(Signal::TERM);
        assert!(daemon.ended().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_change_under_running_daemons_on_postgres() {
    let database = database().await;
    rotate(&database.url(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_change_between_daemons_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    rotate(&sqlite_in(folder.path()), false).await;
}
