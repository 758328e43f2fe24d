//! The table `click`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::{Click, ReminderId};
use crate::store::StoreError;

/// Adds a click. Binds: the columns.
pub(in crate::store) const APPEND: &str = "insert into click (at, reminder_id, route_key) values ($1, $2, $3)";

/// Clicks since then, oldest first. Binds: the time.
pub(in crate::store) const SINCE: &str = "select at, reminder_id, route_key from click where at >= $1 order by at, id";

#[derive(FromRow)]
pub(in crate::store) struct ClickRow {
    at: Moment,
    reminder_id: i64,
    route_key: String,
}

impl ClickRow {
    pub(in crate::store) fn click(self) -> Result<Click, StoreError> {
        Ok(Click {
            at: self.at.0,
            reminder: ReminderId(self.reminder_id),
            route: read(&self.route_key, "click.route_key", str::parse)?,
        })
    }
}
