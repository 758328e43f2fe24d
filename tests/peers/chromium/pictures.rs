//! The pictures of the README: the pages of `dueherald demo`. `./tests/run pictures` writes them to `docs/images/`;
//! otherwise they are left in `target/screenshots`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::cargo_bin;

use super::browser::{Browser, Screen};
use crate::patience::until;
use crate::process::{Process, free_ports};

const MESSAGES: Screen = Screen { name: "demo", width: 1200, height: 800, scale: 1, is_phone: false };
const LANDING: Screen = Screen { name: "landing", width: 390, height: 844, scale: 2, is_phone: true };

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_demo_show_its_messages_and_a_landing_page() {
    let folder = std::env::var_os("DUEHERALD_PICTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots"), PathBuf::from);
    fs::create_dir_all(&folder).expect("the folder can be made");
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let [port] = free_ports();
    let log = home.path().join("log");
    let address = format!("127.0.0.1:{port}");
    let _demo = Process::start(Command::new(cargo_bin!("dueherald")).args(["demo", "--listen", &address]), &log);
    until("the demo listens", async || fs::read_to_string(&log).is_ok_and(|text| text.contains("Look at them"))).await;

    let mut browser = Browser::start(MESSAGES, "mall.example", port);
    browser.open(&format!("http://{address}/"));
    let page = browser.html();
    assert!(page.contains("On the phone") && page.contains("In the mailbox"), "{page}");
    browser.picture_of_screen(&folder.join("demo.png"));
    // The link of the message that is written in English.
    let english = page.split("emma.zhao@example.com").nth(1).expect("the sample has an English reader");
    let path =
        english.split("href=\"/r/").nth(1).and_then(|rest| rest.split('"').next()).expect("a message has a link");
    browser.end();

    let mut browser = Browser::start(LANDING, "mall.example", port);
    browser.open(&format!("http://{address}/r/{path}"));
    let page = browser.html();
    assert!(page.contains("Go to the payment page"), "{page}");
    assert!(!browser.is_too_wide(), "the landing page is wider than the screen");
    browser.picture_of_screen(&folder.join("landing.png"));
    browser.end();
}
