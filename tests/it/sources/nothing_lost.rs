//! The cursor never passes a row that was neither applied nor kept as rejected, whatever fails on the way: the store
//! before or after it has written, or the lender's database between two pages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dueherald::domain::{
    Amendment, AmendmentResult, BorrowerKey, Channel, Installment, InstallmentId, LedgerRow, MerchantId,
    RejectedRecord, SoundRecord, SourceName, SourceState,
};
use dueherald::pipeline::{Pull, pull};
use dueherald::plan::{Account, Due, RecentContacts};
use dueherald::store::{
    Change, DropOrder, DroppedRecord, DueCursor, InstallmentFilter, KeptRecord, LedgerStore, OpenFilter,
    OpenInstallment, RejectCounts, RejectFilter, RejectStore, SettledInstallment, SourceStore, Store, StoreError,
    TurnStore, VanishedSettlement, WriteMode,
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::lender::{Lender, Writer};
use crate::fixtures::policy;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing was written.
    Before,
    /// It was written, and nobody hears of it.
    After,
    /// The lender's table is gone from the next page on.
    Lender,
}

/// A store that fails at some of its calls.
struct Failing<'a> {
    store: &'a dyn Store,
    faults: Mutex<BTreeMap<usize, Fault>>,
    calls: Mutex<usize>,
    lender: Mutex<Option<Writer>>,
}

impl fmt::Debug for Failing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing(…)")
    }
}

fn failure() -> StoreError {
    StoreError::Corrupt { column: "failing" }
}

impl Failing<'_> {
    async fn call<T>(&self, answer: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        let fault = {
            let mut calls = self.calls.lock().expect("one thread");
            *calls += 1;
            self.faults.lock().expect("one thread").remove(&*calls)
        };
        match fault {
            Some(Fault::Before) => Err(failure()),
            Some(Fault::After) => answer.await.and_then(|_| Err(failure())),
            Some(Fault::Lender) => {
                let writer = self.lender.lock().expect("one thread").take();
                if let Some(mut writer) = writer {
                    writer.run("alter table instalment rename to hidden").await;
                }
                answer.await
            }
            None => answer.await,
        }
    }
}

#[async_trait]
impl TurnStore for Failing<'_> {
    async fn take_turn(&self, what: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        self.call(self.store.take_turn(what, holder, lasts)).await
    }
}

#[async_trait]
impl SourceStore for Failing<'_> {
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        self.call(self.store.note_source(state)).await
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.call(self.store.sources()).await
    }

    async fn open_of_source(&self, _: &SourceName, _: &OpenFilter) -> Result<Vec<OpenInstallment>, StoreError> {
        unreachable!("nothing is swept")
    }

    async fn settle_vanished(
        &self,
        _: &SourceName,
        _: &[(MerchantId, InstallmentId)],
        _: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        unreachable!("nothing is swept")
    }
}

#[async_trait]
impl RejectStore for Failing<'_> {
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        self.call(self.store.import_batch(rows, rejected, mode)).await
    }

    async fn rejects(&self, _: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        unreachable!("no pull lists them")
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        unreachable!("no pull lists them")
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        unreachable!("no pull counts them")
    }

    async fn retry_reject(&self, _: &KeptRecord, _: &SoundRecord) -> Result<bool, StoreError> {
        unreachable!("no pull tries them again")
    }

    async fn drop_rejects(&self, _: &[i64], _: &DropOrder) -> Result<Vec<i64>, StoreError> {
        unreachable!("no pull drops them")
    }

    async fn dropped_rejects(&self, _: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        unreachable!("no pull lists them")
    }
}

#[async_trait]
impl LedgerStore for Failing<'_> {
    async fn import(&self, _: &[LedgerRow], _: WriteMode) -> Result<Vec<Change>, StoreError> {
        unreachable!("a pull imports batches")
    }

    async fn amend(
        &self,
        _: &[Amendment],
        _: Option<&SourceName>,
        _: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError> {
        unreachable!("the source yields instalments")
    }

    async fn due_page(
        &self,
        _: std::ops::RangeInclusive<NaiveDate>,
        _: Option<&DueCursor>,
        _: u32,
    ) -> Result<Vec<Due>, StoreError> {
        unreachable!("no pull plans")
    }

    async fn installments(&self, _: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        unreachable!("no pull lists")
    }

    async fn settled_installments(&self, _: &BorrowerKey) -> Result<Vec<SettledInstallment>, StoreError> {
        unreachable!("no pull lists")
    }

    async fn account(&self, _: &BorrowerKey, _: NaiveDate, _: Channel) -> Result<Account, StoreError> {
        unreachable!("no pull decides")
    }

    async fn account_beside(
        &self,
        _: &BorrowerKey,
        _: NaiveDate,
        _: Channel,
        _: RecentContacts,
    ) -> Result<Account, StoreError> {
        unreachable!("no pull decides")
    }
}

/// A row of the lender's.
#[derive(Debug, Clone)]
struct Lent {
    minute: u32,
    paid: u32,
    is_sound: bool,
}

impl Lent {
    fn updated_at(&self) -> String {
        format!("2026-11-22 {:02}:{:02}:00", self.minute / 60, self.minute % 60)
    }

    fn at(&self) -> DateTime<Utc> {
        crate::fixtures::at(&format!("2026-11-22T{:02}:{:02}:00Z", self.minute / 60, self.minute % 60))
    }

    fn values(&self, id: usize) -> String {
        let amount = if self.is_sound { "100.00" } else { "-1" };
        format!(
            "({id}, 'b{id}', '李伟', null, '{amount}', '{}.00', '2026-12-01', null, '{}')",
            self.paid,
            self.updated_at()
        )
    }
}

/// Whether every row before the cursor is in the ledger as it is, or kept; those of its very instant are read again.
async fn check(lender: &Lender, rows: &[Lent]) {
    let Some(read_to) = lender.ledger.sources().await.expect("listed").first().and_then(|state| state.read_to) else {
        return;
    };
    let known = lender.installments().await;
    let filter = RejectFilter { limit: 1_000, ..RejectFilter::default() };
    let kept = lender.ledger.rejects(&filter).await.expect("listed");
    for (id, row) in rows.iter().enumerate().filter(|(_, row)| row.at() < read_to) {
        let id = id.to_string();
        let is_kept = kept.iter().any(|kept| kept.record.installment.as_ref().is_some_and(|of| of.as_str() == id));
        let is_applied = known
            .iter()
            .any(|one| one.id.as_str() == id && one.paid_amount.amount() == rust_decimal::Decimal::from(row.paid));
        let is_safe = if row.is_sound { is_applied } else { is_kept };
        assert!(is_safe, "row {id} was passed by: {row:?}, the cursor is {read_to}");
    }
}

/// The calls that fail in a pull, and the rows that change after it.
type FaultyPull = (BTreeMap<usize, Fault>, Vec<(usize, bool)>);

async fn run(mut rows: Vec<Lent>, page: u32, pulls: Vec<FaultyPull>) {
    let lender = Lender::sqlite().await;
    let all: Vec<_> = rows.iter().enumerate().map(|(id, row)| row.values(id)).collect();
    lender.run(&format!("insert into instalment values {}", all.join(", "))).await;
    let (source, merchants) = (lender.in_pages(page), policy().merchants);
    let mut minute = 61;
    for (faults, changes) in pulls.into_iter().chain([(BTreeMap::new(), Vec::new())]) {
        let is_last = faults.is_empty();
        let store = Failing {
            store: &*lender.ledger,
            faults: Mutex::new(faults),
            calls: Mutex::new(0),
            lender: Mutex::new(Some(lender.connect().await)),
        };
        let job = Pull {
            source: &source,
            merchants: &merchants,
            overlap: TimeDelta::zero(),
            from_start: false,
            sweeps: false,
            max_vanishing: rust_decimal::Decimal::ZERO,
            mode: WriteMode::Commit,
            rejects: None,
            max_shown: 0,
            holder: "test",
            stop: &CancellationToken::new(),
        };
        let pulled = pull(&store, &lender.clock, job).await;
        assert!(!is_last || pulled.is_ok(), "{pulled:?}");
        if store.lender.lock().expect("one thread").is_none() {
            lender.run("alter table hidden rename to instalment").await;
        }
        check(&lender, &rows).await;
        for (which, is_sound) in changes {
            let id = which % rows.len();
            minute += 1;
            rows[id] = Lent { minute, paid: rows[id].paid + 1, is_sound };
            lender.run(&format!("delete from instalment where id = {id}")).await;
            lender.run(&format!("insert into instalment values {}", rows[id].values(id))).await;
        }
    }
    let taken = lender.installments().await.len();
    assert!(taken >= rows.iter().filter(|row| row.is_sound).count(), "{taken} of {rows:?}");
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::Before), Just(Fault::After), Just(Fault::Lender)]
}

fn faults() -> impl Strategy<Value = BTreeMap<usize, Fault>> {
    prop::collection::btree_map(1_usize..24, fault(), 1..3)
}

fn changes() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0_usize..24, any::<bool>()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_cursor_passes_nothing(
        rows in prop::collection::vec((0_u32..60, 0_u32..90, prop::bool::weighted(0.8)), 1..24),
        page in 1_u32..6,
        pulls in prop::collection::vec((faults(), changes()), 1..5),
    ) {
        let rows = rows.into_iter().map(|(minute, paid, is_sound)| Lent { minute, paid, is_sound }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(rows, page, pulls));
    }
}
