//! How often the question of a page may be answered wrongly. Pauses that grow make it months to go through ten thousand
//! answers, and a borrower who mistook a digit does not notice.
//!
//! Tries are counted three times: for the borrower, whichever message's page it is; for a client at that borrower; and
//! for a client at all borrowers. Only the second kind of pause grows to a day, so a stranger who has the link keeps
//! the borrower out for [`LONGEST_OF_BORROWER`] at most.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::BorrowerKey;

/// How many tries in a row there are before a pause.
pub const TRIES: u32 = 5;

/// The longest pause that other people's tries can bring upon a borrower.
pub const LONGEST_OF_BORROWER: TimeDelta = TimeDelta::hours(1);

/// How long wrong tries are remembered after the last one: longer than every pause.
pub const REMEMBERED: TimeDelta = TimeDelta::hours(48);

/// Wrong answers of one client at all borrowers before a pause: many people share an address of a mobile network.
const TRIES_OF_CLIENT: u32 = 60;

/// Wrong passwords on a device that the user logged in with before, before a pause.
const TRIES_OF_DEVICE: u32 = 10;

/// The subject whose wrong tries are counted. It determines how many of them lead to a pause, and the lengths of the
/// successive pauses, of which the last one repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrySubject {
    /// A borrower, by whatever client.
    Borrower,
    /// A client at one borrower.
    ClientAtBorrower,
    /// A client at all borrowers.
    Client,
    /// A device, at the user who logged in with it before.
    DeviceAtUser,
    /// A client at one user of the console.
    ClientAtUser,
    /// A client at all users of the console.
    ClientAtUsers,
}

impl TrySubject {
    fn tries(self) -> u32 {
        match self {
            Self::Borrower | Self::ClientAtBorrower | Self::ClientAtUser => TRIES,
            Self::Client | Self::ClientAtUsers => TRIES_OF_CLIENT,
            Self::DeviceAtUser => TRIES_OF_DEVICE,
        }
    }

    /// Whether it is counted on when a try was right: many share it.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Client | Self::ClientAtUsers)
    }

    fn pauses(self) -> &'static [TimeDelta] {
        const OF_BORROWER: [TimeDelta; 2] = [TimeDelta::minutes(15), LONGEST_OF_BORROWER];
        const OF_CLIENT_AT_BORROWER: [TimeDelta; 4] =
            [TimeDelta::minutes(15), TimeDelta::hours(1), TimeDelta::hours(6), TimeDelta::hours(24)];
        const OF_CLIENT: [TimeDelta; 2] = [TimeDelta::minutes(15), TimeDelta::hours(1)];
        const OF_USER: [TimeDelta; 4] =
            [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::minutes(15), TimeDelta::hours(1)];
        match self {
            Self::Borrower => &OF_BORROWER,
            Self::ClientAtBorrower => &OF_CLIENT_AT_BORROWER,
            Self::Client | Self::ClientAtUsers => &OF_CLIENT,
            Self::DeviceAtUser | Self::ClientAtUser => &OF_USER,
        }
    }
}

/// A try to answer: the borrower, and the client as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTry {
    /// The borrower whose page it is.
    pub borrower: BorrowerKey,
    /// A pseudonym of the client; `None` behind a front server that does not say for whom it asks.
    pub client: Option<String>,
}

impl AnswerTry {
    /// The subjects to count, by their names in the store. The names are sorted, so that two tries lock in one order.
    #[must_use]
    pub fn subjects(&self) -> Vec<(String, TrySubject)> {
        let borrower = format!("borrower {}/{}", self.borrower.merchant, self.borrower.id);
        let mut subjects = Vec::new();
        if let Some(client) = &self.client {
            subjects.push((format!("{borrower} client {client}"), TrySubject::ClientAtBorrower));
            subjects.push((format!("client {client}"), TrySubject::Client));
        }
        subjects.push((borrower, TrySubject::Borrower));
        subjects.sort_by(|one, other| one.0.cmp(&other.0));
        subjects
    }
}

/// A try to log in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTry {
    /// A pseudonym of the name that was entered, whether somebody has it or not.
    pub account: String,
    /// The origin of the try.
    pub origin: LoginOrigin,
}

/// The origin of a try to log in. A device that the user logged in with before is counted by itself, so that nobody
/// else's tries keep the user out; tries of one client keep no other client out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOrigin {
    /// A pseudonym of the device.
    Device(String),
    /// A pseudonym of the client; `None` behind a front server that does not say for whom it asks.
    Client(Option<String>),
}

impl LoginTry {
    /// The subjects to count, by their names in the store, sorted.
    #[must_use]
    pub fn subjects(&self) -> Vec<(String, TrySubject)> {
        let account = &self.account;
        match &self.origin {
            LoginOrigin::Device(device) => {
                vec![(format!("login {account} device {device}"), TrySubject::DeviceAtUser)]
            }
            LoginOrigin::Client(Some(client)) => vec![
                (format!("login {account} client {client}"), TrySubject::ClientAtUser),
                (format!("login-client {client}"), TrySubject::ClientAtUsers),
            ],
            LoginOrigin::Client(None) => vec![(format!("login {account}"), TrySubject::ClientAtUser)],
        }
    }
}

/// The decision on a try, before the answer is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryDecision {
    /// It counts as a try.
    Counted {
        /// How many tries are left before a pause.
        left: u32,
    },
    /// The answer is not compared.
    Paused {
        /// When the pause ends.
        until: DateTime<Utc>,
    },
}

impl TryDecision {
    /// The stricter of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Paused { until: one }, Self::Paused { until: other }) => Self::Paused { until: one.max(other) },
            (Self::Counted { left: one }, Self::Counted { left: other }) => Self::Counted { left: one.min(other) },
            (paused @ Self::Paused { .. }, _) | (_, paused) => paused,
        }
    }
}

/// How many wrong tries still count at `now`, of so many, the last of them at `last_at`.
#[must_use]
pub fn remembered_tries(wrong: u32, last_at: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
    if now - last_at < REMEMBERED { wrong } else { 0 }
}

/// The decision on the next try at `now`, after `wrong` wrong ones, the last of them at `last_at`.
#[must_use]
pub fn next_try(subject: TrySubject, wrong: u32, last_at: DateTime<Utc>, now: DateTime<Utc>) -> TryDecision {
    let wrong = remembered_tries(wrong, last_at, now);
    let (tries, pauses) = (subject.tries(), subject.pauses());
    let rounds = (wrong / tries) as usize;
    if wrong.is_multiple_of(tries) && rounds > 0 {
        let until = last_at + pauses[rounds.min(pauses.len()) - 1];
        if now < until {
            return TryDecision::Paused { until };
        }
    }
    TryDecision::Counted { left: tries - 1 - wrong % tries }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    use super::{AnswerTry, LoginOrigin, LoginTry, TryDecision, TrySubject, next_try};
    use crate::domain::BorrowerKey;

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
    #[case::forgotten(7, 172_800, Some(4))]
    fn pauses_of_a_client_grow(#[case] wrong: u32, #[case] seconds_after: i64, #[case] left: Option<u32>) {
        assert_eq!(left_after(TrySubject::ClientAtBorrower, wrong, seconds_after), left);
    }

    fn left_after(subject: TrySubject, wrong: u32, seconds_after: i64) -> Option<u32> {
        let last = DateTime::<Utc>::UNIX_EPOCH;
        match next_try(subject, wrong, last, last + TimeDelta::seconds(seconds_after)) {
            TryDecision::Counted { left } => Some(left),
            TryDecision::Paused { .. } => None,
        }
    }

    #[test]
    fn however_often_strangers_try_a_borrower_waits_an_hour_at_most() {
        for wrong in 0..1_000 {
            assert!(left_after(TrySubject::Borrower, wrong, 3_600).is_some(), "{wrong}");
        }
        assert_eq!(left_after(TrySubject::Borrower, 15, 3_599), None);
    }

    #[test]
    fn the_stricter_of_two_holds() {
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let (one, other) = (TryDecision::Counted { left: 1 }, TryDecision::Counted { left: 3 });
        assert_eq!((one.and(other), other.and(one)), (one, one));
        let (sooner, later) = (TryDecision::Paused { until: at(1) }, TryDecision::Paused { until: at(2) });
        assert_eq!(
            (sooner.and(later), later.and(sooner), one.and(sooner), sooner.and(one)),
            (later, later, sooner, sooner)
        );
    }

    #[rstest]
    #[case::at_once(5, 0, None)]
    #[case::after_a_minute(5, 60, Some(4))]
    #[case::the_second_pause(10, 60, None)]
    #[case::the_second_pause_ends(10, 300, Some(4))]
    #[case::an_hour_at_most(500, 3_600, Some(4))]
    fn pauses_of_a_login_begin_short(#[case] wrong: u32, #[case] seconds_after: i64, #[case] left: Option<u32>) {
        assert_eq!(left_after(TrySubject::ClientAtUser, wrong, seconds_after), left);
    }

    #[test]
    fn a_device_and_another_client_share_no_subject_with_an_attacker() {
        let names = |origin| {
            let subjects = LoginTry { account: "li".to_owned(), origin }.subjects();
            subjects.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let client = |client: &str| LoginOrigin::Client(Some(client.to_owned()));
        let attacker = names(client("a"));
        assert_eq!(attacker, ["login li client a", "login-client a"]);
        for other in [client("b"), LoginOrigin::Device("a".to_owned()), LoginOrigin::Client(None)] {
            assert!(names(other.clone()).iter().all(|name| !attacker.contains(name)), "{other:?}");
        }
    }

    #[test]
    fn a_client_that_is_not_known_is_not_counted() {
        let borrower = BorrowerKey { merchant: "mall".parse().expect("one"), id: "b1".parse().expect("one") };
        let names = |client: Option<&str>| {
            let subjects = AnswerTry { borrower: borrower.clone(), client: client.map(str::to_owned) }.subjects();
            subjects.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["borrower mall/b1"]);
        assert_eq!(names(Some("x")), ["borrower mall/b1", "borrower mall/b1 client x", "client x"]);
    }
}
