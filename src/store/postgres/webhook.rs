//! Statements about webhooks that take a batch, and the ends of the tables whose records are posted.

use crate::store::sql::webhook::{paid_after_click, records, records_of_merchants};

/// The records of merchants, in the order of the tables. Binds: merchants; first and last number.
pub(super) const OF_MERCHANTS: [&str; 4] =
    records_of_merchants!("r.merchant = any ($1::text[])", "o.merchant = any ($1::text[])");

/// The numbers that were given out. Those of rows that are visible suffice but for events, whose numbers no index
/// sorts: whoever has a smaller number and is not visible yet is among the [`WRITERS`].
pub(super) const ENDS: &str = "\
    select (select case when is_called then last_value else 0 end from event_id_seq) as event_id, \
    (select coalesce(max(id), 0) from click) as click_id, (select coalesce(max(id), 0) from reply) as reply_id, \
    (select coalesce(max(id), 0) from occurrence) as occurrence_id";

/// The transactions that write to one of the tables. A statement takes this lock before it draws a number, and its
/// transaction keeps the lock until it is over. Read after the ends.
pub(super) const WRITERS: &str = "\
    select distinct virtualtransaction from pg_locks \
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted \
      and database = (select oid from pg_database where datname = current_database()) \
      and relation in ('event'::regclass, 'click'::regclass, 'reply'::regclass, 'occurrence'::regclass)";

/// The instalments of borrowers by due date. Binds: merchants, borrowers, due dates.
pub(super) const INSTALLMENTS: &str = r#"
    select i.merchant, i.borrower_id, i.due_date, i.installment_id
    from unnest($1::text[], $2::text[], $3::date[]) as k (merchant, borrower_id, due_date)
    join installment i on i.borrower_id = k.borrower_id and i.merchant = k.merchant and i.due_date = k.due_date
    order by i.merchant, i.borrower_id, i.due_date, i.installment_id"#;

/// Instalments that were paid after their borrower followed a link about them, each once. Binds: merchants,
/// instalments.
pub(super) const PAID_AFTER_CLICK: &str = paid_after_click!(
    "unnest($1::text[], $2::text[]) as k (merchant, installment_id) \
     join installment i on i.installment_id = k.installment_id and i.merchant = k.merchant"
);
