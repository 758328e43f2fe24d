//! The tables `source` and `source_merchant`.

use std::collections::BTreeSet;

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::value::Moment;
use crate::domain::SourceState;
use crate::store::StoreError;

/// Notes how far a source has been read; never backwards, whoever comes late. Binds: the columns.
pub(in crate::store) const NOTE: &str = r#"
    insert into source (name, read_to, pulled_at) values ($1, $2, $3)
    on conflict (name) do update set
        read_to = case
            when source.read_to is null or excluded.read_to > source.read_to then excluded.read_to else source.read_to
        end,
        pulled_at = case
            when source.pulled_at is null or excluded.pulled_at > source.pulled_at then excluded.pulled_at
            else source.pulled_at
        end"#;

/// Notes that a source has named a merchant. Binds: source, merchant.
pub(in crate::store) const NAME: &str =
    "insert into source_merchant (source, merchant) values ($1, $2) on conflict do nothing";

/// All of them, with a row for each merchant that a source has named, and one for a source that has named none.
pub(in crate::store) const ALL: &str = r#"
    select source.name, source.read_to, source.pulled_at, source_merchant.merchant
    from source left join source_merchant on source_merchant.source = source.name
    order by source.name, source_merchant.merchant"#;

#[derive(FromRow)]
pub(in crate::store) struct SourceRow {
    name: String,
    read_to: Option<Moment>,
    pulled_at: Option<Moment>,
    merchant: Option<String>,
}

/// The sources of rows in their order.
pub(in crate::store) fn states(rows: Vec<SourceRow>) -> Result<Vec<SourceState>, StoreError> {
    let mut states: Vec<SourceState> = Vec::new();
    for row in rows {
        let merchant = read_if_known(row.merchant, "source_merchant.merchant", str::parse)?;
        match states.last_mut().filter(|last| last.name.as_str() == row.name) {
            Some(last) => last.merchants.extend(merchant),
            None => states.push(SourceState {
                name: read(&row.name, "source.name", str::parse)?,
                read_to: row.read_to.map(|moment| moment.0),
                pulled_at: row.pulled_at.map(|moment| moment.0),
                merchants: BTreeSet::from_iter(merchant),
            }),
        }
    }
    Ok(states)
}
