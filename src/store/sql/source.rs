//! The tables `source`, `source_branch` and `source_merchant`.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::value::Moment;
use crate::domain::SourceState;
use crate::store::StoreError;

/// Notes how far a source has been read; never backwards, whoever comes late. Binds: the columns.
pub(in crate::store) const NOTE: &str = r#"
    insert into source (name, read_to, pulled_at, data_at, full_read_at) values ($1, $2, $3, $4, $5)
    on conflict (name) do update set
        read_to = case
            when source.read_to is null or excluded.read_to > source.read_to then excluded.read_to else source.read_to
        end,
        pulled_at = case
            when source.pulled_at is null or excluded.pulled_at > source.pulled_at then excluded.pulled_at
            else source.pulled_at
        end,
        data_at = case
            when source.data_at is null or excluded.data_at > source.data_at then excluded.data_at else source.data_at
        end,
        full_read_at = case
            when source.full_read_at is null or excluded.full_read_at > source.full_read_at then excluded.full_read_at
            else source.full_read_at
        end"#;

/// The same for a branch. Binds: the columns.
pub(in crate::store) const NOTE_BRANCH: &str = r#"
    insert into source_branch (source, branch, read_to) values ($1, $2, $3)
    on conflict (source, branch) do update set read_to = excluded.read_to
    where excluded.read_to > source_branch.read_to"#;

/// The places of all branches.
pub(in crate::store) const BRANCHES: &str = "select source, branch, read_to from source_branch order by source, branch";

/// Notes that a source has named a merchant. Binds: source, merchant.
pub(in crate::store) const NAME: &str =
    "insert into source_merchant (source, merchant) values ($1, $2) on conflict do nothing";

/// All of them, with a row for each merchant that a source has named, and one for a source that has named none.
pub(in crate::store) const ALL: &str = r#"
    select source.name, source.read_to, source.pulled_at, source.data_at, source.full_read_at, source_merchant.merchant
    from source left join source_merchant on source_merchant.source = source.name
    order by source.name, source_merchant.merchant"#;

#[derive(FromRow)]
pub(in crate::store) struct SourceRow {
    name: String,
    read_to: Option<Moment>,
    pulled_at: Option<Moment>,
    data_at: Option<Moment>,
    full_read_at: Option<Moment>,
    merchant: Option<String>,
}

#[derive(FromRow)]
pub(in crate::store) struct BranchRow {
    source: String,
    branch: String,
    read_to: Moment,
}

/// The sources of rows in their order.
pub(in crate::store) fn states(rows: Vec<SourceRow>, branches: Vec<BranchRow>) -> Result<Vec<SourceState>, StoreError> {
    let mut states: Vec<SourceState> = Vec::new();
    for row in rows {
        let merchant = read_if_known(row.merchant, "source_merchant.merchant", str::parse)?;
        match states.last_mut().filter(|last| last.name.as_str() == row.name) {
            Some(last) => last.merchants.extend(merchant),
            None => states.push(SourceState {
                name: read(&row.name, "source.name", str::parse)?,
                read_to: row.read_to.map(|moment| moment.0),
                branches: BTreeMap::new(),
                pulled_at: row.pulled_at.map(|moment| moment.0),
                data_at: row.data_at.map(|moment| moment.0),
                full_read_at: row.full_read_at.map(|moment| moment.0),
                merchants: BTreeSet::from_iter(merchant),
            }),
        }
    }
    for row in branches {
        if let Some(state) = states.iter_mut().find(|state| state.name.as_str() == row.source) {
            let branch = read(&row.branch, "source_branch.branch", str::parse)?;
            state.branches.insert(branch, row.read_to.0);
        }
    }
    Ok(states)
}
