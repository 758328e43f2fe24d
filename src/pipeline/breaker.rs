//! A circuit breaker per gateway: after a run of failures nothing more is claimed for it until a probe goes through, so
//! that a dead gateway uses up no reminder's patience and the channel's next gateway takes over.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{Backoff, Outcome, RejectScope};

/// How many failures in a row open it.
const RUN: u32 = 5;

/// How long it stays open before a probe is let through.
const RESTS: Backoff = Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(5 * 60) };

/// The number of messages that a breaker admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As much as there are slots.
    All,
    /// One message, to check whether the gateway works again.
    OneProbe,
    /// Nothing, for so long.
    NothingFor(Duration),
}

/// The breaker of one gateway, in one process.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Circuit>);

#[derive(Debug, Default, Clone, Copy)]
enum Circuit {
    #[default]
    Sound,
    /// That many failures in a row.
    Failing(u32),
    /// Until the next probe, after so many rests.
    Open { until: Duration, rests: u32 },
}

impl Breaker {
    /// The number of messages that it admits when the clock has `elapsed`.
    #[must_use]
    pub fn admits(&self, elapsed: Duration) -> Admission {
        match *self.circuit() {
            Circuit::Sound | Circuit::Failing(_) => Admission::All,
            Circuit::Open { until, .. } if elapsed >= until => Admission::OneProbe,
            Circuit::Open { until, .. } => Admission::NothingFor(until - elapsed),
        }
    }

    /// Whether it lets through nothing, or probes at most.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(*self.circuit(), Circuit::Open { .. })
    }

    /// Learns from an outcome. Gives `true` when that opened it.
    pub fn saw(&self, outcome: &Outcome, elapsed: Duration) -> bool {
        let mut circuit = self.circuit();
        let (next, opened) = match (*circuit, is_failure(outcome)) {
            (_, false) => (Circuit::Sound, false),
            (Circuit::Open { until, rests }, true) if elapsed >= until => (open(elapsed, rests + 1), false),
            (open @ Circuit::Open { .. }, true) => (open, false),
            (Circuit::Failing(run), true) if run + 1 >= RUN => (open(elapsed, 1), true),
            (Circuit::Failing(run), true) => (Circuit::Failing(run + 1), false),
            (Circuit::Sound, true) => (Circuit::Failing(1), false),
        };
        *circuit = next;
        opened
    }

    fn circuit(&self) -> std::sync::MutexGuard<'_, Circuit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(elapsed: Duration, rests: u32) -> Circuit {
    Circuit::Open { until: elapsed + RESTS.pause(rests), rests }
}

/// Whether an outcome speaks against the gateway. Being throttled does not: it is there, and says so.
fn is_failure(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NotSent { .. } | Outcome::Unknown { .. } => true,
        Outcome::Rejected { scope, .. } => *scope == RejectScope::Gateway,
        Outcome::Accepted { .. } | Outcome::RetryAfter { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Breaker};
    use crate::domain::{Code, Outcome, RejectScope};
    use std::time::Duration;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_run_of_failures_opens_it_and_a_good_probe_closes_it() {
        let breaker = Breaker::default();
        let dead = Outcome::NotSent { code: Code::new("connect") };
        let opened: Vec<_> = (0..6).map(|_| breaker.saw(&dead, seconds(0))).collect();
        assert_eq!(opened, [false, false, false, false, true, false], "said once");
        assert_eq!(breaker.admits(seconds(4)), Admission::NothingFor(seconds(6)));
        assert_eq!(breaker.admits(seconds(10)), Admission::OneProbe);
        breaker.saw(&dead, seconds(10));
        assert_eq!(breaker.admits(seconds(29)), Admission::NothingFor(seconds(1)), "the rest doubles");
        breaker.saw(&Outcome::Accepted { provider_id: None }, seconds(30));
        assert_eq!(breaker.admits(seconds(30)), Admission::All);
    }

    #[test]
    fn what_is_about_one_recipient_or_pace_does_not_open_it() {
        let breaker = Breaker::default();
        let code = Code::new("x");
        for _ in 0..100 {
            breaker.saw(&Outcome::Rejected { code: code.clone(), scope: RejectScope::Recipient }, seconds(0));
            breaker.saw(&Outcome::Rejected { code: code.clone(), scope: RejectScope::OptedOut }, seconds(0));
            breaker.saw(&Outcome::RetryAfter { code: code.clone(), after: None }, seconds(0));
        }
        assert_eq!(breaker.admits(seconds(0)), Admission::All);
    }
}
