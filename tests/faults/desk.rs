//! `kill -9` between the click of a person at the desk and the answer, with double clicks and two agents at once: each
//! borrower gets one message more, and the page says so.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;

use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{
    Channel, Credential, DeviceKey, ManualChange, Password, SALT_BYTES, StaffRole, State, Step, User, UserGrant,
    UserName,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Bench, QUICK};
use crate::chance::{Chance, of, tell};
use crate::daemon::Daemon;
use crate::patience::{pause, until};

const PASSWORD: &str = "correct horse battery";

const AGENTS: [&str; 2] = ["li", "wang"];

/// How many borrowers call before a daemon is killed.
const AT_ONCE: usize = 10;

/// A bench whose daemons serve the console, for two agents.
async fn with_console(bench: Bench) -> Bench {
    let mut config = fs::OpenOptions::new().append(true).open(bench.config()).expect("the bench wrote it");
    let section = "\n[console]\nenabled = true\nlisten = \"127.0.0.1:0\"\nrequests_per_minute = 60000\n";
    config.write_all(section.as_bytes()).expect("it is ours");
    for name in AGENTS {
        let user = User {
            name: UserName::new(name).expect("a name"),
            grant: UserGrant { role: StaffRole::Agent, merchants: ["mall".parse().expect("an id")].into() },
            locale: Some(dueherald::domain::Locale::new("en").expect("a locale")),
            time_zone: None,
            credential: Credential::Password(Password::new(PASSWORD).expect("sound").hash([7; SALT_BYTES])),
            device_key: DeviceKey([7; 32]),
        };
        let by = ManualChange { actor: "root".to_owned(), reason: "test".to_owned(), at: SystemClock.now() };
        assert!(bench.store.add_user(&user, &by).await.expect("added"));
    }
    bench
}

/// A daemon that serves the console and sends nothing, and its address.
async fn started(bench: &Bench, number: usize) -> (Daemon, String) {
    let log = bench.folder.join(format!("desk-{number}.log"));
    let mut daemon = Daemon::start_console_alone(&bench.config(), &log);
    let mut address = None;
    until("the console is served", async || {
        assert!(!daemon.is_gone(), "{}", fs::read_to_string(&log).unwrap_or_default());
        address = daemon.pages();
        address.is_some()
    })
    .await;
    (daemon, address.expect("it listens"))
}

/// An agent at a browser: the cookies outlive a daemon.
#[derive(Default)]
struct Agent {
    cookies: BTreeMap<String, String>,
}

/// A form on its way.
struct Click(TcpStream);

impl Click {
    /// The status and the text of the answer; `None` if the daemon died.
    async fn answer(mut self) -> Option<(String, String)> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await.ok()?;
        let text = String::from_utf8(bytes).expect("pages are UTF-8");
        let status = text.split(' ').nth(1)?.to_owned();
        Some((status, text))
    }
}

impl Agent {
    async fn send(&self, address: &str, method: &str, path: &str, body: &str) -> Click {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nsec-fetch-site: same-origin\r\ncookie: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        Click(stream)
    }

    async fn get(&self, address: &str, path: &str) -> String {
        let (status, text) = self.send(address, "GET", path, "").await.answer().await.expect("it lives");
        assert_eq!(status, "200", "{path}: {text}");
        text
    }

    fn take_cookies(&mut self, answer: &str) {
        for line in answer.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn log_in(address: &str, name: &str) -> Self {
        let mut agent = Self::default();
        let form = agent.get(address, "/console/login").await;
        agent.take_cookies(&form);
        let fields = [("csrf", hidden(&form, "csrf")), ("name", name.to_owned()), ("password", PASSWORD.to_owned())];
        let click = agent.send(address, "POST", "/console/login", &encoded(&fields)).await;
        let (status, answer) = click.answer().await.expect("it lives");
        assert_eq!(status, "303", "{answer}");
        agent.take_cookies(&answer);
        agent
    }

    /// The form of the preview, filled in; `None` where the page offers none.
    async fn preview(&self, address: &str, borrower: usize, due: &str) -> Option<String> {
        let page = self.get(address, &format!("{}/preview?channel=sms&due_date={due}", path(borrower))).await;
        page.contains("name=\"seen\"").then(|| {
            let fields = [
                ("csrf", hidden(&page, "csrf")),
                ("channel", "sms".to_owned()),
                ("due_date", due.to_owned()),
                ("seen", hidden(&page, "seen")),
                ("reason", "called in".to_owned()),
            ];
            encoded(&fields)
        })
    }

    async fn click(&self, address: &str, borrower: usize, form: &str) -> Click {
        self.send(address, "POST", &format!("{}/resend", path(borrower)), form).await
    }
}

fn path(borrower: usize) -> String {
    format!("/console/borrowers/mall/b{borrower}")
}

fn hidden(page: &str, name: &str) -> String {
    let after = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("{name}: {page}"));
    after.split('"').next().expect("it ends").to_owned()
}

fn encoded(fields: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Both agents press the button, one of them twice; the daemon dies meanwhile; who got no answer looks and presses
/// again, where there is still a button.
async fn round(bench: &Bench, chance: &mut Chance, number: usize, borrowers: Range<usize>, due: &str) {
    let (mut daemon, address) = started(bench, 2 * number).await;
    let (li, wang) = (Agent::log_in(&address, AGENTS[0]).await, Agent::log_in(&address, AGENTS[1]).await);
    let mut forms = Vec::new();
    for borrower in borrowers.clone() {
        let of_li = li.preview(&address, borrower, due).await.expect("it may be sent");
        forms.push((borrower, of_li, wang.preview(&address, borrower, due).await.expect("it may be sent")));
    }
    let mut clicks = Vec::new();
    for (borrower, of_li, of_wang) in &forms {
        clicks.push(li.click(&address, *borrower, of_li).await);
        clicks.push(wang.click(&address, *borrower, of_wang).await);
        clicks.push(li.click(&address, *borrower, of_li).await);
    }
    pause(chance.moment() * 10).await;
    daemon.kill();
    for click in clicks {
        if let Some((status, answer)) = click.answer().await {
            assert!(["303", "409"].contains(&status.as_str()), "{answer}");
        }
    }
    let (_daemon, address) = started(bench, 2 * number + 1).await;
    for borrower in borrowers {
        if let Some(form) = li.preview(&address, borrower, due).await {
            let (status, answer) = li.click(&address, borrower, &form).await.answer().await.expect("it lives");
            assert_eq!(status, "303", "what is offered is done: {answer}");
        }
        assert_eq!(li.preview(&address, borrower, due).await, None, "it is on its way");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_at_the_desk_sends_once_when_its_daemon_dies_before_it_answers() {
    let resends = of(20, 500);
    let mut bench = with_console(Bench::on_postgres(Channel::Sms, QUICK).await).await;
    let mut chance = Chance::seeded("the desk");
    bench.plan(resends).await;
    let due = bench.views().await.into_values().next().expect("planned").reminder.plan.key.due_date.to_string();
    for number in 0..resends / AT_ONCE {
        round(&bench, &mut chance, number, number * AT_ONCE..(number + 1) * AT_ONCE, &due).await;
    }
    let sending = bench.start_daemon();
    bench.drained().await;
    drop(sending);
    let (_daemon, address) = started(&bench, 2 * resends).await;
    let li = Agent::log_in(&address, AGENTS[0]).await;
    let taken = bench.sink.taken();
    let mut by_hand: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for view in bench.views().await.into_values() {
        let key = view.reminder.plan.key;
        let times = taken.get(&bench.reference_of(view.reminder.id)).copied().unwrap_or_default();
        assert_eq!((view.state, times), (State::Accepted, 1), "{}", bench.story(view.reminder.id).await);
        if matches!(key.step, Step::Manual { .. }) {
            by_hand.entry(key.borrower.id.to_string()).or_default().push(times);
        }
    }
    for borrower in 0..resends {
        assert_eq!(by_hand.get(&format!("b{borrower}")), Some(&vec![1]), "b{borrower}");
        let page = li.get(&address, &path(borrower)).await;
        assert_eq!(page.matches("resent it by hand: called in").count(), 1, "{page}");
    }
    assert_eq!(bench.sink.total(), 2 * resends, "the sink got nothing else");
    tell(&format!("{resends} resends, {} messages at the sink, 0 twice", bench.sink.total()));
}
