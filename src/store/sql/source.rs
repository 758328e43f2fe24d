//! The table `source`.

use sqlx::FromRow;

use super::borrower::read;
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

/// All of them.
pub(in crate::store) const ALL: &str = "select name, read_to, pulled_at from source order by name";

#[derive(FromRow)]
pub(in crate::store) struct SourceRow {
    name: String,
    read_to: Option<Moment>,
    pulled_at: Option<Moment>,
}

impl SourceRow {
    pub(in crate::store) fn state(self) -> Result<SourceState, StoreError> {
        Ok(SourceState {
            name: read(&self.name, "source.name", str::parse)?,
            read_to: self.read_to.map(|moment| moment.0),
            pulled_at: self.pulled_at.map(|moment| moment.0),
        })
    }
}
