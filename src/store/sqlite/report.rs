//! Statements for what gateways tell: SQLite takes a batch as JSON.

use crate::store::sql::report::{addresses, by_provider_id, foreign};

/// Reminders of a gateway's own numbers. Rows: number. Binds after them: gateway. `cross join` would keep the batch the
/// outer loop, but the index leaves no other way.
pub(super) const BY_PROVIDER_ID: &str =
    by_provider_id!("(select value ->> 0 as provider_id from json_each($1)) k", "$2");

/// Reminders of other gateways. Rows: number. Binds after them: gateway.
pub(super) const FOREIGN: &str = foreign!("(select value ->> 0 as id from json_each($1)) k", "$2");

/// Where the messages of reminders go to. Rows: number.
pub(super) const ADDRESSES: &str = addresses!("json_each($1) k cross join reminder r on r.id = k.value ->> 0");

/// Keeps reports that are not kept yet. Rows: the columns in the order of the insert.
pub(super) const KEEP: &str = r#"
    insert into kept_report (gateway, reminder_id, provider_id, reported_state, code, is_hint, at, received_at, look_at)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8
    from json_each($1) where true
    on conflict (gateway, coalesce(provider_id, ''), coalesce(reminder_id, 0), reported_state) do nothing"#;

/// Puts kept reports off. Rows: number, time.
pub(super) const PUT_OFF: &str = r#"
    update kept_report set look_at = m.look_at
    from (select value ->> 0 as id, value ->> 1 as look_at from json_each($1)) m
    where kept_report.id = m.id"#;

/// Takes kept reports out. Rows: number.
pub(super) const REMOVE: &str = "delete from kept_report where id in (select value ->> 0 from json_each($1))";
