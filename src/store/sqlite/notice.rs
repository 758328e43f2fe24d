//! Statements about notices that take a batch: SQLite takes it as JSON.

use crate::store::sql::notice::signs;

/// Adds recipients; who is one already stays as it is. Rows: the columns; then bind: the notice.
pub(super) const ADD_RECIPIENTS: &str = r#"
    insert into notice_recipient (notice, merchant, borrower_id, due_date, channel)
    select $2, value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each($1) where true
    on conflict (notice, merchant, borrower_id) do nothing"#;

/// The signs of messages about these due dates. Rows: merchant, borrower, due date.
pub(super) const SIGNS: &str =
    signs!("(select value ->> 0 as merchant, value ->> 1 as borrower_id, value ->> 2 as due_date from json_each($1))");
