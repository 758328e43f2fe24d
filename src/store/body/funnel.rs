//! What was sent, and what came of it.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::{Db, Tx};
use crate::domain::SentCount;
use crate::store::StoreError;
use crate::store::sql::funnel::{SENT, SentRow};
use crate::store::sql::value::Moment;

pub(super) async fn sent(tx: &mut Tx, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
    let rows: Vec<SentRow> =
        sqlx::query_as::<Db, _>(SENT).bind(Moment(span.start)).bind(Moment(span.end)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(SentRow::count).collect()
}
