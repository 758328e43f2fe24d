//! Unknown outcomes: looked up at the gateway, sent once more where that does no harm, settled by a person, or left
//! alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dueherald::clock::Clock;
use dueherald::domain::{Channel, ReminderId, ReportedState, State};
use dueherald::gateway::LookUp;
use dueherald::pipeline::{AuditNote, Composer, Finding, ResolveError, Tally, drain, resolve};
use dueherald::plan::ChannelMode;
use dueherald::render::LinkKeys;
use dueherald::store::ReconcileStore;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, Setup, unknown};
use crate::fixtures::composer;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_mail_in_doubt_is_sent_once_more_under_the_same_reference_and_then_held() {
    let bench = Bench::of(Setup::two_channels(ChannelMode::All, &[Channel::Email]));
    bench.gateway("mails").answers(vec![unknown(); 10]);
    bench.add(1).await;
    assert_eq!(bench.drain().await.unknown, 1);
    assert_eq!(bench.reconcile_and_drain().await.unknown, 1);
    bench.live(HOUR, 10).await;
    let mails = bench.gateway("mails");
    assert_eq!((mails.seen().len(), mails.references().len()), (2, 1));
    assert_eq!(bench.story(1).await, ["1 unknown busy", "1 retry sent_once_more", "2 unknown busy"]);
}

#[rstest]
#[case::it_has_it(LookUp::Accepted { provider_id: Some("77".into()), fate: None }, State::Accepted, 1)]
#[case::it_never_had_it(LookUp::NotSent, State::Accepted, 2)]
#[case::it_cannot_tell(LookUp::Unclear, State::Unknown, 1)]
#[tokio::test]
async fn a_gateway_that_can_be_asked_is_asked(#[case] found: LookUp, #[case] state: State, #[case] sent: usize) {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.gateway("script").looks_up(found);
    bench.drain().await;
    bench.live(Duration::from_secs(60), 10).await;
    assert_eq!((bench.view(1).await.state, bench.gateway("script").seen().len()), (state, sent));
}

/// The gateway knows the message by a reference of the key before, and nothing by one of the key after.
#[rstest]
#[case::it_has_it(true, 1)]
#[case::it_never_had_it(false, 2)]
#[tokio::test]
async fn after_a_change_of_the_link_key_it_is_asked_about_by_the_old_one_too(
    #[case] has_it: bool,
    #[case] sent: usize,
) {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.drain().await;
    bench.gateway("script").remembers.store(true, Ordering::SeqCst);
    if !has_it {
        bench.gateway("script").forget();
    }
    let links = Arc::new(LinkKeys::new([(9, [9_u8; 32]), (1, [0; 32])]).expect("the key of the composer stays"));
    let bench = bench.restarted(Composer { links, ..composer() });
    bench.live(Duration::from_secs(60), 10).await;
    let gateway = bench.gateway("script");
    assert_eq!(gateway.seen().len() + usize::from(!has_it), sent, "{:?}", bench.story(1).await);
    assert_eq!(bench.view(1).await.state, State::Accepted);
}

#[tokio::test]
async fn a_gateway_is_not_asked_in_every_round() {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.drain().await;
    bench.live(Duration::from_secs(30), 128).await;
    // At once, and at the ages of 1, 2, 4, 8, 16, 32 and 64 minutes.
    assert_eq!(bench.gateway("script").asked(), 8);
}

#[tokio::test]
async fn after_thirty_days_a_message_in_doubt_is_a_persons() {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.drain().await;
    bench.live(Duration::from_secs(24 * 3600), 31).await;
    let asked = bench.gateway("script").asked();
    bench.live(Duration::from_secs(24 * 3600), 60).await;
    assert_eq!((bench.gateway("script").asked(), bench.view(1).await.state), (asked, State::Unknown));
    let due = bench.store.unknown_due(Channel::Sms, 10).await.expect("unknown ones are listed");
    assert!(due.is_empty(), "no round reads it again");
}

#[tokio::test]
async fn what_is_found_to_have_arrived_is_delivered() {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.gateway("script").looks_up(LookUp::Accepted { provider_id: None, fate: Some(ReportedState::Delivered) });
    bench.drain().await;
    bench.live(Duration::from_secs(60), 1).await;
    assert_eq!(bench.view(1).await.state, State::Delivered);
}

fn signed() -> AuditNote {
    AuditNote::new("wang", "asked the provider").expect("both are given")
}

async fn settle_by_hand(bench: &Bench, finding: Finding) -> Result<(), ResolveError> {
    resolve(&*bench.store, ReminderId(1), finding, &signed(), bench.clock.now()).await
}

#[tokio::test]
async fn a_person_says_that_it_went_out() {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.drain().await;
    settle_by_hand(&bench, Finding::Sent).await.expect("it is unknown");
    assert_eq!(bench.story(1).await, ["1 unknown busy", "1 accepted wang: asked the provider"]);
    bench.live(HOUR, 5).await;
    assert_eq!(bench.gateway("script").seen().len(), 1);
    let again = settle_by_hand(&bench, Finding::Resend).await.expect_err("it is settled");
    assert!(matches!(again, ResolveError::NotUnknown(ReminderId(1))), "{again}");
}

#[tokio::test]
async fn a_person_says_that_it_did_not_go_out_and_it_is_sent_again() {
    let bench = Bench::with(1, vec![unknown()]).await;
    bench.drain().await;
    settle_by_hand(&bench, Finding::Resend).await.expect("it is unknown");
    assert_eq!(bench.drain().await.accepted, 1);
    let story = ["1 unknown busy", "1 retry wang: asked the provider", "2 accepted -"];
    assert_eq!(bench.story(1).await, story);
    assert_eq!(bench.gateway("script").references().len(), 1);
}

#[tokio::test]
async fn only_what_is_unknown_is_settled_by_hand() {
    let bench = Bench::with(1, vec![]).await;
    for finding in [Finding::Sent, Finding::Resend] {
        assert!(settle_by_hand(&bench, finding).await.is_err(), "it is planned");
    }
    assert_eq!(bench.drain().await.accepted, 1);
    let nowhere = resolve(&*bench.store, ReminderId(99), Finding::Sent, &signed(), bench.clock.now()).await;
    assert!(matches!(nowhere, Err(ResolveError::NotUnknown(_))));
}

/// A sender whose gateway answers only when it is let go, and whose lease has run out.
async fn late_sender(bench: &Bench) -> tokio::task::JoinHandle<Tally> {
    bench.gateway("script").silent.store(true, Ordering::SeqCst);
    let lanes = bench.lanes.clone();
    let sender =
        tokio::spawn(async move { drain(&lanes, &CancellationToken::new()).await.expect("the store is well") });
    while bench.gateway("script").seen().is_empty() {
        tokio::task::yield_now().await;
    }
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 1);
    sender
}

#[tokio::test]
async fn an_answer_after_the_lease_is_the_proof_that_unknown_waits_for() {
    let bench = Bench::with(1, vec![]).await;
    let sender = late_sender(&bench).await;
    assert_eq!(bench.view(1).await.state, State::Unknown);
    bench.gateway("script").release();
    assert_eq!(sender.await.expect("no panic").accepted, 1);
    assert_eq!(bench.story(1).await, ["1 unknown lease_expired", "1 accepted -"]);
}

#[tokio::test]
async fn an_answer_after_another_attempt_has_begun_changes_nothing() {
    let bench = Bench::with(1, vec![]).await;
    let sender = late_sender(&bench).await;
    settle_by_hand(&bench, Finding::Resend).await.expect("it is unknown");
    // The second attempt comes to an end that the first one's answer would contradict.
    bench.gateway("script").silent.store(false, Ordering::SeqCst);
    bench.gateway("script").answers(vec![unknown()]);
    assert_eq!(bench.drain().await.unknown, 1);
    let before = bench.story(1).await;
    bench.gateway("script").release();
    sender.await.expect("no panic");
    assert_eq!((bench.story(1).await, bench.view(1).await.state), (before, State::Unknown));
}
