//! How often the last digits of a phone number may be tried. There are ten thousand of them: pauses that grow make it months to go
//! through them all, and a borrower who mistook a digit does not notice.

use chrono::{DateTime, TimeDelta, Utc};

/// How many tries in a row there are before a pause.
pub const TRIES: u32 = 5;

/// The pauses after the first so many tries, the next, and so on; the last one after all that follow.
const PAUSES: [TimeDelta; 4] = [TimeDelta::minutes(15), TimeDelta::hours(1), TimeDelta::hours(6), TimeDelta::hours(24)];

/// What a try came to before it is known whether it was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryOf {
    /// It counts, and so many are left before a pause.
    Counted {
        /// How many.
        left: u32,
    },
    /// It is not looked at.
    Paused {
        /// When the pause ends.
        until: DateTime<Utc>,
    },
}

/// What the next try at `now` comes to, after so many wrong ones, the last of them at `last_at`.
#[must_use]
pub fn next_try(wrong: u32, last_at: DateTime<Utc>, now: DateTime<Utc>) -> TryOf {
    let rounds = (wrong / TRIES) as usize;
    if wrong % TRIES == 0 && rounds > 0 {
        let until = last_at + PAUSES[rounds.min(PAUSES.len()) - 1];
        if now < until {
            return TryOf::Paused { until };
        }
    }
    TryOf::Counted { left: TRIES - 1 - wrong % TRIES }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    use super::{TryOf, next_try};

    #[rstest]
    #[case::the_first(0, 0, Some(4))]
    #[case::the_fifth(4, 0, Some(0))]
    #[case::the_sixth_at_once(5, 0, None)]
    #[case::the_sixth_too_soon(5, 899, None)]
    #[case::the_sixth_in_time(5, 900, Some(4))]
    #[case::the_eleventh_after_a_quarter_of_an_hour(10, 900, None)]
    #[case::the_eleventh_after_an_hour(10, 3_600, Some(4))]
    #[case::the_sixteenth(15, 21_599, None)]
    #[case::long_after(500, 86_399, None)]
    #[case::a_day_long_after(500, 86_400, Some(4))]
    #[case::in_the_middle_of_a_round(7, 0, Some(2))]
    fn pauses_grow(#[case] wrong: u32, #[case] seconds_after: i64, #[case] left: Option<u32>) {
        let last = DateTime::<Utc>::UNIX_EPOCH;
        let told = next_try(wrong, last, last + TimeDelta::seconds(seconds_after));
        assert_eq!(matches!(told, TryOf::Counted { .. }), left.is_some(), "{told:?}");
        if let (TryOf::Counted { left: told }, Some(left)) = (told, left) {
            assert_eq!(told, left);
        }
    }
}
