//! The retry policy: what follows from the outcome of an attempt.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Backoff, Next, Outcome, RejectScope, ReminderId};

/// How often and how soon a reminder is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The pause after each attempt.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_secs(30), longest: Duration::from_secs(30 * 60) };
        Self { max_attempts: 6, backoff }
    }
}

/// Which attempt an outcome is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptContext {
    /// The reminder.
    pub reminder: ReminderId,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// The gateway index of the first of the merchant's gateways.
    pub first_index: u16,
    /// Through which of them, from 0.
    pub place: u16,
    /// How many gateways the merchant has.
    pub gateway_count: u16,
    /// When the reminder ceases to be of use.
    pub expires_at: DateTime<Utc>,
    /// Whether an earlier copy may have arrived: then no outcome of this one proves that none did.
    pub in_doubt: bool,
}

/// The next step after an outcome. An unknown outcome is never tried again (I3). A retryable one goes to the merchant's
/// next gateway at once; after the last one, to the first again, with the pause that the gateway asked for or else with
/// exponential back-off and jitter, while attempts and time are left.
#[must_use]
pub fn follow(policy: &RetryPolicy, tried: AttemptContext, outcome: &Outcome, now: DateTime<Utc>) -> Next {
    match follow_alone(policy, tried, outcome, now) {
        Next::Failed if tried.in_doubt => Next::Unknown,
        next => next,
    }
}

/// The next step if there were no other copy.
fn follow_alone(policy: &RetryPolicy, tried: AttemptContext, outcome: &Outcome, now: DateTime<Utc>) -> Next {
    let asked = match outcome {
        Outcome::Accepted { .. } => return Next::Accepted,
        Outcome::Unknown { .. } => return Next::Unknown,
        Outcome::Rejected { scope: RejectScope::Recipient | RejectScope::OptedOut, .. } => return Next::Failed,
        // No other gateway is left that might take it.
        Outcome::Rejected { scope: RejectScope::Content, .. } if tried.place + 1 >= tried.gateway_count => {
            return Next::Failed;
        }
        Outcome::Rejected { scope: RejectScope::Content | RejectScope::Gateway, .. } | Outcome::NotSent { .. } => None,
        Outcome::RetryAfter { after, .. } => *after,
    };
    let gateway_count = u32::from(tried.gateway_count.max(1));
    // Attempts are counted by rounds over all gateways, so that a second gateway is no loss of patience with the first.
    if tried.attempt >= policy.max_attempts.saturating_mul(gateway_count) {
        return Next::Failed;
    }
    let place = (tried.place + 1) % tried.gateway_count.max(1);
    let gateway_index = tried.first_index + place;
    if place != 0 {
        return Next::Retry { not_before: now, gateway_index };
    }
    let round = tried.attempt.div_ceil(gateway_count);
    let pause = asked.unwrap_or(TimeDelta::zero()).max(jittered(policy.backoff.pause(round), tried.reminder, round));
    // A retry beyond the end of usefulness is not dropped here: decide skips it as expired, which is the better record.
    let latest = tried.expires_at.max(now);
    Next::Retry { not_before: now.checked_add_signed(pause).map_or(latest, |at| at.min(latest)), gateway_index }
}

/// The pause without up to a quarter of it, so that what failed together is not tried again together.
fn jittered(pause: Duration, reminder: ReminderId, attempt: u32) -> TimeDelta {
    let millis = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    TimeDelta::milliseconds(millis - millis / 4 * i64::from(scatter(reminder, attempt)) / 256)
}

/// Jitter without chance, so that a simulation replays: a byte that differs between reminders and attempts. Fibonacci
/// hashing (Knuth, The Art of Computer Programming 3, 6.4).
fn scatter(reminder: ReminderId, attempt: u32) -> u8 {
    let seed = reminder.0.cast_unsigned() ^ (u64::from(attempt) << 48);
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]
}

/// When a gateway that could not say what became of a message is asked again: 1, 2, 4, 8 … minutes `since` it was sent,
/// for 30 days. A provider that knows nothing after a minute may after ten, hardly after a day, and most let themselves
/// be asked so often only. `None` when it is too late to ask.
#[must_use]
pub fn next_look(since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let minutes = u64::try_from((now - since).num_minutes()).unwrap_or_default();
    let next = minutes.checked_ilog2().map_or(1, |doublings| 1_i64 << (doublings + 1).min(32));
    let next = TimeDelta::minutes(next);
    (next <= LOOKED_AT_FOR).then(|| since + next)
}

/// How long an answer is waited for; then it is a person's.
pub const LOOKED_AT_FOR: TimeDelta = TimeDelta::days(30);

#[cfg(test)]
mod tests {
    use super::{AttemptContext, RetryPolicy, follow};
    use crate::domain::{Code, Next, Outcome, RejectScope, ReminderId};
    use chrono::{DateTime, TimeDelta, Utc};

    fn at(attempt: u32, outcome: &Outcome) -> Next {
        through(attempt, 0, 1, outcome)
    }

    fn through(attempt: u32, place: u16, gateway_count: u16, outcome: &Outcome) -> Next {
        in_list(0, attempt, place, gateway_count, outcome)
    }

    fn in_list(first_index: u16, attempt: u32, place: u16, gateway_count: u16, outcome: &Outcome) -> Next {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let expires_at = now + TimeDelta::days(1);
        let tried = AttemptContext {
            reminder: ReminderId(7),
            attempt,
            first_index,
            place,
            gateway_count,
            expires_at,
            in_doubt: false,
        };
        follow(&RetryPolicy::default(), tried, outcome, now)
    }

    fn pause(next: &Next) -> TimeDelta {
        match next {
            Next::Retry { not_before, .. } => *not_before - DateTime::<Utc>::UNIX_EPOCH,
            other => panic!("{other:?} is no retry"),
        }
    }

    #[test]
    fn what_is_unknown_or_final_is_never_tried_again() {
        let code = Code::new("x");
        assert_eq!(at(1, &Outcome::Unknown { code: code.clone() }), Next::Unknown);
        assert_eq!(at(1, &Outcome::Rejected { code: code.clone(), scope: RejectScope::Recipient }), Next::Failed);
        assert_eq!(at(1, &Outcome::Rejected { code: code.clone(), scope: RejectScope::OptedOut }), Next::Failed);
        let about_text = Outcome::Rejected { code: code.clone(), scope: RejectScope::Content };
        assert_eq!(at(1, &about_text), Next::Failed, "the only gateway will not take it");
        assert_eq!(through(1, 0, 2, &about_text), Next::Retry { not_before: DateTime::UNIX_EPOCH, gateway_index: 1 });
        assert_eq!(through(2, 1, 2, &about_text), Next::Failed);
        assert_eq!(at(1, &Outcome::Accepted { provider_id: None }), Next::Accepted);
        assert_eq!(at(6, &Outcome::NotSent { code }), Next::Failed, "attempts are bounded");
    }

    #[test]
    fn a_refused_copy_leaves_the_one_before_it_in_doubt() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let expires_at = now + TimeDelta::days(1);
        let second = |attempt| AttemptContext {
            reminder: ReminderId(7),
            attempt,
            first_index: 0,
            place: 0,
            gateway_count: 1,
            expires_at,
            in_doubt: true,
        };
        let code = Code::new("smtp-554");
        for scope in [RejectScope::Recipient, RejectScope::Content, RejectScope::OptedOut] {
            let refused = Outcome::Rejected { code: code.clone(), scope };
            assert_eq!(follow(&RetryPolicy::default(), second(2), &refused, now), Next::Unknown);
        }
        let refused = Outcome::NotSent { code };
        assert!(matches!(follow(&RetryPolicy::default(), second(2), &refused, now), Next::Retry { .. }));
        assert_eq!(follow(&RetryPolicy::default(), second(6), &refused, now), Next::Unknown, "attempts are bounded");
    }

    #[test]
    fn pauses_grow_and_honour_what_the_gateway_asks() {
        let refused = Outcome::NotSent { code: Code::new("connect") };
        let pauses: Vec<_> = (1..6).map(|attempt| pause(&at(attempt, &refused))).collect();
        assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "{pauses:?}");
        let throttled = Outcome::RetryAfter { code: Code::new("429"), after: Some(TimeDelta::hours(2)) };
        assert_eq!(pause(&at(1, &throttled)), TimeDelta::hours(2));
        let late = Outcome::RetryAfter { code: Code::new("429"), after: Some(TimeDelta::days(3)) };
        assert_eq!(pause(&at(1, &late)), TimeDelta::days(1), "it comes back when it expires, to be skipped on record");
    }

    #[test]
    fn the_next_gateway_is_tried_at_once_and_the_first_again_after_a_pause() {
        let refused = Outcome::NotSent { code: Code::new("connect") };
        let now = DateTime::<Utc>::UNIX_EPOCH;
        assert_eq!(through(1, 0, 2, &refused), Next::Retry { not_before: now, gateway_index: 1 });
        assert!(matches!(through(2, 1, 2, &refused), Next::Retry { not_before, gateway_index: 0 } if not_before > now));
        assert_eq!(
            through(1, 0, 2, &Outcome::Unknown { code: Code::new("silence") }),
            Next::Unknown,
            "never elsewhere"
        );
        assert_eq!(through(12, 1, 2, &refused), Next::Failed, "six rounds of two gateways");
    }

    #[test]
    fn a_retry_stays_in_the_list_of_its_merchant() {
        let refused = Outcome::NotSent { code: Code::new("connect") };
        let index = |place| match in_list(32, 1, place, 2, &refused) {
            Next::Retry { gateway_index, .. } => gateway_index,
            other => panic!("{other:?} is no retry"),
        };
        assert_eq!([index(0), index(1)], [33, 32]);
    }
}
