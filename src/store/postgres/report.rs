//! Statements for what gateways tell: PostgreSQL takes a batch as one array for each column.

use crate::store::sql::report::{addresses, by_provider_id, foreign};

/// Reminders of a gateway's own numbers. Binds: numbers; gateway.
pub(super) const BY_PROVIDER_ID: &str = by_provider_id!("unnest($1::text[]) as k (provider_id)", "$2");

/// Reminders of other gateways. Binds: numbers; gateway.
pub(super) const FOREIGN: &str = foreign!("unnest($1::bigint[]) as k (id)", "$2");

/// Where the messages of reminders go to. Binds: numbers.
pub(super) const ADDRESSES: &str = addresses!("unnest($1::bigint[]) as k (id) join reminder r on r.id = k.id");

/// Keeps reports that are not kept yet. Binds: the columns in the order of the insert.
pub(super) const KEEP: &str = r#"
    insert into kept_report (gateway, reminder_id, provider_id, reported_state, code, is_hint, at, received_at, look_at)
    select * from unnest(
        $1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[],
        $8::timestamptz[], $9::timestamptz[]
    )
    on conflict (gateway, coalesce(provider_id, ''), coalesce(reminder_id, 0), reported_state) do nothing"#;

/// Puts kept reports off. Binds: numbers, times.
pub(super) const PUT_OFF: &str = r#"
    update kept_report k set look_at = m.look_at
    from unnest($1::bigint[], $2::timestamptz[]) as m (id, look_at)
    where k.id = m.id"#;

/// Takes kept reports out. Binds: numbers.
pub(super) const REMOVE: &str = "delete from kept_report where id = any ($1::bigint[])";
