//! Kannel, the SMS gateway: what the generic gateway hands over is what the handset gets, and reports and answers come
//! back.

mod handset;

use std::fs;
use std::path::Path;
use std::process::Command;

use self::handset::{Handset, Part};
use crate::daemon::Daemon;
use crate::patience::until;
use crate::process::{Process, free_ports};

const PHONE: &str = "+8613800138000";
const PHONE_ABROAD: &str = "+12025550123";
const SECRET: &str = "0123456789abcdef01234567";

/// bearerbox and smsbox, with a handset at their simulated SMSC. The handset goes last: bearerbox would wait for it.
struct Kannel {
    _smsbox: Process,
    _bearerbox: Process,
    handset: Handset,
    sendsms: u16,
}

impl Kannel {
    /// Starts it in that folder. Reports of Kannel's own go where the request says; answers go to `callback`.
    async fn start(folder: &Path, ports: [u16; 5], callback: &str) -> Self {
        let [admin, smsbox, listens, speaks, sendsms] = ports;
        let words = [
            ("@ADMIN@", admin.to_string()),
            ("@SMSBOX@", smsbox.to_string()),
            ("@LISTENS@", listens.to_string()),
            ("@SPEAKS@", speaks.to_string()),
            ("@SENDSMS@", sendsms.to_string()),
            ("@FOLDER@", folder.display().to_string()),
            ("@CALLBACK@", callback.to_owned()),
        ];
        let config =
            words.iter().fold(include_str!("kannel.conf").to_owned(), |text, (word, value)| text.replace(word, value));
        let file = folder.join("kannel.conf");
        fs::write(&file, config).expect("the config can be written");
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.args(["-v", "4"]).arg(&file).current_dir(folder);
            Process::start(&mut command, &folder.join("kannel.log"))
        };
        let bearerbox = start("/usr/sbin/bearerbox");
        let handset = Handset::at(listens, speaks).await;
        let smsbox = start("/usr/sbin/smsbox");
        until("smsbox listens", async || tokio::net::TcpStream::connect(("127.0.0.1", sendsms)).await.is_ok()).await;
        Self { _smsbox: smsbox, _bearerbox: bearerbox, handset, sendsms }
    }
}

/// The generic gateway as one writes it for Kannel: what has characters outside of ASCII and Latin-1 goes as UCS-2.
fn gateway(sendsms: u16) -> String {
    format!(
        r#"
        [gateways.kannel]
        kind = "http"
        url = "http://127.0.0.1:{sendsms}/cgi-bin/sendsms"
        method = "GET"
        callback_secret = "{SECRET}"
        timeout = "5s"
        connect_timeout = "2s"
        accept = {{ status = 202, body = "^0: " }}
        reject = [{{ status = 403, scope = "gateway" }}, {{ status = 400, scope = "recipient" }}]
        receipts = {{ status = {{ query = "type" }}, delivered = ["1"], undelivered = ["2", "16"], code = {{ query = "answer" }} }}
        replies = {{ from = {{ query = "from" }}, text = {{ query = "text" }}, provider_id = {{ query = "id" }} }}
        [gateways.kannel.query]
        username = "tester"
        password = "secret"
        from = "10690000"
        to = "{{{{ to }}}}"
        text = "{{{{ text }}}}"
        charset = "UTF-8"
        dlr-mask = "31"
        dlr-url = "{{{{ callback }}}}&type=%d&answer=%A"
        coding = '{{{{ 2 if "%E" in text|urlencode else 0 }}}}'
        "#
    )
}

#[tokio::test]
async fn chinese_and_english_arrive_and_reports_and_answers_come_back() {
    let ports = free_ports();
    let daemon = Daemon::new("sms", &gateway(ports[4]));
    let callback = format!("http://127.0.0.1:{}/callbacks/kannel/{SECRET}", daemon.public());
    let mut kannel = Kannel::start(daemon.folder(), ports, &callback).await;
    assert_eq!(kannel.sendsms, ports[4]);
    daemon.import(&[&format!("zhang,zh-CN,{PHONE},"), &format!("jones,en,{PHONE_ABROAD},")]);
    let mut running = daemon.run();

    let mut texts = kannel.handset.texts(2).await;
    assert!(!running.is_gone(), "{}", daemon.logged());
    texts.sort_by_key(|(to, _)| to != PHONE);
    let [(to, chinese), (to_abroad, english)] = <[_; 2]>::try_from(texts).expect("two");
    assert_eq!((to.as_str(), to_abroad.as_str()), (PHONE, PHONE_ABROAD));
    arrived_as_written(&chinese, "zh-CN");
    arrived_as_written(&english, "en");

    until("both are reported to have arrived", async || {
        daemon.listed(&["reminders", "list", "--state", "delivered"]).len() == 2
    })
    .await;

    kannel.handset.says(PHONE, "【示例商城】 退订 ").await;
    let suppressed = || daemon.listed(&["suppress", "list", "--merchant", "mall", "--reveal"]);
    until("an answer suppresses", async || !suppressed().is_empty()).await;
    let [one] = &suppressed()[..] else { panic!("{:?}", suppressed()) };
    let said = [&one["address"], &one["channel"], &one["reason"], &one["source"]];
    assert_eq!(said, [PHONE, "sms", "opted_out", "reply:kannel"]);

    kannel.handset.says(PHONE, "昨天已经还了，谢谢😀").await;
    let to_read = || daemon.listed(&["replies", "list", "--intent", "other"]);
    until("other words are kept for staff", async || !to_read().is_empty()).await;
    assert_eq!(to_read()[0]["text"], "昨天已经还了，谢谢😀");
    assert_eq!(to_read()[0]["from"], "…8000", "a list shows no number in full");

    kannel.handset.says(PHONE, "恢复").await;
    until("an answer lifts it again", async || suppressed().is_empty()).await;

    let logged = daemon.logged();
    assert!(!logged.contains(SECRET) && !logged.contains(&PHONE[1..]) && !logged.contains("退订"), "{logged}");
}

/// The text that is rendered, and its parts as a phone puts them together.
fn arrived_as_written(parts: &[Part], locale: &str) {
    let (text, coding) = handset::put_together(parts);
    if locale == "en" {
        assert!(text.starts_with("[示例商城]") || text.contains("128.50"), "{text}");
    } else {
        assert!(text.starts_with("【示例商城】"), "{text}");
        assert_eq!(coding, handset::Coding::Ucs2);
    }
    assert!(text.contains("128.50") && text.contains("https://mall.example/r/"), "{text}");
}
