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

/// Clicks of a borrower, newest first. Binds: borrower, merchant, limit.
pub(in crate::store) const OF_BORROWER: &str = "\
    select c.at, c.reminder_id, c.route_key from reminder r join click c on c.reminder_id = r.id \
    where r.borrower_id = $1 and r.merchant = $2 order by c.at desc, c.id desc limit $3";

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
