//! The whole way of a reminder, from a file to a mail server and an SMS gateway: config, import, scan, dispatch, over
//! real sockets, on both databases. What arrives is compared as a whole.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SimClock};
use dueherald::config::{Config, Inputs};
use dueherald::domain::{Channel, ReminderId, State};
use dueherald::pipeline::{Import, LaneEnd, ScanScope, import, scan};
use dueherald::source::Format;
use dueherald::store::{ReminderFilter, WriteMode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::fixtures::at;
use crate::sinks::http::{HttpSink, Reply, Script as HttpScript};
use crate::sinks::smtp::{At, NoticeAction, Script as SmtpScript, SmtpSink};

const TEN: &str = "2026-11-22T02:00:00Z";

const INSTALLMENTS: &str = "\
merchant,borrower_id,name,phone,email,locale,account_phone,installment_id,order_ref,product,sequence,of,currency,amount,due_date
mall,B1,王小明,138 0010 0500,wang@example.com,,13800100500,I1,MO-1,手机分期,3,12,CNY,128.50,2026-11-25
mall,B1,王小明,138 0010 0500,wang@example.com,,13800100500,I2,MO-2,家电分期,5,6,CNY,256,2026-11-25
mall,B2,Emma Zhao,13800270500,emma@example.com,en,,I3,MO-3,,,,CNY,199.00,2026-11-25
mall,B3,赵六,13800270501,zhao@example.com,,,I4,MO-4,,,,CNY,1.00,2026-11-25
";

/// Gateways that lead to the sinks, and one rule that uses both.
fn config(folder: &Path, database: Option<String>, smtp: &SmtpSink, http: &HttpSink) -> Config {
    let database = database.unwrap_or_else(|| "sqlite:dueherald.db".into());
    let text = format!(
        r#"
        [database]
        url = "{database}"
        [schedule]
        cron = "*/15 * * * *"
        time_zone = "Asia/Shanghai"
        [merchants.mall]
        name = "示例商城"
        app_name = "示例金融"
        locale = "zh-CN"
        time_zone = "Asia/Shanghai"
        country = "CN"
        jurisdiction = "cn"
        link_base = "https://pay.example.com"
        support = {{ phone = "400-000-0000", hours = {{ from = "09:00", to = "21:00" }} }}
        [routes.bill]
        merchant = "mall"
        kind = "web"
        url = "https://pay.example.com/bill"
        [[rules]]
        name = "due-soon"
        offsets = [-3]
        at = "10:00"
        channels = {{ mode = "all", order = ["sms", "email"] }}
        [channels.sms]
        gateways = ["kannel"]
        [channels.email]
        gateways = ["mail"]
        [gateways.mail]
        kind = "smtp"
        host = "127.0.0.1"
        port = {}
        security = "none"
        from = "示例商城 <repay@mall.example.com>"
        [gateways.kannel]
        kind = "http"
        url = "http://127.0.0.1:{}/cgi-bin/sendsms"
        method = "GET"
        query = {{ to = "{{{{ to }}}}", text = "{{{{ text }}}}", charset = "UTF-8", coding = "2", id = "{{{{ reference }}}}" }}
        accept = {{ status = 202, body = "^0:" }}
        [[links.keys]]
        id = 1
        key = "a key of the tests, which is no secret at all"
        "#,
        smtp.port(),
        http.port()
    );
    let file = folder.join("dueherald.toml");
    let inputs = Inputs {
        file: &file,
        text: &text,
        environment: &BTreeMap::new(),
        read_file: &|_| Ok(String::new()),
        exposure: &|_| None,
    };
    Config::load(&inputs).expect("the config has no mistakes")
}

async fn take_in(app: &App, rows: &'static str) {
    let job = Import {
        take_last_line: false,
        input: Cursor::new(rows),
        format: Some(Format::Csv),
        merchants: &app.policy.merchants,
        mode: WriteMode::Commit,
        max_shown: 10,
        rejects: None,
    };
    let summary = import(&*app.store, job, &|_| {}).await.expect("it is imported");
    assert_eq!(summary.rejected, 0, "{:?}", summary.shown);
}

async fn send_what_is_due(app: &App) {
    for lane in app.lanes(&app.dispatcher()) {
        lane.run(LaneEnd::Drained, &CancellationToken::new()).await.expect("the store does not fail");
    }
}

async fn states(app: &App, channel: Channel) -> Vec<(ReminderId, State, u32)> {
    let filter = ReminderFilter { channel: Some(channel), limit: 100, ..ReminderFilter::default() };
    let found = app.store.reminders(&filter).await.expect("listed");
    found.into_iter().rev().map(|view| (view.reminder.id, view.state, view.attempts)).collect()
}

async fn the_whole_way(database: Option<String>) {
    let folder = TempDir::new().expect("a temporary folder");
    // One recipient's mailbox is full for the moment; one text is taken over without a word.
    let smtp = SmtpSink::start(SmtpScript::default().for_recipient(
        "emma@example.com",
        At::Rcpt,
        NoticeAction::Say("450 4.2.2 full"),
    ))
    .await;
    let accepted = || Reply::answer(202, "0: Accepted for delivery");
    let http = HttpSink::start(HttpScript::always(accepted()).when("13800270501", Reply::Reset)).await;
    let clock = SimClock::at(at(TEN));
    let config = config(folder.path(), database, &smtp, &http);
    let app = App::start(config, &Time::Rehearsal(clock.clone())).await.expect("the app comes together");
    app.store.migrate().await.expect("migrated");
    take_in(&app, INSTALLMENTS).await;
    let order = || app.scan_order(clock.now(), ScanScope::News);
    let report = scan(&*app.store, &app.policy, &order()).await.expect("scanned");
    assert_eq!(report.planned, 6, "three borrowers, two channels");
    send_what_is_due(&app).await;

    let texts: Vec<_> = http.received().iter().filter(|got| got.taken).map(|got| shown_query(&got.text)).collect();
    let mut texts = texts;
    texts.sort();
    insta::assert_snapshot!("sms", texts.join("\n"));
    let mut mails = smtp.received();
    mails.sort_by(|a, b| a.to.cmp(&b.to));
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["wang@example.com", "zhao@example.com"]);
    insta::assert_snapshot!("email", mails[0].raw.replace("\r\n", "\n"));

    let sms: Vec<_> = states(&app, Channel::Sms).await.into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(sms.iter().filter(|state| **state == State::Unknown).count(), 1, "{sms:?}");
    assert_eq!(sms.iter().filter(|state| **state == State::Accepted).count(), 2, "{sms:?}");
    let emails: Vec<_> = states(&app, Channel::Email).await.into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(
        emails.iter().filter(|state| **state == State::Planned).count(),
        1,
        "the full mailbox is tried again: {emails:?}"
    );

    // Later the same day: what was full is tried again, what is unknown is not, and nothing is sent twice.
    for _ in 0..3 {
        clock.advance(std::time::Duration::from_secs(1800));
        scan(&*app.store, &app.policy, &order()).await.expect("scanned");
        send_what_is_due(&app).await;
    }
    assert_eq!(http.received().len(), 3, "each text left once");
    assert_eq!(smtp.received().len(), 2, "each mail was taken over once");
    assert!(smtp.count(At::Rcpt) > 3, "the full mailbox was tried again");
}

/// The request line's query as a person reads it.
fn shown_query(request: &str) -> String {
    let target = request.split(' ').nth(1).expect("a request line");
    let url = reqwest::Url::parse(&format!("http://gateway{target}")).expect("a target");
    url.query_pairs().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

#[tokio::test]
async fn from_a_file_to_phone_and_mailbox_on_sqlite() {
    the_whole_way(None).await;
}

#[tokio::test]
async fn from_a_file_to_phone_and_mailbox_on_postgresql() {
    let database = crate::postgres::database().await;
    the_whole_way(Some(database.url())).await;
}
