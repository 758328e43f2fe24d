//! Instalments that their source has no longer: a loan was foreclosed, a schedule was made anew, an invoice was reset.
//! Their rows are gone, so no row says that nothing is owed any more.
//!
//! Two settings of a source find them. With `complete_per` the rows of an order are all that there is of it: an open
//! instalment of that order that no branch yielded is gone. With `full_read` a pull of all rows shows it of every
//! instalment. Both settle at the end of a complete pull, and by the rows of all its branches. What is gone
//! is cancelled; a later row of it opens it again. If far more is gone than usual, the source is doubted and not the
//! instalments: nothing is cancelled, their reminders are held, and a person decides.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sha2::{Digest, Sha256};

use crate::domain::{InstallmentId, ManualChange, MerchantId, SourceName};
use crate::source::sql::SeenRow;
use crate::store::{
    OpenFilter, OpenInstallment, RejectFilter, RejectStore, SourceStore, StoreError, VanishedSettlement,
};

/// So many may vanish at once, however few there are.
const LEAST_LIMIT: u64 = 20;

/// Open instalments that are listed at once.
const PAGE: u32 = 10_000;

/// Orders that are asked for at once.
const ORDERS: usize = 500;

/// Instalments that are settled at once.
const BATCH: usize = 500;

type InstallmentKey = (MerchantId, InstallmentId);

/// A short hash of an instalment: a million of them are remembered while a source is read. That two are alike among a
/// million is one chance in 37 million, and then one that is gone stays open.
fn fingerprint(merchant: &MerchantId, installment: &InstallmentId) -> u64 {
    let mut hash = Sha256::new();
    hash.update(merchant.as_str());
    hash.update([0]);
    hash.update(installment.as_str());
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Two rows of one order have different times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DifferentTimes;

/// The rows that a pull has seen.
#[derive(Debug, Default)]
pub(super) struct SeenRows {
    /// The instalments. Sorted by [`SeenRows::sort`].
    installments: Vec<u64>,
    /// How many rows had no instalment that could be read.
    unreadable: u64,
    orders: BTreeMap<(MerchantId, String), SeenOrder>,
    /// Orders of which a row could not be read.
    unclear_orders: BTreeSet<String>,
    /// Instants of rows of which neither order nor instalment could be read; `None` if not even the instant could.
    unclear_instants: BTreeSet<Option<DateTime<Utc>>>,
    /// The numbers of branch and page that are read now.
    branch: usize,
    page: u64,
}

/// Where an order was seen last.
#[derive(Debug)]
struct SeenOrder {
    at: DateTime<Utc>,
    branch: usize,
    page: u64,
}

impl SeenRows {
    /// The rows that follow are of another branch.
    pub(super) fn next_branch(&mut self) {
        self.branch += 1;
    }

    /// Notes the rows of a page. `changed_since`: an order whose time is later may have changed while the pull ran, so
    /// that two pages have different times of it; one page never has.
    pub(super) fn note(
        &mut self,
        rows: &[SeenRow],
        has_whole_orders: bool,
        changed_since: DateTime<Utc>,
    ) -> Result<(), DifferentTimes> {
        self.page += 1;
        for row in rows {
            match &row.installment {
                Some((merchant, id)) => self.installments.push(fingerprint(merchant, id)),
                None if row.is_empty_order && row.merchant.is_some() => {}
                None => self.unreadable += 1,
            }
            if !has_whole_orders {
                continue;
            }
            let is_clear = row.installment.is_some() || row.is_empty_order;
            match (&row.order, row.merchant.as_ref().filter(|_| is_clear), row.updated_at) {
                (Some(order), Some(merchant), Some(at)) => {
                    self.note_order((merchant.clone(), order.clone()), at, changed_since)?;
                }
                (Some(order), ..) => {
                    self.unclear_orders.insert(order.clone());
                }
                // An instalment without an order is complete by itself.
                (None, Some(_), _) => {}
                (None, None, at) => {
                    self.unclear_instants.insert(at);
                }
            }
        }
        Ok(())
    }

    fn note_order(
        &mut self,
        order: (MerchantId, String),
        at: DateTime<Utc>,
        changed_since: DateTime<Utc>,
    ) -> Result<(), DifferentTimes> {
        let seen = SeenOrder { at, branch: self.branch, page: self.page };
        let Some(known) = self.orders.insert(order, seen) else { return Ok(()) };
        let has_changed = known.page != self.page && at >= changed_since;
        if known.branch == self.branch && known.at != at && !has_changed { Err(DifferentTimes) } else { Ok(()) }
    }

    fn sort(&mut self) {
        self.installments.sort_unstable();
        self.installments.dedup();
    }

    fn has(&self, one: &OpenInstallment) -> bool {
        self.installments.binary_search(&fingerprint(&one.merchant, &one.installment)).is_ok()
    }

    /// The orders whose rows are all known.
    fn whole_orders(&self) -> Vec<(MerchantId, String)> {
        if self.unclear_instants.contains(&None) {
            return Vec::new();
        }
        let is_clear = |((_, order), seen): &(&(MerchantId, String), &SeenOrder)| {
            !self.unclear_orders.contains(order) && !self.unclear_instants.contains(&Some(seen.at))
        };
        self.orders.iter().filter(is_clear).map(|(order, _)| order.clone()).collect()
    }
}

/// How a pull settles what is gone.
pub(super) struct Sweep<'a, S: ?Sized> {
    pub(super) store: &'a S,
    pub(super) source: &'a SourceName,
    /// Whether all rows were read.
    pub(super) is_full: bool,
    /// The greatest share of the open instalments that may be gone at once.
    pub(super) max_vanishing: Decimal,
    /// Whether nothing is to be written.
    pub(super) is_trial: bool,
}

/// The numbers of instalments that a source has no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Swept {
    pub(super) cancelled: u64,
    pub(super) held: u64,
}

impl<S: SourceStore + RejectStore + ?Sized> Sweep<'_, S> {
    /// Cancels what is gone, or holds it if it is too much.
    pub(super) async fn settle(&self, mut seen: SeenRows) -> Result<Swept, StoreError> {
        seen.sort();
        let (gone, open) =
            if self.is_full { self.gone_of_all(&seen).await? } else { self.gone_of_orders(&seen).await? };
        if gone.is_empty() {
            return Ok(Swept::default());
        }
        let held = vanished_from(self.store, self.source).await?;
        let total: BTreeSet<_> = gone.iter().chain(&held).collect();
        let total = total.len() as u64;
        // The ones that are held already wait for a person, or for a pull of all rows that has fewer missing.
        let new: Vec<_> = gone.iter().filter(|one| !held.contains(one)).cloned().collect();
        let open = match open {
            Some(open) => open,
            None if total > LEAST_LIMIT => self.count_open().await?,
            None => 0,
        };
        let share = (Decimal::from(open) * self.max_vanishing).floor().to_u64().unwrap_or(u64::MAX);
        let limit = share.max(LEAST_LIMIT);
        let proves_nothing = self.is_full && (seen.installments.is_empty() || seen.unreadable > 0);
        let (swept, settled, settlement) = if total > limit || proves_nothing {
            tracing::error!(
                source = %self.source,
                vanished = total,
                limit,
                unreadable = seen.unreadable,
                "far more instalments vanished than usual: nothing is cancelled, their reminders are held; see \
                 dueherald source accept --help"
            );
            (Swept { held: new.len() as u64, cancelled: 0 }, &new, VanishedSettlement::Hold)
        } else {
            let settled = if self.is_full { &gone } else { &new };
            let cancelled = settled.len() as u64;
            (Swept { cancelled, held: 0 }, settled, VanishedSettlement::Cancel(None))
        };
        for batch in settled.chunks(BATCH).filter(|_| !self.is_trial) {
            self.store.settle_vanished(self.source, batch, &settlement).await?;
        }
        Ok(swept)
    }

    /// The missing ones of all open instalments of the source, and how many of these there are.
    async fn gone_of_all(&self, seen: &SeenRows) -> Result<(Vec<InstallmentKey>, Option<u64>), StoreError> {
        let (mut gone, mut open, mut after) = (Vec::new(), 0, None);
        loop {
            let page = self.store.open_of_source(self.source, &OpenFilter::Page { after, limit: PAGE }).await?;
            open += page.len() as u64;
            after = page.last().map(OpenInstallment::place);
            let is_last = page.len() < PAGE as usize;
            gone.extend(page.into_iter().filter(|one| !seen.has(one)).map(|one| (one.merchant, one.installment)));
            if is_last {
                return Ok((gone, Some(open)));
            }
        }
    }

    /// The missing ones of the orders that were seen.
    async fn gone_of_orders(&self, seen: &SeenRows) -> Result<(Vec<InstallmentKey>, Option<u64>), StoreError> {
        let mut gone = Vec::new();
        for orders in seen.whole_orders().chunks(ORDERS) {
            let open = self.store.open_of_source(self.source, &OpenFilter::Orders(orders.to_vec())).await?;
            gone.extend(open.into_iter().filter(|one| !seen.has(one)).map(|one| (one.merchant, one.installment)));
        }
        Ok((gone, None))
    }

    async fn count_open(&self) -> Result<u64, StoreError> {
        let (mut open, mut after) = (0, None);
        loop {
            let page = self.store.open_of_source(self.source, &OpenFilter::Page { after, limit: PAGE }).await?;
            open += page.len() as u64;
            after = page.last().map(OpenInstallment::place);
            if page.len() < PAGE as usize {
                return Ok(open);
            }
        }
    }
}

/// The instalments that are held because a source has them no longer.
async fn vanished_from(
    store: &(impl RejectStore + ?Sized),
    source: &SourceName,
) -> Result<BTreeSet<InstallmentKey>, StoreError> {
    let mut filter = RejectFilter { vanished_from: Some(source.clone()), limit: PAGE, ..RejectFilter::default() };
    let mut all = BTreeSet::new();
    loop {
        let page = store.rejects(&filter).await?;
        filter.after = page.last().map(|kept| kept.id);
        let keys = page.iter().filter_map(|kept| kept.record.key());
        all.extend(keys.map(|(merchant, id)| (merchant.clone(), id.clone())));
        if page.len() < PAGE as usize {
            return Ok(all);
        }
    }
}

/// Cancels the instalments that are held because a source has them no longer: a person agrees that they are gone. Gives
/// how many.
///
/// # Errors
/// When the store fails; what was cancelled by then stays so.
pub async fn accept_vanished(
    store: &(impl SourceStore + RejectStore + ?Sized),
    source: &SourceName,
    by: &ManualChange,
) -> Result<usize, StoreError> {
    let gone = Vec::from_iter(vanished_from(store, source).await?);
    let mut accepted = 0;
    for batch in gone.chunks(BATCH) {
        accepted += store.settle_vanished(source, batch, &VanishedSettlement::Cancel(Some(by.clone()))).await?;
    }
    Ok(accepted)
}
