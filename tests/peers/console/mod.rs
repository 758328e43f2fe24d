//! The desk of the staff in Chromium, over PostgreSQL: log in, find a borrower, read, resend, and what is refused. A
//! picture of each page is left in `target/screenshots`.

mod accessible;
mod keyboard;
#[expect(dead_code, reason = "the integration tests need forgeries too")]
#[path = "../../it/web/console/provider.rs"]
mod provider;
mod refusals;
mod work;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use dueherald::clock::{Clock, SystemClock};

use self::provider::Provider;
use crate::chromium::browser::{Browser, Screen};
use crate::daemon::Daemon;
use crate::patience::until;
use crate::postgres::{TestDatabase, database};
use crate::process::{Process, free_ports};

const DESK: Screen = Screen { name: "desk", width: 1280, height: 800, scale: 1, is_phone: false };
const PHONE: Screen = Screen { name: "phone", width: 390, height: 844, scale: 2, is_phone: true };

const PASSWORD: &str = "correct horse battery";

/// The page of the borrower whom the tests are about.
const BORROWER: &str = "/console/borrowers/mall/B1";

/// A daemon with a console over PostgreSQL. `B1` of `mall` got a message about what is due today; `B2` is a borrower of
/// another merchant. People are named after their roles; `li` logs in at the provider.
struct Desk {
    daemon: Daemon,
    console: String,
    provider: Provider,
    _running: Process,
    _database: TestDatabase,
}

/// The gateway of [`Desk::open`].
const KEPT: &str = r#"
    [gateways.kept]
    kind = "capture"
    channel = "sms"
    folder = "captured"
    "#;

impl Desk {
    async fn open() -> Self {
        Self::open_with(KEPT, "accepted").await
    }

    /// With other sections of the config, the gateway first; `B1` gets a message that ends in this state.
    async fn open_with(sections: &str, state: &str) -> Self {
        let (database, provider) = (database().await, Provider::start(|| SystemClock.now().timestamp()).await);
        let [port] = free_ports();
        let console = format!("http://127.0.0.1:{port}");
        let sections = format!(
            r#"
            {sections}
            [merchants.harbour]
            name = "Harbour"
            app_name = "Harbour Pay"
            locale = "en"
            time_zone = "UTC"
            country = "US"
            jurisdiction = "us"
            link_base = "https://harbour.example"
            route_hosts = [".harbour.example"]
            support = {{ phone = "1-800-555-0100" }}
            [routes.harbour-web]
            merchant = "harbour"
            kind = "web"
            url = "https://pay.harbour.example/bill"
            [console]
            enabled = true
            listen = "127.0.0.1:{port}"
            url = "{console}"
            requests_per_minute = 60000
            [notices]
            approve_above = 0
            {}"#,
            provider.section()
        );
        let daemon = Daemon::over(Some(&database.url()), "sms", &sections);
        // The daemon scans when it starts.
        import(&daemon, "open");
        let desk = Self { _running: daemon.run(), daemon, console, provider, _database: database };
        for (name, options) in [
            ("viewer", "--role viewer"),
            ("agent", "--role agent"),
            ("supervisor", "--role supervisor"),
            ("admin", "--role admin"),
            ("admin-zh", "--role admin --locale zh-CN"),
        ] {
            desk.add(name, options);
        }
        let by_oidc = format!("--role agent --oidc 00u1 --issuer {}", desk.provider.issuer);
        desk.add("li", &by_oidc);
        until("the message leaves", async || desk.reminders(&["--state", state]).len() == 1).await;
        desk
    }

    /// Makes the notice `moved` to `B1`, which waits for approval.
    fn make_notice(&self) {
        let of = ["--template", "entry-moved", "--merchant", "mall"];
        let by = ["--actor", "root", "--reason", "the page has moved", "--send"];
        self.daemon.told(&[&["notice", "create", "moved"], &of[..], &by[..]].concat());
    }

    /// Says how the instalment of `B1` stands.
    fn import(&self, status: &str) {
        import(&self.daemon, status);
    }

    fn add(&self, name: &str, options: &str) {
        let args = ["user", "add", name, "--merchant", "mall", "--actor", "root"];
        let args: Vec<_> = args.into_iter().chain(options.split(' ')).collect();
        let mut command = self.daemon.command(&args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        // A person of a provider needs no password: the command asks for none, and may have ended by now.
        let _ = child.stdin.take().expect("it is piped").write_all(format!("{PASSWORD}\n").as_bytes());
        assert!(child.wait().expect("it is ours").success(), "{name} is added");
    }

    fn reminders(&self, filter: &[&str]) -> Vec<serde_json::Value> {
        self.daemon.listed(&[&["reminders", "list", "--merchant", "mall"], filter].concat())
    }

    /// The number of the message that `B1` got.
    fn reminder(&self) -> String {
        self.reminders(&[])[0]["id"].to_string()
    }

    /// The text of the message that `B1` got.
    fn message(&self) -> String {
        let files = fs::read_dir(self.daemon.folder().join("captured")).expect("the folder is there").flatten();
        let mut texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
        texts.find(|text| text.contains("示例")).expect("a message left")
    }

    /// How many entries the audit log has of an action.
    fn audited(&self, action: &str) -> usize {
        self.daemon.listed(&["audit", "list", "--action", action]).len()
    }
}

/// Imports an instalment of `B1`, which is due today, and one of `B2`.
fn import(daemon: &Daemon, status: &str) {
    let (due, harbour) = (daemon.today(), daemon.today() + chrono::TimeDelta::days(20));
    let csv = format!(
        "merchant,borrower_id,name,locale,phone,email,installment_id,order_ref,amount,currency,due_date,status\n\
         mall,B1,欧阳晓雯,zh-CN,13800138000,ouyang@mail.example,i1,20261122-778899,1288.66,CNY,{due},{status}\n\
         harbour,B2,Ann Jones,en,+12025550123,jones@mail.example,i2,7001,64.20,USD,{harbour},open\n"
    );
    let file = daemon.folder().join("due.csv");
    fs::write(&file, csv).expect("the file can be written");
    daemon.told(&["import", file.to_str().expect("a path")]);
}

/// A browser at the desk.
struct Clerk<'d> {
    desk: &'d Desk,
    browser: Browser,
    screen: Screen,
}

impl<'d> Clerk<'d> {
    fn new(desk: &'d Desk, screen: Screen) -> Self {
        Self { desk, browser: Browser::start(screen, "nowhere.example", 9), screen }
    }

    fn open(&mut self, path: &str) {
        self.browser.open(&format!("{}{path}", self.desk.console));
    }

    /// The path of the page.
    fn path(&mut self) -> String {
        let url = self.browser.url();
        url.strip_prefix(&self.desk.console).unwrap_or(&url).to_owned()
    }

    fn log_in(&mut self, name: &str) {
        self.browser.forget_cookies();
        self.open("/console/login");
        self.browser.write("input[name=name]", name);
        self.browser.write("input[name=password]", PASSWORD);
        self.browser.follow("form[action='/console/login'] button");
        assert_eq!(self.path(), "/console", "{}", self.browser.html());
    }

    /// Opens the forms that are behind a summary.
    fn unfold(&mut self) {
        self.browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)");
    }

    /// The content of the page, which must fit on the screen; the test keeps a screenshot of it.
    #[track_caller]
    fn sees(&mut self, name: &str, shown: &[&str]) -> String {
        let html = self.browser.html();
        for text in shown {
            assert!(html.contains(text), "{name}: no {text} in {html}");
        }
        assert!(!self.browser.is_too_wide(), "{name} is wider than the screen");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).expect("the folder can be made");
        self.browser.picture(&folder.join(format!("console-{}-{name}.png", self.screen.name)));
        html
    }
}
