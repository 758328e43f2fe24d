//! The table `route_version`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::value::Moment;
use crate::domain::{Route, RouteKind, RouteVersion};
use crate::store::StoreError;

/// Adds a version. Binds: the columns.
pub(in crate::store) const APPEND: &str = r#"
    insert into route_version
        (route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"#;

/// Every version of one route, oldest first. Binds: key.
pub(in crate::store) const OF_KEY: &str = r#"
    select route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by
    from route_version where route_key = $1 order by id"#;

/// The newest version of each route, by key.
pub(in crate::store) const NEWEST: &str = r#"
    select route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by
    from route_version where id in (select max(id) from route_version group by route_key) order by route_key"#;

#[derive(FromRow)]
pub(in crate::store) struct RouteRow {
    route_key: String,
    at: Moment,
    actor: String,
    reason: String,
    merchant: String,
    product: Option<String>,
    kind: String,
    url: String,
    valid_from: Option<Moment>,
    valid_until: Option<Moment>,
    closed: bool,
    replaced_by: Option<String>,
}

impl RouteRow {
    pub(in crate::store) fn version(self) -> Result<RouteVersion, StoreError> {
        let kind = RouteKind::of(&self.kind, self.url).ok_or(StoreError::Corrupt { column: "route_version.kind" })?;
        let route = Route {
            key: read(&self.route_key, "route_version.route_key", str::parse)?,
            merchant: read(&self.merchant, "route_version.merchant", str::parse)?,
            product: self.product,
            kind,
            valid_from: self.valid_from.map(|from| from.0),
            valid_until: self.valid_until.map(|until| until.0),
            closed: self.closed,
            replaced_by: read_if_known(self.replaced_by, "route_version.replaced_by", str::parse)?,
        };
        Ok(RouteVersion { route, at: self.at.0, actor: self.actor, reason: self.reason })
    }
}
