//! The tables `reject` and `dropped_reject`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::clauses::Clause;
use super::sealing::open_cells;
use super::value::Moment;
use crate::domain::{KeyRing, RecordCells, RecordKind, RejectedRecord};
use crate::store::{DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, StoreError};

/// The columns of a kept record `x`.
macro_rules! reject_columns {
    () => {
        "x.id, x.installment_id, x.merchant, x.source, x.kind, x.is_vanished, x.waits, x.cells, x.reason, x.at"
    };
}
pub(in crate::store) use reject_columns;

/// Whether anything is kept: with nearly every import nothing is.
pub(in crate::store) const ANY: &str = "select exists (select 1 from reject)";

/// Kept records that match a filter; its clauses come in between. Binds: merchant, instalment, whether they wait,
/// number, limit, source that has them no longer.
pub(in crate::store) const MATCHING: [&str; 2] =
    [concat!("select ", reject_columns!(), " from reject x where true"), " order by x.id limit $5"];

/// The clauses of a filter.
pub(in crate::store) fn narrow(filter: &RejectFilter) -> [Clause; 5] {
    [
        (filter.merchant.is_some(), "x.merchant = $1"),
        (filter.installment.is_some(), "x.installment_id = $2"),
        (filter.waits.is_some(), "x.waits = $3"),
        (filter.after.is_some(), "x.id > $4"),
        (filter.vanished_from.is_some(), "x.is_vanished and x.source = $6"),
    ]
}

/// The instalments of which anything is kept.
pub(in crate::store) const INSTALLMENTS: &str =
    "select distinct merchant, installment_id from reject where merchant <> '' and installment_id <> ''";

/// How many are kept, by what they do.
pub(in crate::store) const COUNTS: &str = r#"
    select
        count(case when digest = '' and not waits and not is_vanished then 1 end) as faulty,
        count(case when is_vanished then 1 end) as vanished,
        count(case when waits then 1 end) as waiting,
        count(case when digest <> '' then 1 end) as unreadable
    from reject"#;

/// One kept record. Binds: number.
pub(in crate::store) const ONE: &str = concat!("select ", reject_columns!(), " from reject x where x.id = $1");

/// Keeps on record what is taken out, if it is of the merchant that may be named. Binds: number, when, who, why,
/// merchant.
pub(in crate::store) const RECORD_DROP: &str = r#"
    insert into dropped_reject (id, merchant, installment_id, fault, at, actor, reason)
    select id, merchant, installment_id, reason, $2, $3, $4 from reject
    where id = $1 and merchant = coalesce($5, merchant)"#;

/// The records that people dropped. Binds: limit.
pub(in crate::store) const DROPPED: &str = r#"
    select id, merchant, installment_id, fault, at, actor, reason from dropped_reject
    order by at desc, id desc limit $1"#;

#[derive(FromRow)]
pub(in crate::store) struct RejectRow {
    id: i64,
    installment_id: String,
    merchant: String,
    source: String,
    kind: String,
    is_vanished: bool,
    waits: bool,
    cells: String,
    reason: String,
    at: Moment,
}

impl RejectRow {
    pub(in crate::store) fn kept(self, ring: Option<&KeyRing>) -> Result<KeptRecord, StoreError> {
        let cells = open_cells(ring, [&self.installment_id, &self.merchant, &self.source], self.cells)?;
        let cells = serde_json::from_str(&cells).map_err(|_| StoreError::Corrupt { column: "reject.cells" })?;
        let record = RejectedRecord {
            source: read_if_known(some(self.source), "reject.source", str::parse)?,
            kind: match self.is_vanished {
                true => RecordKind::Vanished,
                false => read(&self.kind, "reject.kind", str::parse)?,
            },
            merchant: read_if_known(some(self.merchant), "reject.merchant", str::parse)?,
            installment: read_if_known(some(self.installment_id), "reject.installment_id", str::parse)?,
            cells: RecordCells(cells),
            waits: self.waits,
            reason: self.reason,
        };
        Ok(KeptRecord { id: self.id, at: self.at.0, record })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct RejectCountsRow {
    faulty: i64,
    vanished: i64,
    waiting: i64,
    unreadable: i64,
}

impl RejectCountsRow {
    pub(in crate::store) fn counts(&self) -> RejectCounts {
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        RejectCounts {
            faulty: count(self.faulty),
            vanished: count(self.vanished),
            waiting: count(self.waiting),
            unreadable: count(self.unreadable),
        }
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DroppedRow {
    id: i64,
    merchant: String,
    installment_id: String,
    fault: String,
    at: Moment,
    actor: String,
    reason: String,
}

impl DroppedRow {
    pub(in crate::store) fn dropped(self) -> Result<DroppedRecord, StoreError> {
        Ok(DroppedRecord {
            id: self.id,
            merchant: read_if_known(some(self.merchant), "dropped_reject.merchant", str::parse)?,
            installment: read_if_known(some(self.installment_id), "dropped_reject.installment_id", str::parse)?,
            fault: self.fault,
            order: DropOrder { actor: self.actor, reason: self.reason, at: self.at.0 },
        })
    }
}

/// Keys are never null, so that one index holds them; empty is none.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
