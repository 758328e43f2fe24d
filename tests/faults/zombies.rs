//! A daemon that is stopped for longer than its lease and then goes on.

use std::os::unix::process::ExitStatusExt;

use dueherald::domain::{Channel, State};
use rustix::process::Signal;

use crate::bench::{Bench, IN_FLIGHT, QUICK};
use crate::chance::{Chance, of};
use crate::patience::{pause, until};
use crate::sink::Reply;

const DAEMONS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_slept_past_its_lease_sends_nothing_and_overwrites_nothing() {
    let mut chance = Chance::seeded("zombies");
    let mut bench = Bench::on_postgres(Channel::Sms, QUICK).await;
    let slow = chance.moment();
    bench.sink.behave(move |_, _| Reply::Accept(slow));
    let rounds = of(2, 40);
    for _ in 0..rounds {
        let before = bench.sink.total();
        bench.plan(150).await;
        let mut zombies: Vec<_> = (0..DAEMONS).map(|_| bench.start_daemon()).collect();
        let place = before + chance.below(100);
        until("the moment to stop", async || bench.sink.total() > place).await;
        pause(chance.moment()).await;
        zombies.iter().for_each(|zombie| zombie.signal(Signal::STOP));

        // Another one sends the rest, and finds that nothing was heard of the leases.
        let mut heir = bench.start_daemon();
        bench.at_rest().await;
        heir.kill();
        let (taken, stories, views) = (bench.sink.taken(), bench.stories().await, bench.views().await);

        zombies.iter().for_each(|zombie| zombie.signal(Signal::CONT));
        for zombie in &mut zombies {
            // A soft stop waits for all that is in flight: when it has ended, it has done what it was going to do.
            zombie.signal(Signal::TERM);
            let status = zombie.ended().await;
            // One that was stopped while it started had not yet learned to stop softly, nor sent anything.
            assert!(status.success() || status.signal() == Some(15), "{status}");
        }
        let late: Vec<_> = bench.sink.taken().into_iter().filter(|(id, times)| taken.get(id) != Some(times)).collect();
        assert!(late.is_empty(), "left after the lease: {late:?}");
        for (id, after) in bench.stories().await {
            let before = &stories[&id];
            // The proof that unknown waits for, from the same attempt: an answer that came in while nobody listened, or
            // that nothing had left yet.
            let proofs = ["accepted -", "retry deadline"].map(|proof| format!("{before}, 1 {proof}"));
            // A reminder that was unclaimed while all daemons were stopped had been claimed in a transaction that one
            // of them commits late: that daemon finds no time left, or its reaper, if it is quicker, finds the lease
            // expired.
            let unclaimed = views[&id].state == State::Planned && views[&id].attempts == 0;
            let late_claim =
                ["1 retry deadline", "1 unknown lease_expired, 1 retry deadline"].contains(&after.as_str());
            let proven = before.ends_with("unknown lease_expired") && proofs.contains(&after)
                || before.is_empty() && unclaimed && late_claim;
            assert!(*before == after || proven, "{id}: {before}, then {after}");
        }
    }
    let _heir = bench.start_daemon();
    bench.drained().await;
    bench.assert_once_each(rounds * DAEMONS * IN_FLIGHT).await;
}
