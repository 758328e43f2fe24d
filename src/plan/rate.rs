//! Rate limits: the generic cell rate algorithm, and that of gateways with its daily quota. Own code, not `governor`:
//! the state of a gateway's limit is a row that all machines share, and time comes from a `Clock`.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

/// The generic cell rate algorithm (ITU-T I.371), which keeps one number: so many at once, and then one for each
/// interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    /// From one to the next when they come evenly.
    pub interval: TimeDelta,
    /// How many may come at once; 1 at least.
    pub burst: u32,
}

impl Gcra {
    /// The moment from which the next one is allowed. `next` is what the last one left: its own moment and an interval.
    #[must_use]
    pub fn allows_from(self, next: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        let credit = self.interval * i32::try_from(self.burst.saturating_sub(1)).unwrap_or(i32::MAX);
        let earliest = now - credit;
        next.map_or(earliest, |next| next.max(earliest))
    }
}

/// How fast one gateway may be fed, by all machines together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages per second; 1 at least.
    pub per_second: u32,
    /// How many may leave at once after a pause; 1 at least.
    pub burst: u32,
    /// Messages per day.
    pub per_day: Option<DailyQuota>,
}

/// How many messages may leave in a day, and whose day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyQuota {
    /// How many.
    pub most: u32,
    /// The zone whose midnight begins a day: a carrier's cap may end elsewhere than at midnight of UTC.
    pub zone: Tz,
}

/// The state of a gateway's rate, kept between claims: the generic cell rate algorithm's one number, and the day's
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// When the next message would leave if they left evenly.
    pub next: DateTime<Utc>,
    /// The day that is counted.
    pub day: NaiveDate,
    /// How many left on it.
    pub used: u32,
}

/// Permission to send some messages, each at its own moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permits {
    /// How many.
    pub count: u32,
    /// The moment of the first; may be past, which means at once.
    pub first: DateTime<Utc>,
    /// From one to the next.
    pub interval: TimeDelta,
}

/// How far ahead moments are given out. Claims are batches, but messages leave evenly: over any second no more than the
/// limit. Short, because what is claimed is in doubt after a crash.
const AHEAD: TimeDelta = TimeDelta::milliseconds(250);

impl RateLimit {
    /// Up to `wanted` permits at `now`.
    #[must_use]
    pub fn permits(&self, state: Option<RateState>, now: DateTime<Utc>, wanted: u32) -> Permits {
        let interval = self.interval();
        let first = Gcra { interval, burst: self.burst }.allows_from(state.map(|state| state.next), now);
        let room = (now + AHEAD - first).num_microseconds().unwrap_or(0).max(-1);
        let step = interval.num_microseconds().unwrap_or(1).max(1);
        // Div floors towards zero, so a first moment beyond the span, -1, must not count as one.
        let count = if room < 0 { 0 } else { u32::try_from(room / step + 1).unwrap_or(u32::MAX) };
        let left_today = self.per_day.map_or(u32::MAX, |quota| quota.most.saturating_sub(self.used(state, now)));
        Permits { count: count.min(wanted).min(left_today), first, interval }
    }

    /// The state after `taken` of the permits were used.
    #[must_use]
    pub fn after(&self, state: Option<RateState>, now: DateTime<Utc>, permits: Permits, taken: u32) -> RateState {
        RateState {
            next: permits.first + permits.interval * i32::try_from(taken).unwrap_or(i32::MAX),
            day: self.day(now),
            used: self.used(state, now).saturating_add(taken),
        }
    }

    /// The day of the quota.
    fn day(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.per_day.map_or(Tz::UTC, |quota| quota.zone)).date_naive()
    }

    /// How many left on the day of `now`.
    fn used(&self, state: Option<RateState>, now: DateTime<Utc>) -> u32 {
        state.filter(|state| state.day == self.day(now)).map_or(0, |state| state.used)
    }

    /// From one message to the next when they leave evenly; a microsecond at least.
    #[must_use]
    pub fn interval(&self) -> TimeDelta {
        TimeDelta::microseconds(1_000_000 / i64::from(self.per_second.max(1)))
    }
}

impl Permits {
    /// How long after `now` the message with this number, from 0, is to leave.
    #[must_use]
    pub fn pause(&self, now: DateTime<Utc>, number: u32) -> TimeDelta {
        let moment = self.first + self.interval * i32::try_from(number).unwrap_or(i32::MAX);
        (moment - now).max(TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::{DailyQuota, RateLimit, RateState};
    use chrono::{DateTime, TimeDelta, Utc};
    use chrono_tz::Tz;

    /// Claims every few milliseconds as fast as permitted, and gives the moments at which messages leave.
    fn moments(limit: RateLimit, seconds: i64, every: i64) -> Vec<DateTime<Utc>> {
        let (start, mut state) = (DateTime::<Utc>::UNIX_EPOCH, None::<RateState>);
        let mut left = Vec::new();
        for tick in 0..seconds * 1000 / every {
            let now = start + TimeDelta::milliseconds(tick * every);
            let permits = limit.permits(state, now, 1_000);
            left.extend((0..permits.count).map(|number| now + permits.pause(now, number)));
            state = Some(limit.after(state, now, permits, permits.count));
        }
        left
    }

    #[test]
    fn over_any_second_no_more_leave_than_allowed_and_nearly_all_that_is_allowed_is_used() {
        for (per_second, every) in [(1, 7), (50, 13), (333, 100), (2_000, 40)] {
            let left = moments(RateLimit { per_second, burst: 1, per_day: None }, 20, every);
            assert!(left.is_sorted());
            let within = |from: &DateTime<Utc>| {
                left.iter().filter(|at| *at >= from && **at < *from + TimeDelta::seconds(1)).count() as u32
            };
            let most = left.iter().map(within).max().expect("some left");
            assert!(most <= per_second + 1, "{most} in a second at {per_second}/s");
            let all = u32::try_from(left.len()).expect("few");
            assert!(all * 100 >= per_second * 20 * 99, "{all} in 20 s at {per_second}/s");
        }
    }

    #[test]
    fn after_a_pause_a_burst_may_leave_at_once_and_a_day_has_its_end() {
        let limit = RateLimit { per_second: 10, burst: 5, per_day: Some(DailyQuota { most: 7, zone: Tz::UTC }) };
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(1);
        let permits = limit.permits(None, now, 100);
        let at_once = (0..permits.count).filter(|number| permits.pause(now, *number).is_zero()).count();
        assert_eq!((at_once, permits.count), (5, 7));
        let state = limit.after(None, now, permits, permits.count);
        assert_eq!(limit.permits(Some(state), now + TimeDelta::hours(1), 100).count, 0, "the day's seven are gone");
        assert!(limit.permits(Some(state), now + TimeDelta::days(1), 100).count > 0, "the next day has its own");
    }

    #[test]
    fn the_day_of_a_quota_ends_at_midnight_of_its_zone() {
        let quota = DailyQuota { most: 3, zone: Tz::America__Los_Angeles };
        let limit = RateLimit { per_second: 10, burst: 5, per_day: Some(quota) };
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let evening = at("2026-12-01T23:30:00-08:00");
        let state = Some(limit.after(None, evening, limit.permits(None, evening, 3), 3));
        assert_eq!(limit.permits(state, at("2026-12-02T00:30:00Z"), 9).count, 0, "it is still the evening before");
        assert_eq!(limit.permits(state, at("2026-12-01T23:59:59-08:00"), 9).count, 0);
        assert_eq!(limit.permits(state, at("2026-12-02T00:00:00-08:00"), 9).count, 3);
    }
}
