//! Webhooks.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{
    BorrowerId, EndpointKey, EndpointState, ManualChange, MerchantId, RecordEnds, RecordPosition, WaitingBorrower,
    WebhookEvent,
};

/// How many numbers of each table a page covers at most.
pub(super) const RECORD_WINDOW: i64 = 2_000;

/// A page of records, and the position behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPage {
    /// The events of the merchants; those of one borrower by time, and in the order of each table.
    pub events: Vec<WebhookEvent>,
    /// Where the next page begins.
    pub end: RecordPosition,
}

/// The progress of an endpoint after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointProgress {
    /// The state of the endpoint from now on; the version is the one that was read.
    pub state: EndpointState,
    /// The position that was read.
    pub before: RecordPosition,
    /// Borrowers that wait from now on, or still.
    pub waiting: Vec<WaitingBorrower>,
    /// Borrowers that wait no more.
    pub served: Vec<Option<BorrowerId>>,
}

/// The records that webhooks post, and the progress of each endpoint.
#[async_trait]
pub trait WebhookStore: Debug + Send + Sync {
    /// How far records have been numbered.
    async fn record_ends(&self) -> Result<RecordEnds, StoreError>;

    /// The records of merchants behind `after`, as far as one page goes, and at most to `through`.
    async fn record_page(
        &self,
        merchants: &[MerchantId],
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<RecordPage, StoreError>;

    /// The records of one borrower of the merchant behind `after`, to `through`; of its routes, with `None`.
    async fn records_of(
        &self,
        merchant: &MerchantId,
        borrower: Option<&BorrowerId>,
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError>;

    /// All endpoints that are known here, by key.
    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError>;

    /// Begins at that position with an endpoint that is not known yet.
    async fn add_webhook_endpoint(&self, key: &EndpointKey, at: RecordPosition) -> Result<(), StoreError>;

    /// The borrowers that wait at an endpoint, by id.
    async fn webhook_waiting(&self, key: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError>;

    /// Writes progress. `false`, and nothing is written, if somebody else moved the endpoint or a person changed it.
    async fn save_webhook_progress(&self, progress: &EndpointProgress) -> Result<bool, StoreError>;

    /// Tells an endpoint everything since a time once more, on record. `false` if it is not known.
    async fn replay_webhook(
        &self,
        key: &EndpointKey,
        from: DateTime<Utc>,
        by: &ManualChange,
    ) -> Result<bool, StoreError>;

    /// Goes on with an endpoint that was disabled, or calls one that fails at once, on record. `false` if it is not
    /// known.
    async fn enable_webhook(&self, key: &EndpointKey, by: &ManualChange) -> Result<bool, StoreError>;
}

/// One table's part of a page: its events, the end of its window, and the latest time of the records in the window,
/// where it does not reach to the end of the table.
#[derive(Debug)]
pub(super) struct RecordWindow {
    pub(super) events: Vec<WebhookEvent>,
    pub(super) end: i64,
    pub(super) cut_at: Option<Cut>,
}

/// How a window ends that does not reach to the end of its table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// The latest time of its records.
    At(DateTime<Utc>),
    /// It has no records at all.
    Empty,
}

/// Puts a page together. Where a window does not reach to the end of its table, records of other tables that are later
/// than it wait for the next page: a click is posted after the message that it came from.
pub(super) fn page(after: RecordPosition, windows: Vec<RecordWindow>) -> RecordPage {
    let is_gap = |window: &RecordWindow| matches!(window.cut_at, Some(Cut::Empty));
    if windows.iter().any(is_gap) {
        let ends = std::iter::zip(after.0, &windows).map(|(old, one)| if is_gap(one) { one.end } else { old });
        return RecordPage { events: Vec::new(), end: position(ends) };
    }
    let cuts = windows.iter().filter_map(|window| match window.cut_at {
        Some(Cut::At(at)) => Some(at),
        Some(Cut::Empty) | None => None,
    });
    let cut = cuts.min().unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut ends = Vec::new();
    let mut tables = Vec::new();
    for mut window in windows {
        let later = window.events.iter().position(|event| event.at > cut);
        ends.push(later.map_or(window.end, |later| window.events[later].number - 1));
        window.events.truncate(later.unwrap_or(window.events.len()));
        tables.push(window.events);
    }
    RecordPage { events: crate::domain::merge_records(tables), end: position(ends) }
}

fn position(ends: impl IntoIterator<Item = i64>) -> RecordPosition {
    let mut position = RecordPosition::default();
    for (place, end) in position.0.iter_mut().zip(ends) {
        *place = end;
    }
    position
}

/// The end of a table's window, and whether it is before the end of the table.
pub(super) fn window_end(after: i64, through: i64) -> (i64, bool) {
    let end = through.min(after.saturating_add(RECORD_WINDOW)).max(after);
    (end, end < through)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Cut, RECORD_WINDOW, RecordWindow, page, window_end};
    use crate::domain::{RecordPosition, RecordTable, WebhookEvent, WebhookType};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn event(table: RecordTable, number: i64, second: i64) -> WebhookEvent {
        let merchant = "mall".parse().expect("an id");
        WebhookEvent { number, ..WebhookEvent::new(table, WebhookType::Clicked, merchant, at(second)) }
    }

    fn empty(end: i64) -> RecordWindow {
        RecordWindow { events: Vec::new(), end, cut_at: None }
    }

    /// Of a long backlog of events, clicks that are later than the window wait: their messages come first.
    #[test]
    fn tables_go_on_together() {
        let events = vec![event(RecordTable::Event, 3, 10), event(RecordTable::Event, 9, 20)];
        let clicks = vec![event(RecordTable::Click, 1, 15), event(RecordTable::Click, 4, 21)];
        let windows = vec![
            RecordWindow { events, end: 2_000, cut_at: Some(Cut::At(at(20))) },
            RecordWindow { events: clicks, end: 7, cut_at: None },
            empty(5),
            empty(6),
        ];
        let read = page(RecordPosition([0; 4]), windows);
        let numbers: Vec<_> = read.events.iter().map(|event| event.number).collect();
        assert_eq!((numbers, read.end), (vec![3, 1, 9], RecordPosition([2_000, 3, 5, 6])));
    }

    #[test]
    fn a_gap_in_the_numbers_is_passed_over_alone() {
        let gap = RecordWindow { events: Vec::new(), end: 2_000, cut_at: Some(Cut::Empty) };
        let click = RecordWindow { events: vec![event(RecordTable::Click, 1, 1)], end: 1, cut_at: None };
        let read = page(RecordPosition([0; 4]), vec![gap, click, empty(0), empty(0)]);
        assert_eq!((read.events, read.end), (Vec::new(), RecordPosition([2_000, 0, 0, 0])));
    }

    #[test]
    fn a_window_never_goes_back() {
        assert_eq!(window_end(5, 9), (9, false));
        assert_eq!(window_end(9, 5), (9, false));
        assert_eq!(window_end(5, i64::MAX), (5 + RECORD_WINDOW, true));
    }
}
