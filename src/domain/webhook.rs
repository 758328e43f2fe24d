//! Webhooks: events for the lender's systems, and the progress of each of their endpoints.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::reminder::words;
use super::{Backoff, BorrowerId, Channel, EndpointName, InstallmentId, MerchantId, ReminderId, RouteKey, UnknownWord};

/// An endpoint: a merchant and the name of one of its `[[merchants.X.webhooks]]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The merchant.
    pub merchant: MerchantId,
    /// The name.
    pub name: EndpointName,
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.merchant, self.name)
    }
}

/// Types of events that an endpoint may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookType {
    /// A gateway took the message over.
    Accepted,
    /// A receipt says that the message arrived.
    Delivered,
    /// A receipt says that the message did not arrive.
    Undelivered,
    /// The message was finally rejected, or the attempts are used up.
    Failed,
    /// The reminder is not sent, for a reason.
    Skipped,
    /// The borrower wants no further messages on a channel.
    OptedOut,
    /// The borrower replied.
    Replied,
    /// The borrower followed a way to repay.
    Clicked,
    /// An instalment was paid after the borrower followed a way to repay.
    PaidAfterClick,
    /// Probes found that a way to repay does not work.
    RouteDegraded,
}
words!(WebhookType {
    Accepted => "reminder.accepted", Delivered => "reminder.delivered", Undelivered => "reminder.undelivered",
    Failed => "reminder.failed", Skipped => "reminder.skipped", OptedOut => "borrower.opted_out",
    Replied => "borrower.replied", Clicked => "borrower.clicked", PaidAfterClick => "installment.paid_after_click",
    RouteDegraded => "route.degraded",
});

/// The tables in which events are recorded. Each numbers its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordTable {
    /// `event`: events of reminders.
    Event,
    /// `click`.
    Click,
    /// `reply`.
    Reply,
    /// `occurrence`: the rest.
    Occurrence,
}
words!(RecordTable { Event => "event", Click => "click", Reply => "reply", Occurrence => "occurrence" });

/// How far the tables have been read: the last number of each, in the order of [`RecordTable::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RecordPosition(pub [i64; 4]);

impl RecordPosition {
    /// The last number of a table.
    #[must_use]
    pub fn of(self, table: RecordTable) -> i64 {
        self.0[table as usize]
    }

    /// The same with another number for one table.
    #[must_use]
    pub fn with(mut self, table: RecordTable, number: i64) -> Self {
        self.0[table as usize] = number;
        self
    }
}

/// The ends of the tables, and the transactions that may still commit a row before these ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordEnds {
    /// Every number that was given out is at or before it.
    pub ends: RecordPosition,
    /// The transactions that write to one of the tables.
    pub writers: BTreeSet<String>,
}

/// Finds the position up to which nothing can be added any more. Numbers are given out before a transaction commits, so
/// a row may appear behind a reader that has passed its number. An end is final once all transactions are over that
/// wrote to the tables when it was read.
#[derive(Debug, Default)]
pub struct FinalEnd {
    waiting: Vec<RecordEnds>,
    end: Option<RecordPosition>,
}

impl FinalEnd {
    /// Takes in the ends as read now. Gives the position that is final by them, if one is known.
    pub fn advance(&mut self, now: RecordEnds) -> Option<RecordPosition> {
        for one in &mut self.waiting {
            one.writers.retain(|writer| now.writers.contains(writer));
        }
        if self.waiting.last().is_none_or(|last| last.ends != now.ends) {
            self.waiting.push(now);
        }
        while self.waiting.first().is_some_and(|first| first.writers.is_empty()) {
            self.end = Some(self.waiting.remove(0).ends);
        }
        // A transaction that does not end holds the oldest; the ends between that and the newest may be dropped.
        if self.waiting.len() > MOST_WAITING {
            self.waiting.remove(MOST_WAITING / 2);
        }
        self.end
    }
}

const MOST_WAITING: usize = 64;

/// An event for the lender's systems. It holds no address, name or amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The table of its record.
    pub table: RecordTable,
    /// Its number there.
    pub number: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Its type.
    pub kind: WebhookType,
    /// The merchant.
    pub merchant: MerchantId,
    /// The borrower; `None` for a route.
    pub borrower: Option<BorrowerId>,
    /// The reminder, if it is about one.
    pub reminder: Option<ReminderId>,
    /// The due date of the reminder.
    pub due_date: Option<NaiveDate>,
    /// The step of the reminder.
    pub step: Option<String>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The number of the attempt, of an event of a reminder.
    pub attempt: Option<u32>,
    /// The reason, a code or an intent, in one word.
    pub reason: Option<String>,
    /// The route, of a click or a route.
    pub route: Option<RouteKey>,
    /// The instalments that it is about, as the ledger has them when the event is read.
    pub installments: Vec<InstallmentId>,
}

/// The reason of an event that a person decided. The person's own words stay in the database.
const BY_HAND: &str = "by_hand";

impl WebhookEvent {
    /// An event of a merchant without details, and with the number 0.
    #[must_use]
    pub fn new(table: RecordTable, kind: WebhookType, merchant: MerchantId, at: DateTime<Utc>) -> Self {
        Self {
            table,
            number: 0,
            at,
            kind,
            merchant,
            borrower: None,
            reminder: None,
            due_date: None,
            step: None,
            channel: None,
            attempt: None,
            reason: None,
            route: None,
            installments: Vec::new(),
        }
    }

    /// The reason as one word: the detail of a record may quote a person, in words of their own.
    #[must_use]
    pub fn reason_word(detail: &str) -> String {
        let is_word = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        match detail.split_once(':') {
            Some((super::WITHDRAWN, _)) => super::WITHDRAWN.to_owned(),
            None if is_word(detail) => detail.to_owned(),
            _ => BY_HAND.to_owned(),
        }
    }
}

/// Merges events that are in the order of their numbers within each table, for each borrower by time. Events of one
/// borrower and table keep their order, whatever their times: those of receipts are a provider's.
#[must_use]
pub fn merge_records(tables: Vec<Vec<WebhookEvent>>) -> Vec<WebhookEvent> {
    let mut borrowers: BTreeMap<_, Vec<VecDeque<WebhookEvent>>> = BTreeMap::new();
    let count = tables.len();
    for (place, table) in tables.into_iter().enumerate() {
        for event in table {
            let of = (event.merchant.clone(), event.borrower.clone());
            borrowers.entry(of).or_insert_with(|| vec![VecDeque::new(); count])[place].push_back(event);
        }
    }
    let mut merged = Vec::new();
    for mut tables in borrowers.into_values() {
        loop {
            let heads = tables.iter_mut().filter(|table| !table.is_empty());
            let Some(table) = heads.min_by_key(|table| table.front().map(|event| (event.at, event.table))) else {
                break;
            };
            merged.extend(table.pop_front());
        }
    }
    merged
}

/// The progress of an endpoint, and how it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// Which endpoint.
    pub key: EndpointKey,
    /// It received every event up to there, but for borrowers that wait.
    pub position: RecordPosition,
    /// Goes up when a person changes it; a daemon that read an older one starts afresh.
    pub version: i64,
    /// Failures in a row; 0 while it answers.
    pub failures: u32,
    /// Since when it fails.
    pub failing_since: Option<DateTime<Utc>>,
    /// Not to be called before.
    pub not_before: Option<DateTime<Utc>>,
    /// The code of the last failure.
    pub last_fault: Option<String>,
    /// Since when it is not called any more, as it answered 410.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A borrower whose next event an endpoint did not take. The borrower's later events wait as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingBorrower {
    /// The borrower; `None` for the events of the merchant's routes.
    pub borrower: Option<BorrowerId>,
    /// The endpoint took everything of the borrower up to there.
    pub position: RecordPosition,
    /// Failures in a row.
    pub failures: u32,
    /// Not to be tried before.
    pub not_before: DateTime<Utc>,
    /// Since when it waits.
    pub since: DateTime<Utc>,
    /// The code of the last failure.
    pub last_fault: String,
}

/// The pauses of an endpoint that takes nothing, for as long as it takes. A call four times an hour costs nothing, and
/// events of all borrowers wait for it.
pub const WEBHOOK_ENDPOINT_BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(15 * 60) };

/// The pauses of one borrower whose event is not taken: four times a day in the end, for as long as it takes.
pub const WEBHOOK_BORROWER_BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(6 * 60 * 60) };

/// The longest pause that an endpoint may ask for by `Retry-After`.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// The pause after so many failures in a row, without up to a quarter of it, so that what failed together is not tried
/// again together. `seed` is what differs.
#[must_use]
pub fn webhook_pause(backoff: Backoff, failures: u32, asked: Option<Duration>, seed: u64) -> TimeDelta {
    let pause = backoff.pause(failures).max(asked.unwrap_or_default().min(LONGEST_ASKED));
    let millis = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    // Fibonacci hashing, as for retries of reminders.
    let scatter = (seed ^ (u64::from(failures) << 48)).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0];
    let less = if asked.is_some() { 0 } else { millis / 4 * i64::from(scatter) / 256 };
    TimeDelta::milliseconds(millis - less)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    use super::{
        FinalEnd, RecordEnds, RecordPosition, RecordTable, WEBHOOK_BORROWER_BACKOFF, WEBHOOK_ENDPOINT_BACKOFF,
        WebhookEvent, WebhookType, webhook_pause,
    };

    fn ends(event: i64, writers: &[&str]) -> RecordEnds {
        let writers = writers.iter().map(|writer| (*writer).to_owned()).collect();
        RecordEnds { ends: RecordPosition([event, 0, 0, 0]), writers }
    }

    #[test]
    fn an_end_is_final_when_all_who_wrote_then_are_done() {
        let mut end = FinalEnd::default();
        let mut read = |now| end.advance(now).map(|end| end.of(RecordTable::Event));
        assert_eq!(read(ends(5, &["a", "b"])), None);
        assert_eq!(read(ends(7, &["b", "c"])), None, "b may still write 4");
        assert_eq!(read(ends(9, &["c"])), Some(5), "c may still write 6");
        assert_eq!(read(ends(9, &["d"])), Some(9), "d began after 9 was read");
        assert_eq!(read(ends(9, &["d"])), Some(9));
        assert_eq!(read(ends(12, &[])), Some(12));
    }

    #[test]
    fn one_long_transaction_costs_no_memory() {
        let mut end = FinalEnd::default();
        for event in 1..10_000 {
            assert_eq!(end.advance(ends(event, &["long", &event.to_string()])), None);
        }
        assert!(end.waiting.len() <= super::MOST_WAITING);
        assert_eq!(end.advance(ends(10_000, &[])).map(|end| end.0[0]), Some(10_000));
    }

    #[rstest]
    #[case::skip_reason("opted_out", "opted_out")]
    #[case::code("http-500", "http-500")]
    #[case::withdrawn("withdrawn: li: 张三 called 13800138000", "withdrawn")]
    #[case::resolved("li: 13800138000 got it", "by_hand")]
    #[case::one_word_of_a_person("li:ok", "by_hand")]
    #[case::words("she called", "by_hand")]
    #[case::nothing("", "by_hand")]
    fn a_reason_is_one_word_and_never_a_persons(#[case] detail: &str, #[case] expected: &str) {
        assert_eq!(WebhookEvent::reason_word(detail), expected);
    }

    fn event(table: RecordTable, number: i64, second: i64) -> WebhookEvent {
        let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(second);
        let merchant = "mall".parse().expect("an id");
        WebhookEvent { number, ..WebhookEvent::new(table, WebhookType::Clicked, merchant, at) }
    }

    #[test]
    fn tables_are_merged_by_time_and_keep_their_own_order() {
        use RecordTable::{Click, Event};
        let events = vec![event(Event, 1, 5), event(Event, 2, 3), event(Event, 3, 9)];
        let clicks = vec![event(Click, 1, 4), event(Click, 2, 9)];
        let merged = super::merge_records(vec![events, clicks]);
        let order: Vec<_> = merged.iter().map(|event| (event.table, event.number)).collect();
        assert_eq!(order, [(Click, 1), (Event, 1), (Event, 2), (Event, 3), (Click, 2)]);
    }

    #[test]
    fn pauses_last_days_and_differ() {
        let pauses: Vec<_> =
            (1..40).map(|failures| webhook_pause(WEBHOOK_BORROWER_BACKOFF, failures, None, 1)).collect();
        assert!(pauses.iter().all(|pause| *pause <= TimeDelta::hours(6) && *pause >= TimeDelta::milliseconds(1_500)));
        assert!(pauses.iter().copied().sum::<TimeDelta>() > TimeDelta::days(4), "40 failures take days");
        let jittered = |seed| webhook_pause(WEBHOOK_ENDPOINT_BACKOFF, 40, None, seed);
        assert_ne!(jittered(1), jittered(2));
        assert!(jittered(1) <= TimeDelta::minutes(15) && jittered(1) >= TimeDelta::minutes(11));
        let asked =
            |seconds| webhook_pause(WEBHOOK_ENDPOINT_BACKOFF, 1, Some(Duration::from_secs(seconds)), 1).num_seconds();
        assert_eq!((asked(0), asked(60), asked(1_000_000)), (2, 60, 3_600));
    }
}
