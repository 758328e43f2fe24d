//! The kill switch, merchants that are stopped in the config, and templates that do not render.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Address, Channel, MerchantId, Phone, SkipReason, State};
use dueherald::pipeline::{Composer, Tally};
use dueherald::plan::RecipientAllowlist;
use dueherald::render::{Renderer, TemplateSource, builtin_templates};
use dueherald::store::{Stop, StopStore};
use rstest::rstest;

use super::bench::{Bench, Setup};
use crate::fixtures::{by_hand, composer, merchant, policy};

const MINUTE: Duration = Duration::from_secs(60);

fn mall() -> Option<MerchantId> {
    Some(merchant().id)
}

async fn stop(bench: &Bench, merchant: Option<MerchantId>, channel: Option<Channel>) {
    let (actor, reason, since) = ("wang".to_owned(), "wrong text".to_owned(), bench.clock.now());
    bench.store.stop(&Stop { merchant, channel, actor, reason, since }).await.expect("stopped");
}

#[rstest]
#[case::merchant(mall(), None)]
#[case::channel(None, Some(Channel::Sms))]
#[case::merchant_on_channel(mall(), Some(Channel::Sms))]
#[case::everything(None, None)]
#[tokio::test]
async fn what_is_stopped_waits_and_goes_out_when_the_stop_is_lifted(
    #[case] merchant: Option<MerchantId>,
    #[case] channel: Option<Channel>,
) {
    let bench = Bench::with(3, vec![]).await;
    stop(&bench, merchant.clone(), channel).await;
    let tally = bench.drain().await;
    assert_eq!(tally, Tally { held: 3, ..Tally::default() });
    bench.live(MINUTE, 60).await;
    assert!(bench.gateway("script").seen().is_empty());

    assert!(bench.store.lift_stop(merchant.as_ref(), channel, &by_hand()).await.expect("lifted"));
    assert_eq!(bench.drain().await.accepted, 3, "at once");
    assert_eq!(bench.story(1).await, ["0 held stopped:mall", "0 released stopped:mall", "1 accepted -"]);
    assert!(
        !bench.store.lift_stop(merchant.as_ref(), channel, &by_hand()).await.expect("asked"),
        "there is none any more"
    );
}

#[rstest]
#[case::another_merchant(MerchantId::new("harbour").ok(), None)]
#[case::another_channel(None, Some(Channel::Email))]
#[case::another_channel_of_the_merchant(mall(), Some(Channel::Email))]
#[tokio::test]
async fn what_is_not_meant_is_not_stopped(#[case] merchant: Option<MerchantId>, #[case] channel: Option<Channel>) {
    let bench = Bench::with(1, vec![]).await;
    stop(&bench, merchant, channel).await;
    assert_eq!(bench.drain().await.accepted, 1);
}

#[tokio::test]
async fn what_is_stopped_for_too_long_expires_on_record() {
    let bench = Bench::with(1, vec![]).await;
    stop(&bench, None, None).await;
    let tally = bench.live(10 * MINUTE, 72).await;
    assert_eq!(tally.skipped, [(SkipReason::Expired, 1)].into());
}

#[tokio::test]
async fn a_merchant_that_is_stopped_in_the_config_skips_its_reminders() {
    let mut policy = policy();
    policy.merchants.values_mut().for_each(|merchant| merchant.stopped = true);
    let bench = Bench::of(Setup { policy, ..Setup::default() });
    bench.add(2).await;
    assert_eq!(bench.drain().await.skipped, [(SkipReason::MerchantStopped, 2)].into());
    assert!(bench.gateway("script").seen().is_empty());
}

/// A template that passes every check, and fails on the fixtures' borrowers.
fn poisoned() -> Composer {
    printing_for_the_fixtures("borrower.account_phone_tail / 2")
}

/// A template that prints something only for the fixtures' borrowers.
fn printing_for_the_fixtures(printed: &str) -> Composer {
    const PATH: &str = "before-due/sms.zh-CN.txt";
    let poison = format!(r#"{{% if borrower.account_phone_tail == "9000" %}}{{{{ {printed} }}}}{{% endif %}}"#);
    let sound = builtin_templates().find(|template| template.path == PATH).expect("it is built in");
    let template = TemplateSource { path: PATH.into(), text: format!("{}{poison}", sound.text.trim_end()) };
    let renderer = Renderer::new(vec![template]).expect("samples pass");
    Composer { renderer: Arc::new(renderer), ..composer() }
}

#[tokio::test]
async fn a_template_that_fails_five_times_is_stopped_and_burns_no_more_reminders() {
    let bench = Bench::of(Setup { composer: poisoned(), ..Setup::default() });
    bench.add(12).await;
    let tally = bench.drain().await;
    assert_eq!((tally.failed, tally.held), (5, 7), "{tally:?}");
    assert_eq!(bench.story(1).await, ["1 failed bad_template"]);
    let story = bench.story(12).await;
    assert!(story.len() == 1 && story[0].starts_with("1 held bad_template:before-due/sms.zh-CN.txt@"), "{story:?}");
    assert_eq!(bench.live(5 * MINUTE, 100).await, Tally::default(), "the others wait, and nobody looks at them");
    assert!(bench.gateway("script").seen().is_empty());

    let mended = bench.restarted(composer());
    assert_eq!(mended.live(5 * MINUTE, 3).await.accepted, 7);
    assert_eq!(mended.view(1).await.state, State::Failed);
}

/// A message that is too long is not sent, and not cut either. Its data caused that, so the failure does not count
/// against the template, and stops it for nobody.
#[tokio::test]
async fn a_message_that_is_too_long_is_not_sent_and_stops_no_template() {
    for printed in ["'x' * 300", "'x' * 9000"] {
        let bench = Bench::of(Setup { composer: printing_for_the_fixtures(printed), ..Setup::default() });
        bench.add(8).await;
        let tally = bench.drain().await;
        assert_eq!((tally.failed, tally.held), (8, 0), "{tally:?}");
        assert_eq!(bench.story(1).await, ["1 failed message_too_long"]);
        assert!(bench.gateway("script").seen().is_empty());
    }
}

#[tokio::test]
async fn what_waits_for_its_template_too_long_expires() {
    let lasts = TimeDelta::hours(2);
    let bench = Bench::of(Setup { composer: poisoned(), lasts, ..Setup::default() });
    bench.add(6).await;
    bench.drain().await;
    assert_eq!(bench.live(15 * MINUTE, 12).await.skipped, [(SkipReason::Expired, 1)].into());
}

#[tokio::test]
async fn with_a_list_of_addresses_nothing_leaves_to_others_until_the_list_is_gone() {
    let mut policy = policy();
    policy.only_to = Some(RecipientAllowlist::new([Address::Phone(Phone::new("+8613900139000").expect("a number"))]));
    let bench = Bench::of(Setup { policy, ..Setup::default() });
    bench.add(3).await;
    assert_eq!(bench.drain().await, Tally { held: 3, ..Tally::default() });
    bench.live(MINUTE, 5).await;
    assert!(bench.gateway("script").seen().is_empty());
    let held = bench.story(1).await;
    assert!(held.len() == 1 && held[0].starts_with("0 held only_to:"), "{held:?}");
}
