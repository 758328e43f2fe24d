//! Opt-outs, known from a provider's refusal or from an answer: the borrower gets no further message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dueherald::clock::Clock;
use dueherald::domain::{Address, RejectScope, Reply, Report, SkipReason, SuppressionReason};
use dueherald::pipeline::{Intake, Trust};
use dueherald::plan::Policy;
use dueherald::store::{SuppressionFilter, SuppressionStore};
use rstest::rstest;

use super::bench::{Bench, Setup, rejected};
use crate::fixtures::{borrower, composer, merchant, policy};

#[tokio::test]
async fn who_opted_out_at_the_provider_is_suppressed_and_tried_nowhere_else() {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![rejected(RejectScope::OptedOut)]);
    bench.add(1).await;
    assert_eq!(bench.drain().await.failed, 1);
    let known = bench.store.suppressions(&SuppressionFilter { limit: 10, ..SuppressionFilter::default() }).await;
    let [one] = &known.expect("listed")[..] else { panic!("one is suppressed") };
    assert_eq!((&one.merchant, one.reason), (&Some(merchant().id), SuppressionReason::OptedOut));
    assert_eq!((one.source.as_str(), one.until), ("first", None));
    assert_eq!(Some(one.address.reveal()), borrower("b0").phone.as_ref().map(|phone| phone.as_e164()));

    // Another borrower with the same phone.
    bench.add(1).await;
    assert_eq!(bench.drain().await.skipped[&SkipReason::OptedOut], 1);
    assert_eq!((bench.gateway("first").seen().len(), bench.gateway("second").seen().len()), (1, 0));
}

/// A merchant of a country where an opt-out is confirmed.
fn american() -> Policy {
    let mut policy = policy();
    policy.merchants.values_mut().for_each(|merchant| merchant.jurisdiction = "us".parse().expect("a jurisdiction"));
    policy
}

async fn answers(bench: &Bench, policy: Policy, number: &str, text: &str) {
    let from = Address::Phone(borrower("b0").phone.expect("it has one"));
    let clock: Arc<dyn Clock> = Arc::new(bench.clock.clone());
    let intake = Intake {
        store: bench.store.clone(),
        policy: Arc::new(policy),
        composer: composer(),
        gateways: BTreeMap::new(),
        clock,
    };
    let (text, provider_id) = (text.to_owned(), Some(number.to_owned()));
    let reply = Report::Reply(Reply {
        from: from.reveal().to_owned(),
        country: None,
        about: None,
        text,
        at: None,
        provider_id,
    });
    let gateway = "script".parse().expect("a name");
    let taken = intake.take_in(&gateway, vec![reply], Trust::Counts).await.expect("it is taken in");
    assert_eq!(taken.replies, 1);
}

#[tokio::test]
async fn who_answers_stop_hears_once_that_it_holds_and_nothing_after_that() {
    let bench = Bench::of(Setup { policy: american(), ..Setup::default() });
    bench.add(1).await;
    assert_eq!(bench.drain().await.accepted, 1);
    answers(&bench, american(), "r1", "STOP").await;
    bench.add(1).await;
    bench.clock.advance(Duration::from_secs(30));
    let tally = bench.drain().await;
    assert_eq!((tally.accepted, tally.skipped[&SkipReason::OptedOut]), (1, 1), "{tally:?}");
    answers(&bench, american(), "r2", "STOP").await;
    assert_eq!(bench.drain().await.accepted, 0, "it was told already");
    let seen = bench.gateway("script").seen();
    let [_, confirmation] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(
        confirmation.text,
        "【示例商城】您已退订成功，我们不会再向您发送短信。如有疑问，请联系客服：400-000-0000。"
    );
}

#[rstest]
#[case::five_minutes_later(american(), Some(300), None)]
#[case::who_came_back(american(), None, Some("START"))]
#[case::where_nobody_wants_it(policy(), None, None)]
#[tokio::test]
async fn no_confirmation_leaves(#[case] policy: Policy, #[case] wait: Option<u64>, #[case] then: Option<&str>) {
    let bench = Bench::of(Setup { policy: policy.clone(), ..Setup::default() });
    bench.add(1).await;
    assert_eq!(bench.drain().await.accepted, 1);
    answers(&bench, policy.clone(), "r1", "STOP").await;
    bench.clock.advance(Duration::from_secs(wait.unwrap_or(1)));
    if let Some(text) = then {
        answers(&bench, policy, "r2", text).await;
    }
    assert_eq!(bench.drain().await.accepted, 0);
    assert_eq!(bench.gateway("script").seen().len(), 1);
}
