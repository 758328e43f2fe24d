//! A way to repay that does not work: messages that lead there are held, operations are alerted, and each message goes
//! out once after recovery.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Days;
use dueherald::app::{App, Time};
use dueherald::clock::SimClock;
use dueherald::config::Config;
use dueherald::http::health::Health;
use dueherald::http::ops::{Figures, Ops, router};
use dueherald::pipeline::{Prober, Round, SendLane, Tally, drain};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::commands::Desk;
use crate::fixtures::at;
use crate::route_probe::{probe, redirect};
use crate::routes::{half_past_ten, planned, today};
use crate::sinks::http::{HttpSink, Reply, Script};
use crate::sinks::tls::Authority;
use crate::web::get;

const PAY: &str = "pay.mall.example.com";
const EVIL: &str = "evil.example.com";
const BORROWERS: u32 = 3;

/// The fault of the page.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Answers500,
    WrongHost,
    ExpiredCertificate,
    RedirectOffTheList,
}

impl Trouble {
    fn authority(self) -> Authority {
        match self {
            Self::Answers500 | Self::RedirectOffTheList => Authority::of(PAY),
            Self::WrongHost => Authority::of("www.elsewhere.example"),
            Self::ExpiredCertificate => Authority::expired(PAY),
        }
    }

    fn reply(self) -> Reply {
        match self {
            Self::Answers500 => Reply::answer(500, "oops"),
            Self::RedirectOffTheList => redirect(&format!("https://{EVIL}/bill")),
            Self::WrongHost | Self::ExpiredCertificate => Reply::answer(200, "账单"),
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Answers500 => "it answers with status 500",
            Self::WrongHost => "its certificate is for another host",
            Self::ExpiredCertificate => "its certificate has expired",
            Self::RedirectOffTheList => "leads to evil.example.com, which is not on the merchant's list",
        }
    }
}

/// A daemon in parts, on a clock that stands still.
struct Parts {
    app: App,
    clock: SimClock,
    lanes: Vec<SendLane>,
    figures: Figures,
}

impl Parts {
    async fn start(desk: &Desk, figures: &Figures) -> Self {
        let config = Config::load_file(&desk.path("dueherald.toml")).expect("a sound config");
        let clock = SimClock::at(at(&half_past_ten()));
        let app = App::start(config, &Time::Rehearsal(clock.clone())).await.expect("it starts");
        let lanes = app.lanes(&app.dispatcher());
        Self { app, clock, lanes, figures: figures.clone() }
    }

    /// The prober of routes, for a page on a server that replies so.
    async fn prober(&self, authority: &Authority, reply: Reply) -> (Prober, HttpSink) {
        let page = HttpSink::start(Script::always(reply).tls(Arc::clone(&authority.server))).await;
        let probe = probe(&authority.ca_pem, &[(PAY, page.port())], &self.clock);
        (self.app.prober(Arc::new(probe)), page)
    }

    /// One minute of the daemon: probe the routes, check the held reminders, send the due ones.
    async fn minute(&self, prober: &Prober) -> Tally {
        prober.round().await.expect("kept");
        self.clock.advance(Duration::from_secs(60));
        self.app.reconciler(&self.app.dispatcher()).round().await.expect("the store does not fail");
        drain(&self.lanes, &CancellationToken::new()).await.expect("the store does not fail")
    }

    async fn alerted(&self) -> bool {
        let ops = Ops {
            store: Arc::clone(&self.app.store).into(),
            clock: Arc::new(self.clock.clone()),
            figures: self.figures.clone(),
            freshness: Arc::new(self.app.freshness()),
            health: Health::default(),
        };
        let figures = get(router(ops), "/metrics").await.body;
        let line = figures.lines().find(|line| line.starts_with(r#"dueherald_route_degraded{route="mall-web"}"#));
        line.unwrap_or_else(|| panic!("{figures}")).ends_with(" 1")
    }
}

/// Runs on this thread alone, so that the figures of this test are its own.
pub(crate) fn with_figures(test: impl AsyncFnOnce(Figures)) {
    let figures = Figures::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    figures.locally(|| runtime.block_on(test(figures.clone())));
}

/// A desk with reminders whose one way to repay is `mall-web`, which is probed.
fn desk() -> Desk {
    let no_app = ("url = \"https://app.mall.example.com/open/bill\"", "url = \"mallpay://bill\"\nclosed = true");
    planned(BORROWERS, &[no_app, ("[routes.mall-app]", "[probe]\n\n[routes.mall-app]")])
}

#[rstest]
#[case(Trouble::Answers500)]
#[case(Trouble::WrongHost)]
#[case(Trouble::ExpiredCertificate)]
#[case(Trouble::RedirectOffTheList)]
fn what_leads_to_a_route_in_trouble_is_held_and_goes_out_once_when_it_is_well(#[case] trouble: Trouble) {
    let desk = desk();
    with_figures(async |figures| {
        let parts = Parts::start(&desk, &figures).await;
        let (prober, _page) = parts.prober(&trouble.authority(), trouble.reply()).await;
        for _ in 0..3 {
            prober.round().await.expect("kept");
        }
        let held = parts.minute(&prober).await;
        assert_eq!((held.accepted, held.held), (0, u64::from(BORROWERS)));
        assert_eq!(desk.captured(), [""; 0]);
        assert!(parts.alerted().await);
        let listed = desk.run(&["route", "list", "--merchant", "mall", "--wide"]).went_well();
        assert!(listed.contains("degraded since") && listed.contains(trouble.told()), "{listed}");
        let told = desk.run(&["explain", "--borrower", "B0", "--merchant", "mall"]).went_well();
        assert!(told.contains("every way to repay that it could lead to is closed or out of order"), "{told}");

        parts.clock.advance(Duration::from_secs(300));
        assert_eq!(parts.minute(&prober).await, Tally::default(), "it is held, and nobody looks at it");
        let listed = desk.run(&["reminders", "list", "--state", "held", "--wide"]).went_well();
        assert_eq!(listed.matches("no_route").count(), BORROWERS as usize, "{listed}");

        let (mended, _page) = parts.prober(&Authority::of(PAY), Reply::answer(200, "账单")).await;
        // Another daemon has the turn until this one, which is gone, has not been heard of for two minutes.
        parts.clock.advance(Duration::from_secs(120));
        parts.minute(&mended).await;
        assert!(parts.alerted().await, "one good probe is no proof");
        let well = parts.minute(&mended).await;
        assert!(!parts.alerted().await);
        let later = parts.minute(&mended).await;
        assert_eq!(well.accepted + later.accepted, u64::from(BORROWERS), "as soon as it is known to be well");
        let sent = desk.captured();
        let links: BTreeSet<_> = sent.iter().filter_map(|text| text.split("/r/").nth(1)).collect();
        assert_eq!((sent.len(), links.len()), (BORROWERS as usize, BORROWERS as usize));
        parts.clock.advance(Duration::from_secs(600));
        assert_eq!(parts.minute(&mended).await, Tally::default(), "once");
    });
}

#[test]
fn two_failures_hold_nothing_and_what_is_held_too_long_expires() {
    let (hasty, patient) = (desk(), desk());
    with_figures(async |figures| {
        let parts = Parts::start(&hasty, &figures).await;
        let (prober, _page) = parts.prober(&Authority::of(PAY), Reply::answer(503, "")).await;
        prober.round().await.expect("kept");
        assert_eq!(parts.minute(&prober).await.accepted, u64::from(BORROWERS));
        assert!(!parts.alerted().await);

        let parts = Parts::start(&patient, &figures).await;
        let (prober, _page) = parts.prober(&Authority::of(PAY), Reply::answer(503, "")).await;
        for _ in 0..3 {
            prober.round().await.expect("kept");
        }
        assert_eq!(parts.minute(&prober).await.held, u64::from(BORROWERS));
        parts.clock.advance(Duration::from_secs(12 * 60 * 60));
        let tally = parts.minute(&prober).await;
        assert_eq!((tally.accepted, tally.skipped.values().sum::<u64>()), (0, u64::from(BORROWERS)), "{tally:?}");
        assert!(tally.skipped.keys().all(|reason| reason.as_str() == "expired"), "{tally:?}");
    });
}

/// A daemon that is started with another second route.
#[test]
fn a_rule_that_gets_a_second_route_frees_what_no_route_held() {
    let spare =
        "[routes.mall-spare]\nmerchant = \"mall\"\nkind = \"app\"\nproduct = \"other\"\nurl = \"mallpay://spare\"";
    let no_app = ("url = \"https://app.mall.example.com/open/bill\"", "url = \"mallpay://bill\"\nclosed = true");
    let desk =
        planned(BORROWERS, &[no_app, ("[routes.mall-app]", &format!("[probe]\n\n{spare}\n\n[routes.mall-app]"))]);
    with_figures(async |figures| {
        let parts = Parts::start(&desk, &figures).await;
        let (prober, _page) = parts.prober(&Authority::of(PAY), Reply::answer(503, "")).await;
        for _ in 0..3 {
            prober.round().await.expect("kept");
        }
        assert_eq!(parts.minute(&prober).await.held, u64::from(BORROWERS));

        let file = desk.path("dueherald.toml");
        let config = std::fs::read_to_string(&file).expect("the config");
        let rule = "offsets = [-3, -1]\n";
        let config = config.replacen(rule, &format!("{rule}second_route = \"mall-spare\"\n"), 1);
        std::fs::write(&file, config).expect("written");
        let parts = Parts::start(&desk, &figures).await;
        assert_eq!(parts.minute(&prober).await.accepted, u64::from(BORROWERS));
    });
}

#[test]
fn one_daemon_probes_at_a_time() {
    let desk = desk();
    with_figures(async |figures| {
        let parts = Parts::start(&desk, &figures).await;
        let (one, page) = parts.prober(&Authority::of(PAY), Reply::answer(200, "")).await;
        let (mut other, others_page) = parts.prober(&Authority::of(PAY), Reply::answer(200, "")).await;
        other.holder = "another".into();
        one.round().await.expect("kept");
        other.round().await.expect("kept");
        one.round().await.expect("kept");
        assert_eq!((page.received().len(), others_page.received().len()), (2, 0));
    });
}

/// The network fault of one daemon, whose routes lead to so many hosts.
#[derive(Debug, Clone, Copy)]
enum Network {
    Cut { hosts: u32, gateway: bool },
    OnlyRoutesDead { hosts: u32 },
}

#[rstest]
#[case::two_hosts(Network::Cut { hosts: 2, gateway: false }, Round::Offline)]
#[case::one_host_and_a_gateway(Network::Cut { hosts: 1, gateway: true }, Round::Offline)]
#[case::one_host_alone_says_nothing_about_the_network(Network::Cut { hosts: 1, gateway: false }, Round::Probed)]
#[case::a_gateway_is_reached_so_the_routes_are_dead(Network::OnlyRoutesDead { hosts: 2 }, Round::Probed)]
#[case::a_gateway_is_reached_so_the_route_is_dead(Network::OnlyRoutesDead { hosts: 1 }, Round::Probed)]
fn a_daemon_that_reaches_nobody_judges_no_route_and_lets_another_probe(#[case] network: Network, #[case] round: Round) {
    let hosts = match network {
        Network::Cut { hosts, .. } | Network::OnlyRoutesDead { hosts } => hosts,
    };
    let help = "[routes.help]\nmerchant = \"mall\"\nkind = \"web\"\nproduct = \"other\"\nurl = \"https://help.mall.example.com/\"";
    let routes = if hosts == 2 {
        format!("[probe]\n\n{help}\n\n[routes.mall-app]")
    } else {
        "[probe]\n\n[routes.mall-app]".into()
    };
    let no_app = ("url = \"https://app.mall.example.com/open/bill\"", "url = \"mallpay://bill\"\nclosed = true");
    let same_host = ("https://pay.harbor.example.com/", "https://pay.mall.example.com/harbor");
    let desk = planned(BORROWERS, &[no_app, ("[routes.mall-app]", &routes), same_host]);
    with_figures(async |figures| {
        let parts = Parts::start(&desk, &figures).await;
        let authority = Authority::of(PAY);
        let (other, page) = parts.prober(&authority, Reply::answer(200, "账单")).await;
        let names = match network {
            Network::Cut { .. } => vec![],
            Network::OnlyRoutesDead { .. } => vec![("mx.example.com", page.port())],
        };
        let mut cut = parts.app.prober(Arc::new(probe(&authority.ca_pem, &names, &parts.clock)));
        cut.holder = "cut".into();
        if !matches!(network, Network::Cut { gateway: false, .. }) {
            cut.witnesses.insert(("mx.example.com".into(), 25));
        }
        for _ in 0..3 {
            assert_eq!(cut.round().await.expect("the store works"), round, "{network:?}");
        }
        let degraded =
            parts.app.store.route_health().await.expect("read").iter().filter(|health| health.degraded).count();
        let offline = round == Round::Offline;
        assert_eq!(degraded, if offline { 0 } else { hosts as usize + 1 }, "two routes lead to the first host");
        let told = format!("dueherald_probe_offline {}", u8::from(offline));
        assert!(figures.text().contains(&told), "{}", figures.text());
        if !offline {
            return;
        }
        assert_eq!(other.round().await.expect("the store works"), Round::Probed, "it has given up its turn");
        assert_eq!(cut.round().await.expect("the store works"), Round::Offline, "and does not want it back");
        cut.probe = Arc::clone(&other.probe);
        assert_eq!(cut.round().await.expect("the store works"), Round::NotOurs, "until it reaches somebody again");
        assert!(figures.text().contains("dueherald_probe_offline 0"));
        parts.clock.advance(Duration::from_secs(120));
        assert_eq!(cut.round().await.expect("the store works"), Round::Probed);
    });
}

#[test]
fn the_funnel_tells_how_far_messages_of_a_route_brought_borrowers() {
    let desk = Desk::new(None);
    let yesterday = today() - Days::new(1);
    let due = yesterday + Days::new(3);
    let rows = |status: &str, count: u32| {
        let row = |n| format!("mall,B{n},I{n},128.50,CNY,{due},138001{n:05},{status}\n");
        "merchant,borrower_id,installment_id,amount,currency,due_date,phone,status\n".to_owned()
            + &(0..count).map(row).collect::<String>()
    };
    desk.run(&["migrate"]).went_well();
    let import = |status, count| {
        std::fs::write(desk.path("some.csv"), rows(status, count)).expect("written");
        desk.run(&["import", "some.csv"]).went_well();
    };
    import("open", 4);
    let at = format!("{yesterday}T10:30:00+08:00");
    desk.run(&["scan", "--at", &at]).went_well();
    desk.run(&["dispatch", "--drain", "--at", &at]).went_well();
    import("paid", 1);
    let told = desk.run(&["route", "funnel", "--days", "3", "--format", "json"]).went_well();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let expected = serde_json::json!([{
        "merchant": "mall", "route": "mall-web", "step": "due-soon/-3", "channel": "sms",
        "sent": 4, "delivered": 0, "clicked": 0, "paid": 1,
    }]);
    assert_eq!(told, expected);
    let table = desk.run(&["route", "funnel", "--days", "3", "--wide"]).went_well();
    assert!(table.contains("1 (25%)"), "{table}");
}
