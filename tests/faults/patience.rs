//! Waiting for what happens in other processes.

use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Above anything that is sound, even the long form on a busy machine.
const GIVE_UP: Duration = Duration::from_secs(900);

/// Looks until `happened`; fails when it did not in a quarter of an hour.
pub(crate) async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let begun = SystemClock.elapsed();
    while !happened().await {
        assert!(SystemClock.elapsed() - begun < GIVE_UP, "waited in vain: {what}");
        pause(LOOK_AGAIN).await;
    }
}

/// Looks until `holds` has held for `lasting` without a break.
pub(crate) async fn until_lasting(what: &str, lasting: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let mut since = None;
    until(what, async || {
        if !holds().await {
            since = None;
            return false;
        }
        let now = SystemClock.elapsed();
        now - *since.get_or_insert(now) >= lasting
    })
    .await;
}

pub(crate) async fn pause(pause: Duration) {
    SystemClock.sleep(pause).await;
}
