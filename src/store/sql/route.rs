//! The table `route_version`.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::value::Moment;
use crate::domain::{AppGuide, AppSteps, EmailAddress, Route, RouteKind, RouteVersion, Support};
use crate::store::StoreError;

/// Adds a version. Binds: the columns.
pub(in crate::store) const APPEND: &str = r#"
    insert into route_version
        (route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by,
         details)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"#;

/// Every version of one route, oldest first. Binds: key.
pub(in crate::store) const OF_KEY: &str = r#"
    select route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by,
        details
    from route_version where route_key = $1 order by id"#;

/// The newest version of each route, by key.
pub(in crate::store) const NEWEST: &str = r#"
    select route_key, at, actor, reason, merchant, product, kind, url, valid_from, valid_until, closed, replaced_by,
        details
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
    details: Option<String>,
}

/// The details of a route other than its URL.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Details {
    stores: Vec<String>,
    steps: AppSteps,
    phone: Option<String>,
    email: Option<String>,
    hours: Option<String>,
}

/// The column `details` of a route.
pub(in crate::store) fn details(kind: &RouteKind) -> Option<String> {
    let details = match kind.clone() {
        RouteKind::Web { .. } => Details::default(),
        RouteKind::App { guide: AppGuide { stores, steps }, .. } => Details { stores, steps, ..Details::default() },
        RouteKind::Support { contact } => contact.map_or_else(Details::default, |Support { phone, email, hours }| {
            let (email, hours) = (email.map(|email| email.as_str().to_owned()), hours.map(|hours| hours.to_string()));
            Details { phone, email, hours, ..Details::default() }
        }),
    };
    // Texts and lists of texts are always JSON.
    if details == Details::default() { None } else { serde_json::to_string(&details).ok() }
}

fn kind(word: &str, url: String, details: Option<String>) -> Result<RouteKind, StoreError> {
    const DETAILS: &str = "route_version.details";
    let Details { stores, steps, phone, email, hours } = match details {
        Some(details) => serde_json::from_str(&details).map_err(|_| StoreError::Corrupt { column: DETAILS })?,
        None => Details::default(),
    };
    Ok(match word {
        "web" => RouteKind::Web { url },
        "app" => RouteKind::App { url, guide: AppGuide { stores, steps } },
        "support" => {
            let email = read_if_known(email, DETAILS, EmailAddress::new)?;
            // Hours of a version that is older than their present form are left out, and nothing else of it.
            let hours = hours.and_then(|hours| hours.parse().ok());
            let is_own = phone.is_some() || email.is_some();
            RouteKind::Support { contact: is_own.then_some(Support { phone, email, hours }) }
        }
        _ => return Err(StoreError::Corrupt { column: "route_version.kind" }),
    })
}

impl RouteRow {
    pub(in crate::store) fn version(self) -> Result<RouteVersion, StoreError> {
        let route = Route {
            key: read(&self.route_key, "route_version.route_key", str::parse)?,
            merchant: read(&self.merchant, "route_version.merchant", str::parse)?,
            product: self.product,
            kind: kind(&self.kind, self.url, self.details)?,
            valid_from: self.valid_from.map(|from| from.0),
            valid_until: self.valid_until.map(|until| until.0),
            closed: self.closed,
            replaced_by: read_if_known(self.replaced_by, "route_version.replaced_by", str::parse)?,
        };
        Ok(RouteVersion { route, at: self.at.0, actor: self.actor, reason: self.reason })
    }
}
