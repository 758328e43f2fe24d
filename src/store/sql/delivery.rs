//! The table `delivery`.

use sqlx::FromRow;

use super::sealing::open_delivery;
use super::value::Moment;
use crate::domain::{KeyRing, SourceName};
use crate::store::{Delivery, StoreError};

/// Keeps a delivery, unless it is there. Binds: source, digest, now, body.
pub(in crate::store) const ADD: &str = r#"
    insert into delivery (source, digest, at, stage, body) values ($1, $2, $3, 'waiting', $4)
    on conflict (source, digest) do nothing"#;

/// A delivery. Binds: source, digest.
pub(in crate::store) const FIND: &str = "select id, stage from delivery where source = $1 and digest = $2";

/// Makes news of a delivery that was applied. Binds: number, now, body.
pub(in crate::store) const REPEAT: &str =
    "update delivery set stage = 'waiting', at = $2, body = $3 where id = $1 and stage = 'done'";

/// The deliveries of a source that wait, in their order. Binds: source, limit.
pub(in crate::store) const WAITING: &str = r#"
    select id, digest, at, body from delivery where source = $1 and stage = 'waiting' order by at, id limit $2"#;

/// Notes that a delivery is applied. Binds: number.
pub(in crate::store) const END: &str = "update delivery set stage = 'done', body = null where id = $1";

#[derive(FromRow)]
pub(in crate::store) struct DeliveryRow {
    id: i64,
    digest: String,
    at: Moment,
    body: Option<String>,
}

impl DeliveryRow {
    pub(in crate::store) fn delivery(
        self,
        ring: Option<&KeyRing>,
        source: &SourceName,
    ) -> Result<Delivery, StoreError> {
        let body = self.body.map(|body| open_delivery(ring, [source.as_str(), &self.digest], body)).transpose()?;
        Ok(Delivery { id: self.id, at: self.at.0, body })
    }
}
