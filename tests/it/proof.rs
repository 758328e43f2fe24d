//! Every message can be shown again exactly, whatever became of templates and payments meanwhile.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use dueherald::app::{App, Time};
use dueherald::clock::{Clock, SimClock};
use dueherald::config::{Config, Inputs};
use dueherald::domain::{Channel, EmailParts, Message, ReminderId, SmsText};
use dueherald::pipeline::{Import, LaneEnd, ScanScope, import, scan};
use dueherald::render::Purpose;
use dueherald::source::Format;
use dueherald::store::{ReminderFilter, WriteMode};
use mail_parser::MessageParser;
use serde_json::Value;
use sqlx::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::commands::write_private;
use crate::fixtures::at;
use crate::sinks::http::{HttpSink, Reply, Script as HttpScript};
use crate::sinks::smtp::{Script as SmtpScript, SmtpSink};

const TEN: &str = "2026-11-22T02:00:00Z";

/// Each gets an SMS and an e-mail by each of two rules.
const BORROWERS: usize = 250;
const MESSAGES: usize = 4 * BORROWERS;

const CONFIG: &str = r#"
[database]
url = "sqlite:dueherald.db"
[encryption]
index_key = "an index key of the tests, no secret at all"
[[encryption.keys]]
id = 1
key = "an encryption key of the tests, no secret at all"
[schedule]
cron = "*/15 * * * *"
time_zone = "Asia/Shanghai"
[templates]
folder = "messages"
[merchants.mall]
name = "示例商城"
app_name = "示例金融"
locale = "zh-CN"
time_zone = "Asia/Shanghai"
country = "CN"
jurisdiction = "cn"
link_base = "https://pay.example.com"
support = { phone = "400-000-0000", hours = { from = "09:00", to = "21:00" } }
[routes.bill]
merchant = "mall"
kind = "web"
url = "https://pay.example.com/bill"
[[rules]]
name = "due-soon"
offsets = [-3]
at = "10:00"
channels = { mode = "all", order = ["sms", "email"] }
[[rules]]
name = "due-soon-too"
offsets = [-3]
at = "10:00"
channels = { mode = "all", order = ["sms", "email"] }
[channels.sms]
gateways = ["kannel"]
[channels.email]
gateways = ["mail"]
[gateways.mail]
kind = "smtp"
host = "127.0.0.1"
port = SMTP_PORT
security = "none"
from = "示例商城 <repay@mall.example.com>"
[gateways.kannel]
kind = "http"
url = "http://127.0.0.1:HTTP_PORT/cgi-bin/sendsms"
method = "GET"
query = { to = "{{ to }}", text = "{{ text }}", id = "{{ reference }}" }
accept = { status = 202, body = "^0:" }
[[links.keys]]
id = 1
key = "a key of the tests, which is no secret at all"
"#;

const OWN_TEMPLATE: &str = "【{{ merchant.signature }}】{% if borrower.name %}{{ borrower.name }}{% endif %}您好，\
    请登录{{ merchant.app_name }}App还款{{ total }}{% if link %}，{{ link }}{% endif %}\
    {% if merchant.support.phone %}，客服{{ merchant.support.phone }}{% endif %}\
    {% if merchant.support.email %}，{{ merchant.support.email }}{% endif %}";

/// A folder with a config whose gateways lead to the sinks, and what they took over.
pub(crate) struct Desk {
    folder: TempDir,
    pub(crate) clock: SimClock,
    smtp: SmtpSink,
    http: HttpSink,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let smtp = SmtpSink::start(SmtpScript::default()).await;
        let http = HttpSink::start(HttpScript::always(Reply::answer(202, "0: Accepted for delivery"))).await;
        let config = CONFIG.replace("SMTP_PORT", &smtp.port().to_string());
        let config = config.replace("HTTP_PORT", &http.port().to_string());
        write_private(&folder.path().join("dueherald.toml"), &config);
        let desk = Self { folder, clock: SimClock::at(at(TEN)), smtp, http };
        desk.write_template(OWN_TEMPLATE);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write_template(&self, text: &str) {
        let folder = self.path().join("messages/before-due");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("sms.zh-CN.txt"), text).expect("a file");
    }

    pub(crate) async fn app(&self) -> App {
        let file = self.path().join("dueherald.toml");
        let text = std::fs::read_to_string(&file).expect("the config");
        let inputs = Inputs {
            file: &file,
            text: &text,
            environment: &BTreeMap::new(),
            read_file: &|_| Ok(String::new()),
            exposure: &|_| None,
        };
        let config = Config::load(&inputs).expect("the config has no mistakes");
        let app = App::start(config, &Time::Rehearsal(self.clock.clone())).await.expect("the app comes together");
        app.store.migrate().await.expect("migrated");
        app
    }

    /// Runs `dueherald reminders show ID --message`.
    fn show(&self, id: ReminderId, more: &[&str]) -> (i32, String) {
        let id = id.to_string();
        self.run(&[&["reminders", "show", &id, "--message"], more].concat())
    }

    /// Runs a command of `dueherald`. Gives its exit code, and what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        let mut command = Command::new(cargo_bin!("dueherald"));
        command.current_dir(self.path()).args(args).env_remove("DUEHERALD_CONFIG");
        let Output { status, stdout, stderr } = command.output().expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (status.code().unwrap_or(-1), text(stdout) + &text(stderr))
    }

    /// The messages that the sinks took over, as a provider and a mail reader decode them.
    pub(crate) fn decoded(&self, app: &App) -> BTreeMap<ReminderId, Message> {
        let of = |reference: &str| app.composer.reminder_of(reference).expect("a reference of ours");
        let texts = self.http.received().into_iter().map(|received| {
            let target = received.text.split(' ').nth(1).expect("a request line").to_owned();
            let url = reqwest::Url::parse(&format!("http://gateway{target}")).expect("a target");
            let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
            (of(&query["id"]), Message::Sms(SmsText(query["text"].clone())))
        });
        let mails = self.smtp.received().into_iter().map(|received| {
            let (reference, _) = received.message_id.split_once('@').expect("a Message-ID");
            (of(reference), decoded_mail(&received.raw))
        });
        texts.chain(mails).collect()
    }
}

fn decoded_mail(raw: &str) -> Message {
    let mail = MessageParser::default().parse(raw.as_bytes()).expect("an e-mail");
    let lines = |text: &str| text.replace("\r\n", "\n");
    let unsubscribe = mail.header_raw("List-Unsubscribe").expect("a link to unsubscribe");
    let part = |parts: &[u32]| {
        let part = mail.part(*parts.first().expect("one of each")).expect("it is there");
        lines(part.text_contents().expect("text"))
    };
    Message::Email(EmailParts {
        subject: mail.subject().expect("a subject").to_owned(),
        text: part(&mail.text_body),
        html: part(&mail.html_body),
        unsubscribe: Some(unsubscribe.trim().trim_matches(['<', '>']).to_owned()),
    })
}

async fn take_in(app: &App, borrowers: usize, status: &str) {
    let mut rows =
        "merchant,borrower_id,name,phone,email,installment_id,product,currency,amount,due_date,status\n".to_owned();
    for number in 0..borrowers {
        let name = ["王小明", "李伟", "欧阳晓雯", "Emma Zhao"][number % 4];
        let phone = 13_800_100_000 + number;
        let cells = format!("mall,B{number},{name},{phone},b{number}@example.com,I{number},手机分期,CNY");
        rows += &format!("{cells},{}.{:02},2026-11-25,{status}\n", 100 + number * 37, number % 100);
    }
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

pub(crate) async fn send_all(app: &App, clock: &SimClock, borrowers: usize) {
    take_in(app, borrowers, "open").await;
    let report = scan(&*app.store, &app.policy, &app.scan_order(clock.now(), ScanScope::News)).await.expect("scanned");
    assert_eq!(report.planned, 4 * borrowers as u64);
    for lane in app.lanes(&app.dispatcher()) {
        lane.run(LaneEnd::Drained, &CancellationToken::new()).await.expect("the store does not fail");
    }
}

async fn database(folder: &Path) -> sqlx::SqliteConnection {
    let url = format!("sqlite://{}", folder.join("dueherald.db").display());
    sqlx::SqliteConnection::connect(&url).await.expect("it opens")
}

/// The forms that the database keeps, as text.
async fn forms(folder: &Path) -> Vec<String> {
    let forms: Vec<(Vec<u8>,)> =
        sqlx::query_as("select text from message_form").fetch_all(&mut database(folder).await).await.expect("read");
    forms.into_iter().map(|(text,)| String::from_utf8(text).expect("UTF-8")).collect()
}

/// How many bytes the longest message of a channel takes.
async fn longest(folder: &Path, channel: Channel) -> i64 {
    let longest = "select max(length(e.message)) from event e join reminder r on r.id = e.reminder_id \
                   where r.channel = $1";
    let (longest,) =
        sqlx::query_as(longest).bind(channel.as_str()).fetch_one(&mut database(folder).await).await.expect("read");
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_are_shown_as_they_were_received() {
    let desk = Desk::new().await;
    let app = desk.app().await;
    send_all(&app, &desk.clock, BORROWERS).await;
    let forms = forms(desk.path()).await;
    assert_eq!(forms.len(), 2, "one for each channel");
    assert!(forms.iter().all(|form| !form.contains("example.com/r/B") && !form.contains("李伟")), "{forms:?}");
    assert!(forms.iter().any(|form| form.contains("请登录示例金融App还款")), "made of the own template: {forms:?}");

    let (sms, mail) = (longest(desk.path(), Channel::Sms).await, longest(desk.path(), Channel::Email).await);
    assert!(sms < 130 && mail < 430, "messages take too much room: {sms} and {mail} bytes");

    desk.write_template(&OWN_TEMPLATE.replace("请登录", "明天请务必登录"));
    take_in(&app, BORROWERS, "paid").await;
    let app = desk.app().await;
    let received = desk.decoded(&app);
    assert_eq!(received.len(), MESSAGES);
    for (id, received) in &received {
        let sent = app.store.messages(*id).await.expect("read");
        assert_eq!(sent.len(), 1, "one attempt");
        assert_eq!(sent[0].message.as_ref(), Ok(received), "{id}: {:?}", shown(&sent[0].message, received));
    }
    let of = |channel| received.iter().filter(move |(_, message)| message.channel() == channel);
    for (id, message) in of(Channel::Sms).take(2).chain(of(Channel::Email).take(2)) {
        the_command_shows(&desk, &app, *id, message);
    }
}

/// Where two messages differ.
fn shown(sent: &Result<Message, dueherald::domain::MessageFault>, received: &Message) -> String {
    let parts = |message: &Message| match message {
        Message::Sms(SmsText(text)) => text.clone(),
        Message::Registered(sms) => sms.text.clone(),
        Message::Email(parts) => format!("{}\n{}\n{}\n{:?}", parts.subject, parts.text, parts.html, parts.unsubscribe),
    };
    let sent = sent.as_ref().map(parts);
    format!("{sent:?}\n{:?}", parts(received))
}

fn the_command_shows(desk: &Desk, app: &App, id: ReminderId, message: &Message) {
    let (code, json) = desk.show(id, &["--with-link", "--format", "json"]);
    assert_eq!(code, 0, "{json}");
    let told: Value = serde_json::from_str(&json).expect("JSON");
    let one = &told["messages"][0];
    assert!(one["attempt"] == 1 && one["event"] == "accepted" && one["hash_agrees"] == true, "{json}");
    let text = match message {
        Message::Email(parts) => {
            assert_eq!(one["subject"].as_str(), Some(&*parts.subject));
            assert_eq!(one["html"].as_str(), Some(&*parts.html));
            assert_eq!(one["unsubscribe"].as_str(), parts.unsubscribe.as_deref());
            &parts.text
        }
        Message::Sms(SmsText(text)) => text,
        Message::Registered(sms) => &sms.text,
    };
    assert_eq!(one["text"].as_str(), Some(&**text));

    let (code, shown) = desk.show(id, &[]);
    assert!(code == 0 && shown.contains(": the hash agrees\n"), "{shown}");
    let links = &app.composer.links;
    let tokens = [Purpose::Landing, Purpose::Unsubscribe].map(|purpose| links.seal(purpose, id));
    let link = &tokens[0];
    assert!(shown.contains(&text.replace(link, "[token]").replace(&tokens[1], "[token]")), "{shown}");
    assert!(text.contains(link) && tokens.iter().all(|token| !shown.contains(token)), "a token is shown: {shown}");
}

#[tokio::test]
async fn a_preview_of_a_reminder_shows_no_token_unless_asked() {
    let desk = Desk::new().await;
    let app = desk.app().await;
    take_in(&app, 1, "open").await;
    scan(&*app.store, &app.policy, &app.scan_order(desk.clock.now(), ScanScope::News)).await.expect("scanned");
    let links = &app.composer.links;
    for view in app.store.reminders(&ReminderFilter { limit: 9, ..ReminderFilter::default() }).await.expect("listed") {
        let (id, channel) = (view.reminder.id, view.reminder.plan.key.channel);
        let tokens = [Purpose::Landing, Purpose::Unsubscribe].map(|purpose| links.seal(purpose, id));
        let html = desk.path().join("shown.html").display().to_string();
        let write: &[&str] = if channel == Channel::Email { &["--write", &html] } else { &[] };
        let preview = |more: &[&str]| {
            let id = id.to_string();
            let args = [&["template", "preview", "--reminder", &id], write, more].concat();
            let (code, shown) = desk.run(&args);
            assert_eq!(code, 0, "{shown}");
            shown + &std::fs::read_to_string(&html).unwrap_or_default()
        };
        let shown = preview(&[]);
        assert!(tokens.iter().all(|token| !shown.contains(token)) && shown.contains("/r/AWk3xSampleToken"), "{shown}");
        let whole = preview(&["--with-link"]);
        assert!(whole.contains(&tokens[0]) && !whole.contains("SampleToken"), "{whole}");
        assert_eq!(whole.contains(&tokens[1]), channel == Channel::Email, "{whole}");
    }
    let (code, shown) = desk.run(&["template", "preview", "--with-link"]);
    assert!(code == 2 && shown.contains("--reminder"), "nobody's link is whole: {shown}");
}

#[tokio::test]
async fn what_cannot_be_shown_is_named() {
    let desk = Desk::new().await;
    let app = desk.app().await;
    take_in(&app, 1, "open").await;
    scan(&*app.store, &app.policy, &app.scan_order(desk.clock.now(), ScanScope::News)).await.expect("scanned");
    let filter = ReminderFilter { limit: 1, ..ReminderFilter::default() };
    let id = app.store.reminders(&filter).await.expect("listed")[0].reminder.id;
    let (code, shown) = desk.show(id, &[]);
    assert!(code == 0 && shown.contains("Nothing was handed over"), "{shown}");
    let (code, shown) = desk.show(id, &["--attempt", "3"]);
    assert!(code == 1 && shown.contains("attempt 3 of reminder") && shown.contains("handed nothing over"), "{shown}");
    let (code, shown) = desk.show(ReminderId(999_999), &[]);
    assert!(code == 1 && shown.contains("there is no reminder 999999"), "{shown}");

    let refused = "insert into event (reminder_id, attempt, at, kind, gateway, detail) \
                   values ($1, 3, '2026-11-22T02:00:01.000000Z', 'failed', 'kannel', 'rejected:21211')";
    sqlx::query(refused).bind(id.0).execute(&mut database(desk.path()).await).await.expect("inserted");
    for more in [&[][..], &["--attempt", "3"]] {
        let (_, shown) = desk.show(id, more);
        assert!(shown.contains("kannel refused attempt 3: rejected:21211"), "{shown}");
        assert!(!shown.contains("othing was handed over"), "{shown}");
    }

    // An earlier version sent one without its text; the key of the other is gone.
    let sent = "insert into event (reminder_id, attempt, at, kind, message) \
                select $1, attempt, '2026-11-22T02:00:01.000000Z', 'accepted', message \
                from (select 1 as attempt, null as message union all select 2, x'020700')";
    sqlx::query(sent).bind(id.0).execute(&mut database(desk.path()).await).await.expect("inserted");
    let (code, shown) = desk.show(id, &["--attempt", "1"]);
    assert!(code == 0 && shown.contains("cannot be shown: its text was not kept"), "{shown}");
    let (code, shown) = desk.show(id, &[]);
    assert!(code == 1 && shown.contains("encrypted with key 7") && shown.contains("put that key back"), "{shown}");
}
