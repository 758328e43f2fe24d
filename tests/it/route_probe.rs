//! A look at a way to repay, over real HTTPS on this machine: what is found well, and each thing that may be wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dueherald::clock::SimClock;
use dueherald::domain::{RouteFault, RouteHosts};
use dueherald::probe::{HttpsProbe, ProbeTarget, RouteProbe};
use rstest::rstest;

use crate::sinks::http::{HttpSink, Reply, Script};
use crate::sinks::tls::Authority;

const PAY: &str = "pay.mall.example.com";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Looks from a world in which these names lead to these ports of this machine.
pub(crate) fn probe(ca_pem: &str, names: &[(&str, u16)], clock: &SimClock) -> HttpsProbe {
    let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let names: BTreeMap<_, _> = names.iter().map(|(name, port)| ((*name).to_owned(), address(*port))).collect();
    let this_machine = vec!["127.0.0.0/8".parse().expect("a network")];
    HttpsProbe::in_a_world_of(names, this_machine, ca_pem, TIMEOUT, Arc::new(clock.clone())).expect("an authority")
}

/// Whoever answers for the name could else make the daemon speak to a server within.
#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_not_spoken_to() {
    let (authority, clock) = (Authority::of(PAY), clock());
    let sink = HttpSink::start(Script::always(Reply::answer(200, "pay here")).tls(Arc::clone(&authority.server))).await;
    let names = || BTreeMap::from([(PAY.to_owned(), SocketAddr::from(([127, 0, 0, 1], sink.port())))]);
    for (allowed, expected) in [(vec![], Some(RouteFault::Private)), (vec!["127.0.0.0/8"], None)] {
        let allowed = allowed.into_iter().map(|network: &str| network.parse().expect("a network")).collect();
        let probe = HttpsProbe::in_a_world_of(names(), allowed, &authority.ca_pem, TIMEOUT, Arc::new(clock.clone()));
        let url = format!("https://{PAY}/");
        assert_eq!(probe.expect("an authority").probe(&target(&url, None)).await.fault, expected);
    }
    assert_eq!(sink.connections(), 1, "no connection is made where it is not allowed");
}

pub(crate) fn redirect(to: &str) -> Reply {
    Reply::with_header(302, "location", to)
}

fn target(url: &str, expect: Option<&str>) -> ProbeTarget {
    let hosts = ["pay.mall.example.com", ".new.example.com"].map(|host| host.parse::<RouteHosts>().expect("a host"));
    ProbeTarget { url: url.into(), expect: expect.map(str::to_owned), hosts: RouteHosts::all_of(hosts) }
}

fn clock() -> SimClock {
    SimClock::at(DateTime::<Utc>::UNIX_EPOCH)
}

/// The fault found at `path` of a server that answers by this script and is called `name`.
async fn found(authority: &Authority, script: Script, path: &str, expect: Option<&str>) -> Option<RouteFault> {
    let sink = HttpSink::start(script.tls(Arc::clone(&authority.server))).await;
    let probe = probe(&authority.ca_pem, &[(PAY, sink.port())], &clock());
    probe.probe(&target(&format!("https://{PAY}{path}"), expect)).await.fault
}

#[rstest]
#[case::well("/", None, None)]
#[case::no_content("/204", None, None)]
#[case::the_text("/", Some("还款"), None)]
#[case::another_page("/", Some("登录"), Some(RouteFault::TextMissing))]
#[case::broken("/500", None, Some(RouteFault::Status(500)))]
#[case::gone("/404", None, Some(RouteFault::Status(404)))]
#[case::moved_within("/moved", Some("还款"), None)]
#[case::round_and_round("/round", None, Some(RouteFault::Redirects))]
#[case::moved_to_nowhere("/nowhere", None, Some(RouteFault::Redirects))]
#[case::no_http("/garble", None, Some(RouteFault::Answer))]
#[case::hung_up("/close", None, Some(RouteFault::Answer))]
#[case::cut("/cut", Some("还款"), Some(RouteFault::Answer))]
#[tokio::test]
async fn what_a_page_answers(#[case] path: &str, #[case] expect: Option<&str>, #[case] fault: Option<RouteFault>) {
    let script = Script::always(Reply::answer(200, "<h1>还款</h1>"))
        .when("/204", Reply::answer(204, ""))
        .when("/500", Reply::answer(500, "oops"))
        .when("/404", Reply::answer(404, ""))
        .when("/moved", redirect("/bill?from=old"))
        .when("/round", redirect("/round"))
        .when("/nowhere", Reply::answer(302, ""))
        .when("/garble", Reply::Raw("220 mail.example ESMTP\r\n"))
        .when("/close", Reply::Close)
        .when("/cut", Reply::Half(200, "<h1>"));
    assert_eq!(found(&Authority::of(PAY), script, path, expect).await, fault);
}

#[rstest]
#[case::another_host(Authority::of("www.elsewhere.example"), RouteFault::CertificateHost)]
#[case::expired(Authority::expired(PAY), RouteFault::CertificateTime)]
#[tokio::test]
async fn a_certificate_has_to_hold(#[case] authority: Authority, #[case] fault: RouteFault) {
    let script = || Script::always(Reply::answer(200, "fine"));
    assert_eq!(found(&authority, script(), "/", None).await, Some(fault));
    let stranger = Authority { ca_pem: Authority::of(PAY).ca_pem, ..authority };
    let unknown = found(&Authority { server: Authority::of(PAY).server, ..stranger }, script(), "/", None).await;
    assert_eq!(unknown, Some(RouteFault::CertificateIssuer));
}

#[tokio::test]
async fn a_redirect_is_followed_to_hosts_on_the_list_alone() {
    let authority = Authority::of("*.new.example.com");
    let start = async |reply| HttpSink::start(Script::always(reply).tls(Arc::clone(&authority.server))).await;
    let there = start(Reply::answer(200, "还款")).await;
    for (from, to, fault) in [
        ("a.new.example.com", "https://b.new.example.com/bill", None),
        ("a.new.example.com", "https://evil.example.com/bill", Some("leads to evil.example.com, which is not on")),
        ("a.new.example.com", "http://b.new.example.com/bill", Some("begins with http:")),
        ("a.new.example.com", "https://127.0.0.1/bill", Some("IP address")),
        ("a.new.example.com", "https://b.new.example.com@evil.example.com/", Some("names a user")),
    ] {
        let here = start(redirect(to)).await;
        let before = there.connections();
        let names = [(from, here.port()), ("b.new.example.com", there.port()), ("evil.example.com", there.port())];
        let found = probe(&authority.ca_pem, &names, &clock()).probe(&target(&format!("https://{from}/"), None)).await;
        let told = found.fault.as_ref().map(ToString::to_string);
        assert_eq!(told.is_some(), fault.is_some(), "{to}: {told:?}");
        assert!(told.unwrap_or_default().contains(fault.unwrap_or_default()), "{to}");
        assert_eq!(
            there.connections() - before,
            usize::from(fault.is_none()),
            "{to}: nobody off the list is spoken to"
        );
        assert!(fault.is_none() || matches!(found.fault, Some(RouteFault::Astray(_))));
    }
}

#[tokio::test]
async fn nobody_there_no_such_name_and_no_answer_in_time() {
    let authority = Authority::of(PAY);
    let silent = HttpSink::start(Script::always(Reply::Silence).tls(Arc::clone(&authority.server))).await;
    let clock = clock();
    let url = format!("https://{PAY}/");
    let nameless = probe(&authority.ca_pem, &[], &clock).probe(&target(&url, None)).await;
    assert_eq!(nameless.fault, Some(RouteFault::Dns));

    let free =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its number").port();
    let closed = probe(&authority.ca_pem, &[(PAY, free)], &clock).probe(&target(&url, None)).await;
    assert_eq!(closed.fault, Some(RouteFault::Connect));

    let slow = probe(&authority.ca_pem, &[(PAY, silent.port())], &clock);
    let target = target(&url, None);
    let mut look = pin!(slow.probe(&target));
    tokio::select! {
        biased;
        found = &mut look => panic!("{found:?}"),
        () = silent.reached(1) => clock.advance(TIMEOUT),
    }
    let found = look.await;
    assert_eq!((found.fault, found.took), (Some(RouteFault::Slow), TIMEOUT));
}
