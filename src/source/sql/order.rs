//! The order of the rows of a branch. A query that pages by another order than it compares skips rows, which no later
//! pull would read; so that is an error.
//!
//! Whole numbers are compared here. How texts sort is the database's business, so of texts only repetition is seen
//! here; whether rows of one instant were skipped at the end of a page, the database is asked.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::answer::ResultColumns;
use super::connection::Connection;
use super::error::Problem;
use super::field::{Field, Key, PageCursor};

/// Rows of one instant are counted by the database if they fill at most so many pages. In more of them, an order by
/// another key shows itself: rows come twice.
const COUNTED_PAGES: usize = 20;

/// The place in the rows of a branch, and what is known of the rows at that place.
pub(super) struct RowOrder {
    zone: Tz,
    limit: usize,
    key_name: &'static str,
    after: PageCursor,
    key: Key,
    /// How many rows had the instant of the place.
    count: usize,
    /// Whether they began on a page before the last.
    has_crossed: bool,
    /// The keys of those on the last page.
    last_keys: HashSet<Key>,
}

/// Rows of one instant that more than one page had, and how many.
pub(super) type InstantGroup = (PageCursor, usize);

impl RowOrder {
    pub(super) fn new(from: Option<DateTime<Utc>>, zone: Tz, limit: usize, key_name: &'static str) -> Self {
        Self {
            zone,
            limit,
            key_name,
            after: PageCursor::Instant(from.unwrap_or(DateTime::UNIX_EPOCH)),
            key: Key::First,
            count: 0,
            has_crossed: false,
            last_keys: HashSet::new(),
        }
    }

    /// The place after which the next page begins.
    pub(super) fn place(&self) -> (&PageCursor, &Key) {
        (&self.after, &self.key)
    }

    /// Moves to the last row of a page, if its rows go on from where they should and in their order. `rows` may hold
    /// one row more than the page. Gives the rows of one instant that ended with it or within it, if the database
    /// should count them.
    pub(super) fn advance(
        &mut self,
        rows: &[Vec<Field>],
        answer: &ResultColumns,
        connection: &dyn Connection,
    ) -> Result<Option<InstantGroup>, Problem> {
        if rows.len() > self.limit + 1 {
            return Err(Problem::TooMany);
        }
        let has_ended = rows.len() <= self.limit;
        // The first page may begin a little earlier: SQLite is asked to the second.
        let mut before = self.after.time(self.zone).filter(|_| self.key != Key::First);
        let mut place = (self.after.clone(), self.key.clone());
        let (mut count, mut has_crossed) = (self.count, self.has_crossed);
        let (mut last_page, mut this_page) = (std::mem::take(&mut self.last_keys), HashSet::new());
        let mut last = None;
        let mut group = None;
        for (number, row) in rows.iter().enumerate() {
            let Some(stamp) = PageCursor::of(answer.updated_at(row), self.zone)? else { continue };
            if let Some(time) = stamp.time(self.zone) {
                if before.is_some_and(|before| time < before - connection.repeated()) {
                    return Err(Problem::Disorder);
                }
                before = Some(time);
            }
            let key = Key::of(answer.key(row));
            let is_of_group = stamp == place.0;
            if is_of_group && !connection.is_repeated(&stamp) {
                self.compare(&place.1, key.as_ref(), (&last_page, &this_page), connection)?;
            }
            if !is_of_group {
                group = group.or_else(|| self.to_count(&place.0, count, has_crossed));
                (count, has_crossed) = (0, false);
                last_page.clear();
                this_page.clear();
            }
            if number == self.limit {
                // The row after the page.
                has_crossed |= is_of_group;
                break;
            }
            count += 1;
            this_page.extend(key.clone());
            place = (stamp, key.clone().unwrap_or(Key::First));
            last = Some(key);
        }
        if has_ended {
            group = group.or_else(|| self.to_count(&place.0, count, has_crossed));
        }
        match last {
            // A page that is not full is the last one, and nothing has to go on from it.
            None if has_ended => return Ok(group),
            None => return Err(Problem::NoUpdatedAt),
            Some(None) => return Err(Problem::Key(self.key_name)),
            Some(Some(_)) if place == (self.after.clone(), self.key.clone()) => return Err(Problem::Stuck),
            Some(Some(_)) => {}
        }
        self.last_keys = this_page;
        (self.after, self.key) = place;
        (self.count, self.has_crossed) = (count, has_crossed);
        Ok(group)
    }

    /// Compares a key with the one before it, and with those that came at this instant on the last page and on this.
    fn compare(
        &self,
        before: &Key,
        key: Option<&Key>,
        (last_page, this_page): (&HashSet<Key>, &HashSet<Key>),
        connection: &dyn Connection,
    ) -> Result<(), Problem> {
        let Some(key) = key else { return Ok(()) };
        if last_page.contains(key) {
            return Err(Problem::Stuck);
        }
        if this_page.contains(key) {
            return Err(Problem::SameKey(self.key_name));
        }
        match (before, key) {
            (Key::Whole(before), Key::Whole(key)) if connection.compares_numbers() && key < before => {
                Err(Problem::KeyOrder)
            }
            _ => Ok(()),
        }
    }

    fn to_count(&self, stamp: &PageCursor, count: usize, has_crossed: bool) -> Option<InstantGroup> {
        let is_counted = has_crossed && count <= self.limit.saturating_mul(COUNTED_PAGES);
        is_counted.then(|| (stamp.clone(), count))
    }
}
