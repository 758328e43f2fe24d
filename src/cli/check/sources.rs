//! `dueherald check --online` of a source.

use crate::source::sql::{SqlError, SqlReader, SqlSource};

/// Lets the database look at every query of a source.
pub(super) async fn look_at(source: &SqlSource, reader: &mut SqlReader) -> Result<(), SqlError> {
    reader.data_at().await?;
    for branch in source.branches() {
        reader.begin(branch, None).await?;
    }
    Ok(())
}
