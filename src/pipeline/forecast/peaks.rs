//! How what is to leave through one gateway meets its rate.

use std::collections::BTreeMap;

use chrono::{DateTime, Offset, Timelike, Utc};
use chrono_tz::Tz;

use crate::plan::RateLimit;

/// The messages that are to leave through a gateway, by second: memory use is bounded by the days, not by the
/// messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    /// By second since 1970: how many, and when the first of them is too late, in microseconds since 1970.
    seconds: BTreeMap<i64, (u32, i64)>,
}

/// The busiest times of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peaks {
    /// The hour of the clock that has the most messages; the first of equals, as with the others.
    pub hour: Busy,
    /// The minute.
    pub minute: Busy,
    /// The second.
    pub second: Busy,
    /// The backlog at its rate; `None` without one.
    pub queue: Option<GatewayBacklog>,
}

/// A span of time with its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// When it begins.
    pub from: DateTime<Utc>,
    /// How many are to leave in it.
    pub messages: u64,
}

/// How messages queue before a gateway that is fed at its rate in the order in which they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayBacklog {
    /// When the message that waits longest was to leave.
    pub due: DateTime<Utc>,
    /// When it leaves.
    pub leaves: DateTime<Utc>,
    /// How many leave only when they are too late, or when the contact hours are over: at most so many, as those of one
    /// second are judged by the first of them.
    pub too_late: u64,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Flow {
    /// Counts a message that is to leave at `at`, and is of no use at `until`.
    pub(super) fn add(&mut self, at: DateTime<Utc>, until: DateTime<Utc>) {
        let (count, earliest) = self.seconds.entry(at.timestamp()).or_insert((0, i64::MAX));
        *count = count.saturating_add(1);
        *earliest = until.timestamp_micros().min(*earliest);
    }

    /// Its peaks; `None` if nothing is to leave. Hours are those of the clock in `zone`.
    pub(super) fn peaks(&self, zone: Tz, rate: Option<RateLimit>) -> Option<Peaks> {
        let hour = |second: i64| {
            let local = instant(second * SECOND).with_timezone(&zone);
            second - i64::from(local.minute() * 60 + local.second())
        };
        Some(Peaks {
            hour: self.busiest(hour)?,
            minute: self.busiest(|second| second - second.rem_euclid(60))?,
            second: self.busiest(|second| second)?,
            queue: rate.and_then(|rate| self.jam(rate)),
        })
    }

    /// The busiest span, given where the span of a second begins.
    fn busiest(&self, begins: impl Fn(i64) -> i64) -> Option<Busy> {
        let (mut best, mut current) = (None::<(i64, u64)>, (i64::MIN, 0));
        for (second, (count, _)) in &self.seconds {
            let begin = begins(*second);
            current = (begin, u64::from(*count) + if current.0 == begin { current.1 } else { 0 });
            if best.is_none_or(|(_, most)| current.1 > most) {
                best = Some(current);
            }
        }
        best.map(|(from, messages)| Busy { from: instant(from * SECOND), messages })
    }

    fn jam(&self, rate: RateLimit) -> Option<GatewayBacklog> {
        let mut queue = SendQueue::new(rate);
        let mut worst = None::<(i64, i64)>;
        let mut too_late = 0;
        for (second, (count, until)) in &self.seconds {
            let due = second * SECOND;
            too_late += queue.take(due, *count, *until);
            if worst.is_none_or(|(due, leaves)| queue.last - second * SECOND > leaves - due) {
                worst = Some((due, queue.last));
            }
        }
        worst.map(|(due, leaves)| GatewayBacklog { due: instant(due), leaves: instant(leaves), too_late })
    }
}

/// First come, first served, as [`RateLimit::permits`] gives moments; all times in microseconds since 1970.
struct SendQueue {
    rate: RateLimit,
    interval: i64,
    /// When the next leaves if they leave evenly.
    next: i64,
    /// When the last left.
    last: i64,
    day: i64,
    used: u32,
}

impl SendQueue {
    fn new(rate: RateLimit) -> Self {
        let interval = rate.interval().num_microseconds().unwrap_or(1).max(1);
        Self { rate, interval, next: i64::MIN, last: i64::MIN, day: i64::MIN, used: 0 }
    }

    /// The day of the quota, and the midnight that ends it; an hour off where the clocks change on it.
    fn day_of(&self, at: i64) -> (i64, i64) {
        let zone = self.rate.per_day.map_or(Tz::UTC, |quota| quota.zone);
        let offset = i64::from(instant(at).with_timezone(&zone).offset().fix().local_minus_utc()) * SECOND;
        let day = (at + offset).div_euclid(DAY);
        (day, (day + 1) * DAY - offset)
    }

    /// Lets `count` that are due at `due` leave. Gives how many of them leave at `until` or later.
    fn take(&mut self, due: i64, count: u32, until: i64) -> u64 {
        let credit = self.interval * i64::from(self.rate.burst.saturating_sub(1));
        let (mut rest, mut late) = (i64::from(count), 0);
        let mut now = due.max(self.last);
        while rest > 0 {
            let first = self.next.max(now - credit);
            let (day, midnight) = self.day_of(first.max(now));
            if day != self.day {
                (self.day, self.used) = (day, 0);
            }
            let room = self.rate.per_day.map_or(i64::MAX, |quota| i64::from(quota.most.saturating_sub(self.used)));
            if room == 0 {
                now = midnight;
                continue;
            }
            let before_midnight = (midnight - 1 - first) / self.interval + 1;
            let taken = rest.min(room).min(before_midnight);
            let in_time =
                if now >= until { 0 } else { ((until - 1 - first).div_euclid(self.interval) + 1).clamp(0, taken) };
            late += taken - in_time;
            self.last = (first + (taken - 1) * self.interval).max(now);
            self.next = first + taken * self.interval;
            self.used = self.used.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
            now = now.max(self.last);
            rest -= taken;
        }
        u64::try_from(late).unwrap_or_default()
    }
}

fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{DAY, Flow, SECOND, instant};
    use crate::plan::{DailyQuota, RateLimit};

    const TEN: i64 = 20_000 * DAY + 10 * 3_600 * SECOND;

    fn limit(per_second: u32, burst: u32, per_day: Option<u32>) -> RateLimit {
        let per_day = per_day.map(|most| DailyQuota { most, zone: chrono_tz::Tz::UTC });
        RateLimit { per_second, burst, per_day }
    }

    /// So many at ten, of use for so many seconds.
    fn at_ten(count: u32, useful: i64) -> Flow {
        let mut flow = Flow::default();
        (0..count).for_each(|_| flow.add(instant(TEN), instant(TEN + useful * SECOND)));
        flow
    }

    #[test]
    fn what_comes_at_once_leaves_at_the_rate() {
        // 41 at 20 a second: the first at once, the last 40/20 s later.
        let jam = at_ten(41, 60).jam(limit(20, 1, None)).expect("a queue");
        assert_eq!((jam.due, jam.leaves, jam.too_late), (instant(TEN), instant(TEN + 2 * SECOND), 0));
        // A burst of 21 leaves at once, the other 20 in the second after.
        let jam = at_ten(41, 60).jam(limit(20, 21, None)).expect("a queue");
        assert_eq!(jam.leaves, instant(TEN + SECOND));
        // Of use for one second: those at 0/20 to 19/20 s.
        assert_eq!(at_ten(41, 1).jam(limit(20, 1, None)).expect("a queue").too_late, 21);
    }

    #[test]
    fn a_queue_of_one_second_keeps_the_next_waiting() {
        let mut flow = at_ten(41, 60);
        flow.add(instant(TEN + SECOND), instant(TEN + 2 * SECOND));
        let jam = flow.jam(limit(20, 1, None)).expect("a queue");
        assert_eq!((jam.leaves, jam.too_late), (instant(TEN + 2 * SECOND), 1), "it leaves after those 41, at 2.05 s");
    }

    #[test]
    fn what_is_beyond_the_days_share_waits_for_the_next_utc_day() {
        let mut flow = at_ten(5, 86_400);
        flow.add(instant(TEN + SECOND), instant(TEN + 2 * DAY));
        let jam = flow.jam(limit(1, 5, Some(4))).expect("a queue");
        let midnight = 20_001 * DAY;
        assert_eq!((jam.due, jam.leaves), (instant(TEN), instant(midnight)));
        let jam = flow.jam(limit(1, 1, Some(2))).expect("a queue");
        assert_eq!(jam.leaves, instant(20_002 * DAY), "two a day: the fifth on the third day");
    }

    #[test]
    fn the_busiest_hour_is_one_of_the_clock() {
        let mut flow = at_ten(2, 60);
        (0..3).for_each(|minute| flow.add(instant(TEN + (29 + minute) * 60 * SECOND), instant(TEN + DAY)));
        let peaks = flow.peaks(chrono_tz::Asia::Kolkata, None).expect("peaks");
        // Half past ten UTC is the full hour there: 2 + 1 before it, 2 after.
        assert_eq!((peaks.hour.from, peaks.hour.messages), (instant(TEN - 30 * 60 * SECOND), 3));
        assert_eq!((peaks.minute.from, peaks.minute.messages), (instant(TEN), 2));
        assert_eq!(peaks.second.messages, 2);
    }
}
