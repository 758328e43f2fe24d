//! The ledger page by page, and the due dates of one borrower together where they bear on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};

use super::play::Prospect;
use crate::domain::{BorrowerKey, MerchantId};
use crate::plan::{Account, Due, Horizon, Policy, plan, reachable_address};
use crate::store::{DueCursor, LedgerStore, StoreError};

/// How many due dates are read at once.
const PAGE: u32 = 1_000;

/// How many due dates are held at once: some 1 kB each. With more the ledger is read again, for another share of the
/// borrowers.
pub(super) const HELD: usize = 200_000;

/// A walk over the due dates of the ledger.
pub(super) struct ForecastWalk<'w> {
    pub(super) store: &'w dyn LedgerStore,
    /// The due dates.
    pub(super) dates: RangeInclusive<NaiveDate>,
    /// Only borrowers of these.
    pub(super) merchants: Option<&'w BTreeSet<MerchantId>>,
    /// Each policy, with the horizon for which it plans.
    pub(super) policies: Vec<(&'w Policy, Horizon)>,
    /// Whether caps or digests tie a borrower's due dates together.
    pub(super) together: bool,
    /// How many due dates may be held.
    pub(super) held: usize,
    /// No scan plans anything whose time lies before it.
    pub(super) start: DateTime<Utc>,
}

/// How many visits follow each other before other tasks have a turn.
const VISITS: usize = 50;

/// A part of the borrowers.
#[derive(Clone, Copy)]
struct Share {
    number: u64,
    of: u64,
}

impl Share {
    fn has(self, borrower: &BorrowerKey) -> bool {
        let mut hasher = DefaultHasher::new();
        borrower.hash(&mut hasher);
        hasher.finish() % self.of == self.number
    }
}

/// Gets what belongs together: everything about one borrower, or about one due date.
pub(super) type Visit<'v> = &'v mut (dyn FnMut(&mut [Prospect]) + Send);

impl ForecastWalk<'_> {
    /// Visits everything once. Memory stays flat: what nothing ties together is visited as it comes, and of the rest a
    /// share is held at a time.
    pub(super) async fn run(&self, visit: Visit<'_>) -> Result<(), StoreError> {
        let (mut share, mut visits) = (Share { number: 0, of: 1 }, 0_usize);
        loop {
            let mut held = BTreeMap::<BorrowerKey, Vec<Prospect>>::new();
            let (mut count, mut after) = (0, None);
            while let Some(page) = self.page(&mut after).await? {
                for due in page.into_iter().filter(|due| self.has(share, &due.borrower.key)) {
                    pause(&mut visits).await;
                    let key = due.borrower.key.clone();
                    let prospect = self.prospect(due).await?;
                    if self.together {
                        held.entry(key).or_default().push(prospect);
                        count += 1;
                    } else {
                        visit(&mut [prospect]);
                    }
                }
                // The first share becomes smaller until it fits; all others are then as small.
                while count > self.held && share.number == 0 && held.len() > 1 {
                    share.of *= 2;
                    held.retain(|borrower, _| share.has(borrower));
                    count = held.values().map(Vec::len).sum();
                }
            }
            for prospects in held.values_mut() {
                pause(&mut visits).await;
                visit(prospects);
            }
            share.number += 1;
            if share.number == share.of {
                return Ok(());
            }
        }
    }

    fn has(&self, share: Share, borrower: &BorrowerKey) -> bool {
        self.merchants.is_none_or(|merchants| merchants.contains(&borrower.merchant)) && share.has(borrower)
    }

    async fn page(&self, after: &mut Option<DueCursor>) -> Result<Option<Vec<Due>>, StoreError> {
        let page = self.store.due_page(self.dates.clone(), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        *after = Some(DueCursor::after(last));
        Ok(Some(page))
    }

    async fn prospect(&self, due: Due) -> Result<Prospect, StoreError> {
        let planned = self.policies.iter().map(|(policy, horizon)| {
            let mut planned = plan(policy, &due, *horizon);
            planned.retain(|one| one.not_before >= self.start);
            planned
        });
        let planned: Vec<_> = planned.collect();
        let mut suppressed = BTreeMap::new();
        let merchants =
            || self.policies.iter().filter_map(|(policy, _)| policy.merchants.get(&due.borrower.key.merchant));
        let can_be_reached =
            |channel| merchants().any(|merchant| reachable_address(merchant, &due.borrower, channel).is_some());
        let is_usable = |channel| can_be_reached(channel) && !due.suppressed.contains(&channel);
        // Only where it matters is the reason asked for: one query each. What cannot use its channel may go to another.
        if planned.iter().flatten().any(|one| !is_usable(one.key.channel)) {
            for channel in &due.suppressed {
                let account = self.store.account(&due.borrower.key, due.due_date, *channel).await?;
                suppressed.extend(account.suppressed.map(|reason| (*channel, reason)));
            }
        }
        let Due { borrower, due_date, installments, .. } = due;
        let account = Account { borrower: Some(borrower), installments, ..Account::default() };
        Ok(Prospect { due_date, account, suppressed, planned })
    }
}

/// Gives other tasks a turn now and then: a daemon sends on one thread while it makes a forecast for the API.
async fn pause(visits: &mut usize) {
    *visits += 1;
    if visits.is_multiple_of(VISITS) {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::ForecastWalk;
    use crate::clock::SimClock;
    use crate::domain::{BorrowerKey, Currency, LedgerRow, Money};
    use crate::store::{LedgerStore, MemoryStore, WriteMode};

    /// An instalment of one of 50 borrowers, each on another day.
    fn row(number: i64, start: DateTime<Utc>) -> LedgerRow {
        let borrower = BorrowerKey {
            merchant: "mall".parse().expect("an id"),
            id: format!("b{}", number % 50).parse().expect("an id"),
        };
        let amount = Money::parse("1", Currency::new("CNY").expect("a currency")).expect("an amount");
        let due_date = (start + TimeDelta::days(number)).date_naive();
        LedgerRow::new(borrower, format!("i{number}").parse().expect("an id"), amount, due_date)
    }

    #[tokio::test]
    async fn a_borrowers_dates_come_together_and_once_however_little_is_held() {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let store = MemoryStore::new(Arc::new(SimClock::at(start)));
        let rows: Vec<_> = (0..200).map(|number| row(number, start)).collect();
        store.import(&rows, WriteMode::Commit).await.expect("imported");
        for (together, held) in [(true, 20), (true, 1_000), (false, 0)] {
            let dates = rows[0].due_date..=rows[199].due_date;
            let walk =
                ForecastWalk { store: &store, dates, merchants: None, policies: Vec::new(), together, held, start };
            let mut seen = BTreeMap::<String, Vec<usize>>::new();
            let visit = &mut |prospects: &mut [super::Prospect]| {
                assert!(prospects.is_sorted_by_key(|prospect| prospect.due_date));
                let who = prospects[0].account.borrower.as_ref().expect("it is known").key.id.to_string();
                seen.entry(who).or_default().push(prospects.len());
            };
            walk.run(visit).await.expect("the store in memory never fails");
            assert_eq!(seen.len(), 50);
            let expected = if together { vec![4] } else { vec![1; 4] };
            assert!(seen.values().all(|visits| *visits == expected), "{held}: {seen:?}");
        }
    }
}
