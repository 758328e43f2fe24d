//! How gateways are doing, as each process finds.

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{Code, GatewayState};
use dueherald::store::{GATEWAY_STATE_KEPT, Store};

use super::sample::instant;

pub(super) async fn the_latest_word_of_each_process_is_known_for_a_day(store: &dyn Store, _: &SimClock) {
    let early = instant("2026-11-22T01:00:00.000001Z");
    let late = early + TimeDelta::hours(1);
    let state = |gateway: &str, holder: &str, at| GatewayState {
        gateway: gateway.parse().expect("a name"),
        holder: holder.into(),
        open_since: None,
        last_error: None,
        at,
    };
    let broken = GatewayState {
        open_since: Some(early),
        last_error: Some((Code::new("http-500"), early)),
        ..state("twilio", "a", early)
    };
    let note = async |state: &GatewayState| store.note_gateway(state).await.expect("noted");
    let known = async |since| store.gateway_states(since).await.expect("listed");
    note(&broken).await;
    note(&state("twilio", "b", early)).await;
    note(&state("aliyun", "b", late)).await;
    assert_eq!(known(early).await, [state("aliyun", "b", late), broken.clone(), state("twilio", "b", early)]);
    assert_eq!(known(late).await, [state("aliyun", "b", late)]);

    let mended = GatewayState { open_since: None, at: late, ..broken };
    note(&mended).await;
    assert_eq!(known(late).await, [state("aliyun", "b", late), mended.clone()]);

    let next_day = early + GATEWAY_STATE_KEPT + TimeDelta::seconds(1);
    note(&state("aliyun", "c", next_day)).await;
    let left = [state("aliyun", "b", late), state("aliyun", "c", next_day), mended];
    assert_eq!(known(early).await, left, "what is older than a day is gone");
}
