//! Merchants with gateways of their own: nothing of theirs leaves by another, and nobody waits for another's trouble.

use std::time::Duration;

use dueherald::domain::{Channel, GatewayName, Merchant, MerchantId, State};
use dueherald::gateway::LookUp;
use dueherald::plan::{GatewayLists, Policy};

use super::bench::{Bench, Scripted, Setup, not_sent, unknown};
use crate::fixtures::{merchant, policy};

/// The signatures of the mall and of the harbour.
const MALL: &str = "示例商城";
const HARBOUR: &str = "海港百货";

fn harbour() -> MerchantId {
    "harbour".parse().expect("an id")
}

/// The fixtures' merchant and a second one; SMS leave by `shared`, those of the harbour by `own`.
fn two_merchants(shared: &[&str], own: &[&str]) -> Policy {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<GatewayName>>();
    let second = Merchant { id: harbour(), name: HARBOUR.into(), signature: HARBOUR.into(), ..merchant() };
    let mut policy = policy();
    policy.merchants.insert(second.id.clone(), second);
    let own = if own.is_empty() { Default::default() } else { [(Channel::Sms, names(own))].into() };
    policy.gateways = GatewayLists::new([(Channel::Sms, names(shared))].into(), [(harbour(), own)].into());
    policy
}

fn bench(shared: &[&str], own: &[&str]) -> Bench {
    let gateways = vec![("first", Channel::Sms), ("second", Channel::Sms), ("third", Channel::Sms)];
    Bench::of(Setup { policy: two_merchants(shared, own), gateways, ..Setup::default() })
}

/// How many messages of each merchant a gateway was handed.
fn carried(gateway: &Scripted) -> (usize, usize) {
    let of = |name: &str| gateway.seen().iter().filter(|sent| sent.text.starts_with(&format!("【{name}】"))).count();
    (of(MALL), of(HARBOUR))
}

async fn add(bench: &Bench, mall: usize, harbour_has: usize) {
    bench.add(mall).await;
    bench.add_of(&harbour(), harbour_has).await;
}

#[tokio::test]
async fn each_merchants_messages_leave_by_its_own_gateways() {
    let bench = bench(&["first", "second"], &["third", "second"]);
    add(&bench, 5, 7).await;
    assert_eq!(bench.drain().await.accepted, 12);
    let all = ["first", "second", "third"].map(|name| carried(bench.gateway(name)));
    assert_eq!(all, [(5, 0), (0, 0), (0, 7)]);
}

#[tokio::test]
async fn what_one_does_not_take_goes_to_the_next_of_the_same_merchant() {
    let bench = bench(&["first", "second"], &["third", "second"]);
    bench.gateway("third").answers(vec![not_sent(); 2]);
    bench.gateway("first").answers(vec![not_sent()]);
    bench.gateway("second").answers(vec![not_sent(); 3]);
    add(&bench, 1, 2).await;
    let tally = bench.drain().await;
    assert_eq!((tally.passed_on, tally.retried), (3, 3), "after the last one it is the first again: {tally:?}");
    bench.live(Duration::from_secs(60), 2).await;
    let all = ["first", "second", "third"].map(|name| carried(bench.gateway(name)));
    assert_eq!(all, [(2, 0), (1, 2), (0, 4)]);
}

#[tokio::test]
async fn a_merchant_whose_gateways_are_all_broken_delays_nobody_and_goes_nowhere_else() {
    let bench = bench(&["first", "second"], &["third"]);
    bench.gateway("third").answers(vec![not_sent(); 8]);
    add(&bench, 30, 30).await;
    let tally = bench.drain().await;
    assert_eq!(tally.accepted, 30, "{tally:?}");
    let all = ["first", "second", "third"].map(|name| carried(bench.gateway(name)));
    assert_eq!((all[0].0 + all[1].0, all[0].1 + all[1].1), (30, 0));
    bench.live(Duration::from_secs(30), 60).await;
    let states = bench.states().await;
    assert!(states.iter().all(|state| *state == format!("sms {}", State::Accepted)), "{states:?}");
    assert_eq!(["first", "second"].map(|name| carried(bench.gateway(name)).1), [0, 0]);
}

#[tokio::test]
async fn the_next_gateway_takes_over_for_the_merchants_whose_it_is() {
    let bench = bench(&["first", "third"], &["second", "third"]);
    bench.gateway("first").answers(vec![not_sent(); 60]);
    bench.gateway("second").answers(vec![not_sent(); 60]);
    add(&bench, 20, 20).await;
    assert_eq!(bench.drain().await.accepted, 40, "nothing waits for a gateway that is broken");
    assert_eq!(carried(bench.gateway("third")), (20, 20));
    assert_eq!((carried(bench.gateway("first")).1, carried(bench.gateway("second")).0), (0, 0));
}

#[tokio::test]
async fn what_was_not_sent_after_all_is_sent_by_a_gateway_of_the_merchant() {
    let bench = bench(&["first"], &["third"]);
    bench.gateway("third").answers(vec![unknown()]);
    bench.gateway("third").looks_up(LookUp::NotSent);
    bench.add_of(&harbour(), 1).await;
    assert_eq!(bench.drain().await.unknown, 1);
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
    assert_eq!(bench.story(1).await, ["1 unknown busy", "1 retry looked_up", "2 accepted -"], "it was not passed on");
    assert_eq!(carried(bench.gateway("first")), (0, 0));
}

#[tokio::test]
async fn what_waits_for_another_gateway_is_passed_on_when_a_merchant_gets_its_own() {
    let bench = bench(&["first"], &[]);
    add(&bench, 3, 3).await;
    let bench = bench.with_policy(two_merchants(&["first"], &["third"]));
    assert_eq!(bench.drain().await.accepted, 6, "it is sent in the same round");
    let all = ["first", "third"].map(|name| carried(bench.gateway(name)));
    assert_eq!(all, [(3, 0), (0, 3)]);
    assert_eq!(bench.story(4).await, ["0 deferred other_gateway", "1 accepted -"]);
}

#[tokio::test]
async fn a_gateway_of_several_lists_gives_each_a_turn_and_is_handed_no_more_at_once() {
    let bench = bench(&["first"], &["first", "second"]);
    add(&bench, 40, 4).await;
    assert_eq!(bench.drain().await.accepted, 44);
    assert!(bench.gateway("first").most_in_flight() <= 4);
    let order: Vec<_> = bench.gateway("first").seen().iter().map(|sent| sent.text.contains(HARBOUR)).collect();
    let last = order.iter().rposition(|is_harbour| *is_harbour).expect("they were sent");
    assert!(last < 12, "the harbour waits for the end of the mall's backlog: {order:?}");
}
