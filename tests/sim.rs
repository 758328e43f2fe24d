//! The simulation: the real planner, decision, renderer, dispatch and reconciliation over the store in memory, on a
//! simulated clock, with faults at every await. One seed is one world of 100 borrowers over 30 days, and gives the same
//! run every time.
//!
//! `SIM_SEEDS=n` sets how many seeds are run, `SIM_SEED=s` runs one and prints all that happened.

#[path = "sim/api.rs"]
mod api;
#[path = "sim/audit.rs"]
mod audit;
#[path = "sim/daemon.rs"]
mod daemon;
#[path = "sim/database.rs"]
mod database;
#[path = "sim/deliveries.rs"]
mod deliveries;
#[path = "sim/encryption.rs"]
mod encryption;
#[path = "sim/faults.rs"]
mod faults;
#[path = "sim/gateway.rs"]
mod gateway;
#[path = "sim/holds.rs"]
mod holds;
#[path = "sim/incarnation.rs"]
mod incarnation;
#[path = "sim/life.rs"]
mod life;
#[path = "sim/notices.rs"]
mod notices;
#[path = "sim/observation.rs"]
mod observation;
#[path = "sim/oracle.rs"]
mod oracle;
#[path = "sim/passing.rs"]
mod passing;
#[path = "sim/payments.rs"]
mod payments;
#[path = "sim/planted.rs"]
mod planted;
#[path = "it/postgres.rs"]
mod postgres;
#[path = "sim/rejects.rs"]
mod rejects;
#[path = "sim/rewinds.rs"]
mod rewinds;
#[path = "sim/run.rs"]
mod run;
#[path = "sim/search.rs"]
mod search;
#[path = "sim/store.rs"]
mod store;
#[path = "sim/town.rs"]
mod town;
#[path = "sim/users.rs"]
mod users;
#[path = "sim/webhooks.rs"]
mod webhooks;
#[path = "sim/world.rs"]
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use database::Database;
use faults::{Bug, Faults};
use run::{Report, run, run_on};

/// How many seeds are run where nothing else is said.
const SEEDS: u64 = 2_000;

/// How many seeds are run in which the database goes back in time.
const REWINDING_SEEDS: u64 = 40;

/// How many smaller worlds are played on real databases, shared between PostgreSQL and SQLite.
const REAL_SEEDS: u64 = 50;

/// A planted bug is found within so many seeds, the first that CI runs.
const FOUND_WITHIN: u64 = 200;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

#[expect(clippy::print_stdout, reason = "a replay is asked for to be read")]
fn say(text: &str) {
    println!("{text}");
}

/// Runs seeds on all processors, from 0, until `enough` says so or all are run.
fn run_all(seeds: u64, rewinds: bool, bug: Option<Bug>, see: impl Fn(u64, Report) -> bool + Sync) {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || !see(seed, run(seed, rewinds.then(|| Faults::with_rewinds(seed)), bug, false)) {
                        next.store(seeds, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn whatever_goes_wrong_the_invariants_hold() {
    if let Some(seed) = from_env("SIM_SEED") {
        let report = run(seed, None, None, true);
        let last = format!("hash {:016x}, {} accepted", report.hash, report.acceptances);
        say(&format!("{}\n{last}", report.trace.join("\n")));
        return assert!(report.failure.is_none(), "{}", report.failure.unwrap_or_default());
    }
    let failures = Mutex::new(Vec::new());
    let accepted = AtomicU64::new(0);
    run_all(from_env("SIM_SEEDS").unwrap_or(SEEDS), false, None, |_, report| {
        accepted.fetch_add(report.acceptances, Ordering::Relaxed);
        let mut failures = failures.lock().expect("no panic");
        failures.extend(report.failure);
        failures.len() < 3
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(accepted.into_inner() > 0, "something was sent");
}

/// I13: whatever was handed over is not handed over again by a restored database, and nothing at all before it is
/// armed. `SIM_REWINDING_SEED=s` runs one seed and prints all that happened.
#[test]
fn a_database_that_goes_back_in_time_sends_nothing_twice() {
    if let Some(seed) = from_env("SIM_REWINDING_SEED") {
        let report = run(seed, Some(Faults::with_rewinds(seed)), None, true);
        say(&report.trace.join("\n"));
        return assert!(report.failure.is_none(), "{}", report.failure.unwrap_or_default());
    }
    let failures = Mutex::new(Vec::new());
    run_all(from_env("SIM_REWINDING_SEEDS").unwrap_or(REWINDING_SEEDS), true, None, |_, report| {
        let mut failures = failures.lock().expect("no panic");
        failures.extend(report.failure);
        failures.len() < 3
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The same town, smaller, on real databases: so that what drivers do under faults and cancellation is covered.
#[test]
fn the_invariants_hold_on_real_databases() {
    let seeds = from_env("SIM_REAL_SEEDS").unwrap_or(REAL_SEEDS);
    let (failures, accepted) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (first, database) in [(0, Database::Postgres), (1, Database::Sqlite)] {
            let (failures, accepted) = (&failures, &accepted);
            scope.spawn(move || {
                for seed in (first..seeds).step_by(2) {
                    let report = run_on(database, seed);
                    accepted.fetch_add(report.acceptances, Ordering::Relaxed);
                    failures.lock().expect("no panic").extend(report.failure);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(accepted.into_inner() > seeds, "messages were sent in these worlds");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..5 {
        let (one, other) = (run(seed, None, None, false), run(seed, None, None, false));
        assert_eq!((one.hash, one.acceptances), (other.hash, other.acceptances), "seed {seed}");
    }
    assert_ne!(run(0, None, None, false).hash, run(1, None, None, false).hash);
}

#[test]
fn without_faults_everything_that_is_due_is_sent() {
    let report = run(7, Some(Faults::default()), None, true);
    assert!(report.failure.is_none(), "{}", report.failure.unwrap_or_default());
    let aside = report.trace.iter().filter(|line| line.contains("aside")).count() as u64;
    let settled = report.trace.iter().filter(|line| line.contains("Accepted")).count() as u64;
    assert!(report.acceptances > 200, "{} sent, {aside} put aside", report.acceptances);
    assert_eq!(settled, report.acceptances);
}

#[test]
fn every_planted_bug_is_found() {
    let found_at = |bug: Bug| {
        let found = Mutex::new(None);
        run_all(FOUND_WITHIN, bug.is_of_rewinds(), Some(bug), |seed, report| match report.failure {
            Some(what) => {
                let mut found = found.lock().expect("no panic");
                found.get_or_insert((seed, what));
                false
            }
            None => true,
        });
        found.into_inner().expect("no panic")
    };
    for bug in Bug::ALL {
        let found = found_at(bug);
        let (seed, what) = found.unwrap_or_else(|| panic!("{bug:?} was not found within {FOUND_WITHIN} seeds"));
        say(&format!("{bug:?}: {}", what.lines().next().unwrap_or_default()));
        assert!(seed < FOUND_WITHIN);
    }
}
