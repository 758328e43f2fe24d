//! Statements about notices that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::notice::signs;

/// Adds recipients; who is one already stays as it is. Binds: the columns, then the notice.
pub(super) const ADD_RECIPIENTS: &str = r#"
    insert into notice_recipient (notice, merchant, borrower_id, due_date, channel)
    select $5, w.merchant, w.borrower_id, w.due_date, w.channel
    from unnest($1::text[], $2::text[], $3::date[], $4::text[]) as w (merchant, borrower_id, due_date, channel)
    on conflict (notice, merchant, borrower_id) do nothing"#;

/// The signs of messages about these due dates. Binds: merchant, borrower, due date.
pub(super) const SIGNS: &str =
    signs!("(select * from unnest($1::text[], $2::text[], $3::date[]) as u (merchant, borrower_id, due_date))");
